"""Initial weights: their values, in new models and from the meta device, and warm starts."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from skim_hf import (
    SkimRNNConfig,
    SkimRNNForSequenceClassification,
    SkimRNNForTokenClassification,
    SkimRNNModel,
)
from skim_hf.modeling.cells_skim_rnn import LSTMCell, RecurrentCell

CLASSES = [SkimRNNModel, SkimRNNForSequenceClassification, SkimRNNForTokenClassification]
CELL_TYPES = ("lstm", "gru", "tanh")


def from_nothing(cls, config):
    """Built as `from_pretrained` builds: on the meta device, every weight missing."""
    return cls.from_pretrained(None, config=config, state_dict={})


def built(cls, config, how):
    return cls(config) if how == "directly" else from_nothing(cls, config)


@pytest.mark.parametrize("how", ["directly", "from the meta device"])
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_initial_values(cell_type, cls, how, make_config):
    config = make_config(cell_type=cell_type, skim_sizes=[3, 0], bidirectional=True, forget_bias=1.5)
    model = built(cls, config, how)
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32, name
        assert bool(tensor.isfinite().all()), name
        if name.endswith("bias_hh") or name.endswith("decision.bias") or name == "classifier.bias":
            assert bool((tensor == 0).all()), name
        elif not name.endswith("bias_ih"):
            assert bool((tensor != 0).any()), name
            assert float(tensor.abs().max()) < 2, name
    embedding = model.get_input_embeddings().weight
    assert bool((embedding[0] == 0).all())
    assert bool((embedding[1:] != 0).all())
    for cell in (module for module in model.modules() if isinstance(module, RecurrentCell)):
        expected = torch.zeros(cell.gates, cell.size)
        if isinstance(cell, LSTMCell):
            expected[1] = 1.5
        assert torch.equal(cell.bias_ih.detach().unflatten(0, (cell.gates, -1)), expected)


@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
def test_recurrent_weights_are_orthogonal_gate_by_gate(small_input, make_config):
    model = SkimRNNModel(make_config(small_input=small_input, skim_sizes=[7, 3]))
    for cell in model.layers[0].readers[0].cells:
        for gate in cell.weight_hh.detach().unflatten(0, (4, -1)):
            torch.testing.assert_close(gate @ gate.T, torch.eye(cell.size), rtol=0, atol=1e-5)


def test_scales_of_embeddings_and_classifier():
    config = SkimRNNConfig(
        vocab_size=2000, embedding_size=20, hidden_size=300, initializer_range=0.25, num_labels=5
    )
    model = SkimRNNForSequenceClassification(config)
    assert float(model.get_input_embeddings().weight.std().detach()) == pytest.approx(0.25, rel=0.05)
    assert float(model.classifier.weight.std().detach()) == pytest.approx(0.25, rel=0.1)
    # Xavier: the bound is that of one gate.
    bound = (6 / (20 + 300)) ** 0.5
    weight = model.skim_rnn.layers[0].readers[0].cells[0].weight_ih
    assert 0.95 * bound < float(weight.abs().max().detach()) <= bound


def test_decisions_start_near_one_half(make_config):
    model = SkimRNNModel(make_config()).eval()
    probabilities = model(torch.randint(1, 23, (8, 5))).probabilities[..., 1]
    assert bool(((probabilities - 0.5).abs() < 0.25).all())


@pytest.fixture
def plain_folder(tmp_path, make_model):
    make_model(policy="full", cell_type="lstm", num_hidden_layers=2).float().save_pretrained(tmp_path)
    return tmp_path


def test_a_warm_start_keeps_the_plain_weights(plain_folder):
    plain = load_file(plain_folder / "model.safetensors")
    model, report = SkimRNNForSequenceClassification.from_pretrained(
        plain_folder, policy="skim", skim_sizes=[3, 0], output_loading_info=True
    )
    assert (model.config.policy, model.config.skim_sizes) == ("skim", [3, 0])
    state = model.state_dict()
    for name, tensor in plain.items():
        assert torch.equal(state[name], tensor), name
    new = state.keys() - plain.keys()
    assert set(report["missing_keys"]) == new
    assert not report["unexpected_keys"]
    assert {name.split(".readers.0.")[1] for name in new} == {
        *(f"cells.1.{part}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        "policy.decision.weight",
        "policy.decision.bias",
    }
    for name in new:
        assert bool(state[name].isfinite().all()), name
        if name.endswith("decision.bias"):
            assert bool((state[name] == 0).all())
        if name.endswith("bias_ih"):
            assert state[name].tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6


def test_a_warm_start_that_reads_everything_is_the_plain_model(plain_folder):
    ids = torch.randint(1, 23, (3, 6))
    plain = SkimRNNForSequenceClassification.from_pretrained(plain_folder)
    skim = SkimRNNForSequenceClassification.from_pretrained(plain_folder, policy="skim", skim_sizes=[3])
    logits = skim(ids, skim_threshold=1.0).logits
    torch.testing.assert_close(logits, plain(ids).logits, rtol=0, atol=1e-6)


def test_what_a_partly_stored_module_has_is_kept(tmp_path, make_model):
    model = make_model(num_hidden_layers=1).float()
    model.save_pretrained(tmp_path)
    path, prefix = tmp_path / "model.safetensors", "skim_rnn.layers.0.readers.0."
    tensors = load_file(path)
    dropped = [
        prefix + name
        for name in ("cells.0.bias_ih", "cells.0.bias_hh", "cells.1.weight_hh", "policy.decision.bias")
    ]
    kept = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    save_file(kept, path, metadata={"format": "pt"})
    loaded = SkimRNNForSequenceClassification.from_pretrained(tmp_path).state_dict()
    for name, tensor in kept.items():
        assert torch.equal(loaded[name], tensor), name
    assert loaded[prefix + "cells.0.bias_ih"].tolist() == [0.0] * 7 + [1.0] * 7 + [0.0] * 14
    assert bool((loaded[prefix + "policy.decision.bias"] == 0).all())
    weight = loaded[prefix + "cells.1.weight_hh"]
    torch.testing.assert_close(weight[:3] @ weight[:3].T, torch.eye(3), rtol=0, atol=1e-5)
