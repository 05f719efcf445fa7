"""The task heads: pooling, classifier, and the loss of each kind of problem."""

import pytest
import torch
from torch.nn import functional

from skim_hf import SkimRNNForSequenceClassification, SkimRNNForTokenClassification, SkimRNNModel

LENGTHS = torch.tensor([4, 2, 0, 3])
MASK = torch.arange(4) < LENGTHS[:, None]
IDS = torch.arange(1, 17).reshape(4, 4)


def pooled_by_hand(encoded, pooling):
    """What the classifier sees, text by text."""
    rows = []
    for states, length in zip(encoded.last_hidden_state, LENGTHS.tolist(), strict=True):
        width = states.shape[1]
        real = states[:length]
        if length == 0:
            rows.append(torch.zeros(width, dtype=states.dtype))
        elif pooling == "mean":
            rows.append(real.mean(0))
        elif pooling == "max":
            rows.append(real.amax(0))
        else:
            # The backward reader ends at the first token.
            rows.append(torch.cat((real[-1, :7], real[0, 7:])))
    return torch.stack(rows)


@pytest.mark.parametrize("cell_type", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_pooling(pooling, bidirectional, cell_type, make_model):
    model = make_model(
        pooling=pooling, bidirectional=bidirectional, cell_type=cell_type, num_hidden_layers=2, num_labels=3
    )
    encoded = model.skim_rnn(IDS, MASK)
    expected = model.classifier(pooled_by_hand(encoded, pooling))
    torch.testing.assert_close(model(IDS, MASK).logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_an_empty_text_is_classified_from_the_initial_state(pooling, make_model):
    model = make_model(pooling=pooling)
    state = torch.randn(1, 2, 1, 7, dtype=torch.float64)
    logits = model(torch.zeros(1, 3, dtype=torch.int64), initial_state=state).logits
    seen = state[:, 0, 0] if pooling == "last" else torch.zeros(1, 7, dtype=torch.float64)
    torch.testing.assert_close(logits, model.classifier(seen))


def test_single_label(make_model):
    model, labels = make_model(num_labels=3), torch.tensor([0, 2, 1, 2])
    result = model(IDS, MASK, labels=labels)
    assert result.logits.shape == (4, 3)
    torch.testing.assert_close(result.task_loss, functional.cross_entropy(result.logits, labels))
    assert model.config.problem_type == "single_label_classification"


def test_several_labels(make_model):
    model = make_model(num_labels=3)
    labels = torch.randint(0, 2, (4, 3)).double()
    result = model(IDS, MASK, labels=labels)
    expected = functional.binary_cross_entropy_with_logits(result.logits, labels)
    torch.testing.assert_close(result.task_loss, expected)
    assert model.config.problem_type == "multi_label_classification"


@pytest.mark.parametrize("targets", [1, 2])
def test_regression(targets, make_model):
    model = make_model(num_labels=targets, problem_type="regression")
    labels = torch.randn(4, targets, dtype=torch.float64).squeeze(1)
    result = model(IDS, MASK, labels=labels)
    torch.testing.assert_close(result.task_loss, functional.mse_loss(result.logits.squeeze(1), labels))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_token_labels(bidirectional, make_model):
    model = make_model(SkimRNNForTokenClassification, num_labels=5, bidirectional=bidirectional)
    labels = torch.randint(0, 5, (4, 4)).masked_fill(~MASK, -100)
    result = model(IDS, MASK, labels=labels)
    encoded = model.skim_rnn(IDS, MASK)
    assert result.logits.shape == (4, 4, 5)
    torch.testing.assert_close(result.logits, model.classifier(encoded.last_hidden_state))
    expected = functional.cross_entropy(result.logits[MASK], labels[MASK])
    # transformers computes this loss in float32.
    torch.testing.assert_close(result.task_loss, expected, check_dtype=False)


@pytest.mark.parametrize("cls", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification])
def test_heads_report_what_the_encoder_did(cls, make_model):
    model = make_model(cls, num_hidden_layers=2, bidirectional=True, skim_sizes=[3, 0])
    encoded, result = model.skim_rnn(IDS, MASK), model(IDS, MASK)
    for name in ("decisions", "probabilities", "skim_rate", "lengths", "final_state"):
        assert torch.equal(encoded[name], result[name]), name
    assert result.decisions.shape == (4, 4, 4)
    assert result.probabilities.shape == (4, 4, 4, 3)
    assert result.lengths.tolist() == LENGTHS.tolist()


def test_the_skim_rate_is_the_share_of_real_tokens_not_read(make_model):
    model = make_model(SkimRNNModel, num_hidden_layers=2, skim_sizes=[3, 0])
    result = model(IDS, MASK)
    for decisions, length, rate in zip(result.decisions, LENGTHS.tolist(), result.skim_rate, strict=True):
        expected = (decisions[:length] != 0).double().mean().item() if length else 0.0
        assert rate.item() == pytest.approx(expected)


def test_the_dial_reaches_the_encoder(make_model):
    model = make_model()
    assert bool((model(IDS, MASK, skim_threshold=1.0).skim_rate == 0).all())
    assert model(IDS, MASK, skim_threshold=0.0).skim_rate.tolist() == [1, 1, 0, 1]
    model.config.skim_threshold = 1.0
    assert bool((model(IDS, MASK).skim_rate == 0).all())


@pytest.mark.parametrize("cls", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification])
def test_only_the_logits_are_kept_at_inference(cls, make_model):
    model = make_model(cls)
    labels = torch.zeros(MASK.shape if cls is SkimRNNForTokenClassification else (4,), dtype=torch.int64)
    result = model(IDS, MASK, labels=labels, output_hidden_states=True)
    assert set(result) - set(model.config.keys_to_ignore_at_inference) == {"loss", "logits"}
