"""LSTMScan, the fast training pass, equals read_relaxed, the readable one."""

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNModel
from skim_hf.modeling.policies_skim_rnn import Setting
from skim_hf.modeling.reader_skim_rnn import read_relaxed
from skim_hf.modeling.scan_skim_rnn import LSTMScan, ScanShape

BATCHES = {"one": [4], "mixed": [6, 1, 3, 3], "with empty": [2, 0, 3, 0], "all empty": [0, 0], "no text": []}
SIZES = [None, [3], [0], [7], [5, 2, 0], [3, 3, 1]]


def run(read, reader, inputs, packing, start, noise, setting):
    """Everything that comes out and every gradient, for a loss with unequal weights of all outputs."""
    reader.zero_grad()
    inputs = inputs.clone().requires_grad_()
    start = tuple(part.clone().requires_grad_() for part in start)
    reading = read(inputs, packing, start, noise, setting)
    outputs = [reading.hidden, *reading.state]
    if noise is not None:
        outputs.append(reading.logits)
    generator = torch.Generator().manual_seed(5)
    loss = sum((o * torch.randn(o.shape, generator=generator, dtype=o.dtype)).sum() for o in outputs)
    loss.backward()
    grads = {name: p.grad for name, p in reader.named_parameters()}
    grads |= {"inputs": inputs.grad} | {f"start{i}": part.grad for i, part in enumerate(start)}
    return outputs, reading.choices, grads


def both(reader, inputs, packing, start, *, temperature=0.7, straight_through=False, noisy=True):
    setting = Setting(True, temperature, 0.5, straight_through)
    noise = reader.policy.draw_noise(inputs, torch.Generator().manual_seed(3)) if noisy else None
    fast = run(reader._scan, reader, inputs, packing, start, noise, setting)
    slow = run(lambda *args: read_relaxed(reader, *args), reader, inputs, packing, start, noise, setting)
    return fast, slow


def assert_equal(fast, slow):
    for got, want in zip(fast[0], slow[0], strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10)
    assert torch.equal(fast[1], slow[1])
    for name, want in slow[2].items():
        got = fast[2][name]
        # A parameter that took no part has no gradient in one pass and zeros in the other.
        want = torch.zeros_like(got) if want is None else want
        got = torch.zeros_like(want) if got is None else got
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("lengths", BATCHES.values(), ids=BATCHES.keys())
def test_scan_equals_the_readable_pass(lengths, sizes, small_input, straight_through, make_reader, packed):
    policy = "full" if sizes is None else "skim"
    reader = make_reader(policy=policy, skim_sizes=sizes, small_input=small_input)
    batch = packed(lengths, reader)
    assert_equal(*both(reader, *batch, straight_through=straight_through))


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 20.0])
def test_any_temperature(temperature, make_reader, packed):
    reader = make_reader(skim_sizes=[5, 2, 0])
    assert_equal(*both(reader, *packed([5, 3, 4], reader), temperature=temperature))


def test_long_sequences(make_reader, packed):
    reader = make_reader(skim_sizes=[3, 0])
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.mul_(0.3)
    assert_equal(*both(reader, *packed([63, 41], reader)))


def test_straight_through_goes_one_way_forward(make_reader, packed):
    reader = make_reader(skim_sizes=[0])
    inputs, packing, start = packed([6], reader)
    setting = Setting(True, 0.7, 0.5, straight_through=True)
    reading = reader._scan(inputs, packing, start, reader.policy.draw_noise(inputs), setting)
    before = torch.cat((start[0], reading.hidden[:-1]))
    copied = (reading.hidden == before).all(1)
    assert torch.equal(copied, reading.choices == 1)
    assert 0 < int(copied.sum()) < 6


@pytest.mark.parametrize("straight_through", [False, True])
def test_models_take_the_scan_for_lstm_and_only_for_it(straight_through, make_model, make_batch, monkeypatch):
    calls = []
    monkeypatch.setattr(LSTMScan, "apply", lambda *a, apply=LSTMScan.apply: calls.append(1) or apply(*a))
    inputs, mask = make_batch([3, 2])
    estimator = "straight_through" if straight_through else "gumbel"
    for cell_type, policy, expected in (("lstm", "skim", 2), ("lstm", "full", 2), ("gru", "skim", 0)):
        calls.clear()
        model = make_model(
            SkimRNNModel,
            cell_type=cell_type,
            policy=policy,
            estimator=estimator,
            input_size=5,
            bidirectional=True,
        ).train()
        model(inputs_embeds=inputs, attention_mask=mask)
        assert len(calls) == expected, (cell_type, policy)


@pytest.mark.parametrize(
    ("sizes", "choices", "k"),
    [((3,), (0,), 1), ((3, 2), (0, 1), 2), ((3,), (0,), 2), ((3, 2, 1), (0, 1, 2), 4)],
)
def test_gradcheck(sizes, choices, k):
    batch_sizes, columns = [2, 2, 1], 4 * sum(sizes) + (k if k > 1 else 0)
    shape = ScanShape(batch_sizes, sizes, choices, k, 0.7, False)
    shapes = ((5, 2), (2, columns), (columns,), (3, columns))
    tensors = [torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in shapes]
    start = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(5, k, dtype=torch.float64) if k > 1 else None
    assert torch.autograd.gradcheck(lambda *t: LSTMScan.apply(shape, *t[:4], noise, t[4]), (*tensors, start))


def test_frozen_parameters_and_inputs(make_reader, packed):
    reader = make_reader()
    for name, parameter in reader.named_parameters():
        parameter.requires_grad_("decision" in name)
    inputs, packing, start = packed([4, 2], reader)
    noise = reader.policy.draw_noise(inputs)
    reading = reader._scan(inputs, packing, start, noise, Setting(True))
    reading.hidden.sum().backward()
    assert reader.policy.decision.weight.grad is not None
    assert reader.cells[0].weight_ih.grad is None


def test_plain_network_equals_torch_in_gradients_too(make_reader, packed):
    reader = make_reader(policy="full")
    inputs, packing, start = packed([5, 3, 3], reader)
    module = nn.LSTM(5, 7).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(module, f"{name}_l0").data.copy_(getattr(reader.cells[0], name))
    sequence = nn.utils.rnn.PackedSequence(inputs, torch.tensor(packing.batch_sizes))
    expected, _ = module(sequence, tuple(part[None] for part in start))
    expected.data.square().sum().backward()
    reading = reader(inputs, packing, start, None, Setting(True))
    reading.hidden.square().sum().backward()
    torch.testing.assert_close(reading.hidden, expected.data, rtol=0, atol=1e-12)
    torch.testing.assert_close(reader.cells[0].weight_hh.grad, module.weight_hh_l0.grad, rtol=0, atol=1e-10)
    torch.testing.assert_close(reader.cells[0].bias_hh.grad, module.bias_hh_l0.grad, rtol=0, atol=1e-10)
