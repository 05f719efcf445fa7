"""Recurrent cells: the equations and the weights of torch.nn, and what a step costs."""

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNForSequenceClassification, SkimRNNModel
from skim_hf.costs import ReaderShape, relative_costs, step_macs
from skim_hf.modeling import budgets_skim_rnn
from skim_hf.modeling.cells_skim_rnn import CELLS
from skim_hf.modeling.exchange_skim_rnn import TORCH_MODULES

CELL_TYPES = ("lstm", "gru", "tanh")
STEPS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "tanh": nn.RNNCell}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize(("width", "size"), [(1, 1), (5, 7), (13, 3)])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_one_step_equals_the_torch_cell(cell_type, width, size, rows, randomize):
    cell = randomize(CELLS[cell_type](width, size, size).double())
    reference = STEPS[cell_type](width, size).double()
    reference.load_state_dict(cell.state_dict())
    x = torch.randn(rows, width, dtype=torch.float64)
    state = tuple(torch.randn(rows, size, dtype=torch.float64) for _ in range(cell.parts))
    expected = reference(x, state if cell_type == "lstm" else state[0])
    expected = expected if cell_type == "lstm" else (expected,)
    for got, want in zip(cell(cell.project(x), state[0], state), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_gradients_of_one_step(cell_type, randomize):
    cell = randomize(CELLS[cell_type](3, 2, 4).double())
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    context = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    own = tuple(torch.randn(2, 2, dtype=torch.float64, requires_grad=True) for _ in range(cell.parts))
    assert torch.autograd.gradcheck(lambda a, b, *c: cell(cell.project(a), b, c), (x, context, *own))


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_gates_are_the_notation_of_the_library(cell_type):
    cell = CELLS[cell_type](5, 3, 7)
    assert (cell.gates, cell.parts) == {"lstm": (4, 2), "gru": (3, 1), "tanh": (1, 1)}[cell_type]
    shapes = [tuple(getattr(cell, name).shape) for name in NAMES]
    rows = cell.gates * 3
    assert shapes == [(rows, 5), (rows, 7), (rows,), (rows,)]


@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_weights_move_both_ways_exactly(cell_type, layers, bidirectional, policy, make_model):
    fields = {
        "num_hidden_layers": layers,
        "bidirectional": bidirectional,
        "cell_type": cell_type,
        "policy": policy,
    }
    model = make_model(SkimRNNModel, **fields)
    small = {n: p.clone() for n, p in model.named_parameters() if "cells.0" not in n}
    given = TORCH_MODULES[cell_type](5, 7, layers, batch_first=True, bidirectional=bidirectional).double()
    model.copy_from_torch(given)
    returned = model.to_torch()
    assert type(returned) is TORCH_MODULES[cell_type]
    assert returned.batch_first
    assert returned.state_dict().keys() == given.state_dict().keys()
    for name, tensor in given.state_dict().items():
        assert torch.equal(returned.state_dict()[name], tensor), name
    for name, tensor in small.items():
        assert torch.equal(dict(model.named_parameters())[name], tensor), name


def test_the_copy_is_a_copy(make_model):
    model = make_model(SkimRNNModel)
    module = model.to_torch()
    before = module.weight_ih_l0.clone()
    with torch.no_grad():
        model.layers[0].readers[0].cells[0].weight_ih.zero_()
    assert torch.equal(module.weight_ih_l0, before)


def test_to_torch_keeps_the_dtype(make_model):
    assert make_model(SkimRNNModel).to(torch.bfloat16).to_torch().weight_ih_l0.dtype == torch.bfloat16


@pytest.mark.parametrize(
    "module",
    [
        nn.GRU(5, 7),
        nn.RNN(5, 7),
        nn.LSTM(6, 7),
        nn.LSTM(5, 8),
        nn.LSTM(5, 7, 2),
        nn.LSTM(5, 7, bidirectional=True),
        nn.LSTM(5, 7, bias=False),
        nn.LSTM(5, 7, proj_size=3),
        nn.Linear(5, 7),
    ],
    ids=str,
)
def test_a_wrong_module_is_refused(module, make_model):
    model = make_model(SkimRNNModel)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=type(module).__name__):
        model.copy_from_torch(module)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_relu_network_is_refused(make_model):
    with pytest.raises(ValueError, match="RNN"):
        make_model(SkimRNNModel, cell_type="tanh").copy_from_torch(nn.RNN(5, 7, nonlinearity="relu"))


def test_dropout_and_batch_first_of_the_torch_module_do_not_matter(make_model):
    model = make_model(SkimRNNModel, num_hidden_layers=2)
    for module in (nn.LSTM(5, 7, 2, dropout=0.3), nn.LSTM(5, 7, 2, batch_first=True)):
        model.copy_from_torch(module.double())
        assert torch.equal(model.to_torch().weight_hh_l1, module.weight_hh_l1)


@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_multiply_adds_are_those_of_the_cost_model(cell_type, bidirectional, small_input, make_model):
    fields = {"cell_type": cell_type, "small_input": small_input, "num_hidden_layers": 2}
    model = make_model(skim_sizes=[7, 3, 0], bidirectional=bidirectional, **fields)
    assert isinstance(model, SkimRNNForSequenceClassification)
    for layer, width in zip(model.skim_rnn.layers, model.skim_rnn.input_widths, strict=True):
        shape = ReaderShape(cell_type, width, 7, (7, 3, 0), small_input)
        for reader in layer.readers:
            for choice in range(4):
                cell = reader.cell_of(choice)
                executed = 0 if cell is None else cell.weight_ih.numel() + cell.weight_hh.numel()
                assert (0 if cell is None else cell.multiply_adds) == executed == step_macs(shape, choice)
        assert budgets_skim_rnn.relative_costs(model.config, width) == pytest.approx(relative_costs(shape))
