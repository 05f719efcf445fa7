"""Other dtypes, autocast, and what is left behind after a pass."""

import pickle

import pytest
import torch

CELL_TYPES = ("lstm", "gru", "tanh")
IDS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [0, 0, 0, 0, 0]])
LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_lower_precision_in_evaluation(dtype, cell_type, policy, make_model):
    model = make_model(cell_type=cell_type, policy=policy, bidirectional=True, num_hidden_layers=2)
    # Forced, since a rounded probability may fall on the other side of the threshold.
    exact = model(IDS, skim_threshold=1.0)
    model.to(dtype)
    result = model(IDS, skim_threshold=1.0, labels=LABELS)
    for name in ("logits", "final_state", "probabilities"):
        assert result[name].dtype == dtype, name
    assert result.decisions.dtype == result.lengths.dtype == torch.int64
    assert bool(result.loss.isfinite())
    tolerance = {torch.float32: 1e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}[dtype]
    torch.testing.assert_close(result.logits.double(), exact.logits, rtol=0, atol=tolerance)


@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_training_in_bfloat16(cell_type, policy, make_model):
    model = make_model(cell_type=cell_type, policy=policy).to(torch.bfloat16).train()
    model(IDS, labels=LABELS).loss.backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_autocast_as_the_trainer_uses_it_for_bf16(cell_type, policy, training, make_model):
    model = make_model(cell_type=cell_type, policy=policy, num_hidden_layers=2).float().train(training)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(IDS, labels=LABELS).loss
    loss.backward()
    assert bool(loss.isfinite())
    assert all(
        bool(parameter.grad.isfinite().all())
        for parameter in model.parameters()
        if parameter.grad is not None
    )


def test_outputs_can_be_pickled(make_model):
    with torch.no_grad():
        result = make_model()(IDS)
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert torch.equal(again.logits, result.logits)


def test_no_tensor_is_kept_between_calls(make_model):
    model = make_model()
    before = {id(m): set(vars(m)) for m in model.modules()}
    for training in (True, False):
        model.train(training)(IDS, labels=LABELS)
    assert {id(m): set(vars(m)) for m in model.modules()} == before
    assert list(model.buffers()) == []


def test_inference_mode_and_a_frozen_encoder(make_model):
    model = make_model()
    with torch.inference_mode():
        logits = model(IDS).logits
    torch.testing.assert_close(logits, model(IDS).logits)
    model.skim_rnn.requires_grad_(False)
    model.train()(IDS, labels=LABELS).loss.backward()
    assert model.classifier.weight.grad is not None
    assert model.get_input_embeddings().weight.grad is None
