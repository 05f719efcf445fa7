"""What can be read: words, features, any kind of mask, nothing at all; and what is refused."""

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification, SkimRNNForTokenClassification, SkimRNNModel

LENGTHS = [3, 7, 0, 1]


def ids_and_mask():
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    generator = torch.Generator().manual_seed(4)
    return torch.randint(1, 23, mask.shape, generator=generator) * mask, mask


def test_continuous_features(make_model, make_batch):
    model = make_model(input_size=5)
    assert not any("embed" in name for name, _ in model.named_parameters())
    inputs, mask = make_batch(LENGTHS)
    result = model(inputs_embeds=inputs, attention_mask=mask, labels=torch.tensor([0, 1, 0, 1]))
    assert result.logits.shape == (4, 2)
    unmasked = model(inputs_embeds=inputs)
    assert unmasked.lengths.tolist() == [7] * 4


@pytest.mark.parametrize(
    "cls", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification, SkimRNNModel]
)
def test_without_a_mask_padding_is_the_padding_word(cls, make_model):
    model = make_model(cls)
    ids, mask = ids_and_mask()
    given, inferred = model(ids, mask), model(ids)
    assert inferred.lengths.tolist() == LENGTHS
    assert torch.equal(given[0], inferred[0])
    model.config.pad_token_id = None
    assert model(ids).lengths.tolist() == [7] * 4


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_any_kind_of_mask(dtype, make_model):
    model = make_model()
    ids, mask = ids_and_mask()
    assert torch.equal(model(ids, mask.to(dtype)).logits, model(ids, mask).logits)


@pytest.mark.parametrize("cls", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification])
@pytest.mark.parametrize("shape", [(3, 0), (2, 4), (0, 5), (0, 0)], ids=str)
@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru"])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_to_read(training, cell_type, policy, shape, cls, make_model):
    model = make_model(cls, cell_type=cell_type, policy=policy, num_hidden_layers=2).train(training)
    ids = torch.zeros(shape, dtype=torch.int64)
    result = model(ids)
    width = 1 if policy == "full" else 2
    assert result.probabilities.shape == (*shape, 2, width)
    assert result.decisions.shape == (*shape, 2)
    assert bool((result.decisions == -1).all())
    assert result.skim_rate.tolist() == [0.0] * shape[0]
    assert result.final_state.shape == (shape[0], 2 if cell_type == "lstm" else 1, 2, 7)
    assert bool((result.final_state == 0).all())
    if shape[0] and cls is SkimRNNForSequenceClassification:
        torch.testing.assert_close(result.logits, model.classifier.bias.expand(shape[0], 2))
        trained = model(ids, labels=torch.zeros(shape[0], dtype=torch.int64))
        trained.loss.backward()
        assert trained.budget_loss.item() == 0
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("shape", [(3, 0), (2, 4), (0, 5)], ids=str)
def test_nothing_to_pool(shape, pooling, make_model):
    model = make_model(pooling=pooling, bidirectional=True)
    logits = model(torch.zeros(shape, dtype=torch.int64)).logits
    torch.testing.assert_close(logits, model.classifier.bias.expand(shape[0], 2))


IDS = torch.ones(2, 3, dtype=torch.int64)
VECTORS = torch.ones(2, 3, 5, dtype=torch.float64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either input_ids"),
        ({"input_ids": IDS, "inputs_embeds": VECTORS}, "either input_ids"),
        ({"input_ids": IDS[0]}, "must be a batch"),
        ({"input_ids": IDS, "attention_mask": IDS[:, :2]}, "attention_mask must have the shape"),
        ({"input_ids": IDS, "attention_mask": IDS[0]}, "attention_mask must have the shape"),
        ({"inputs_embeds": VECTORS[..., :4]}, r"inputs_embeds.*\[B, T, 5\]"),
        ({"inputs_embeds": VECTORS.long()}, r"inputs_embeds must be floats; got torch.int64"),
        ({"inputs_embeds": VECTORS[0]}, r"inputs_embeds.*\[B, T, "),
        ({"input_ids": IDS, "initial_state": torch.zeros(2, 1, 1, 7)}, "initial_state must have the shape"),
        ({"input_ids": IDS, "initial_state": torch.zeros(1, 2, 1, 7)}, "initial_state must have the shape"),
        ({"input_ids": IDS, "skim_threshold": 1.01}, "skim_threshold"),
        ({"input_ids": IDS, "skim_threshold": -0.01}, "skim_threshold"),
        ({"input_ids": IDS, "skim_threshold": float("nan")}, "skim_threshold"),
        ({"input_ids": IDS, "temperature": 0.0}, "temperature"),
        ({"input_ids": IDS, "temperature": float("nan")}, "temperature"),
    ],
    ids=str,
)
@pytest.mark.parametrize("cls", [SkimRNNForSequenceClassification, SkimRNNModel])
def test_impossible_inputs_are_refused(cls, arguments, message, make_model):
    with pytest.raises(ValueError, match=message):
        make_model(cls)(**arguments)


def test_words_are_refused_by_a_model_of_features(make_model):
    with pytest.raises(ValueError, match="inputs_embeds"):
        make_model(input_size=5)(IDS)


STATE = torch.zeros(2, 2, 1, 7, dtype=torch.float64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": IDS.to("meta")}, "input_ids must be on cpu"),
        (
            {"input_ids": IDS, "attention_mask": IDS.to("meta")},
            "inputs are on cpu, the attention_mask on meta",
        ),
        ({"inputs_embeds": VECTORS.to("meta"), "attention_mask": IDS}, "inputs are on meta"),
        ({"input_ids": IDS, "initial_state": STATE.to("meta")}, "initial_state must be on cpu"),
        ({"inputs_embeds": VECTORS.float()}, "inputs must have the dtype torch.float64"),
        ({"inputs_embeds": VECTORS.bfloat16()}, "inputs must have the dtype torch.float64"),
        (
            {"input_ids": IDS, "initial_state": STATE.float()},
            "initial_state must have the dtype torch.float64",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["train", "eval", "no grad"])
@pytest.mark.parametrize("policy", ["full", "skim"])
def test_other_devices_and_dtypes_are_refused_in_every_pass(policy, mode, arguments, message, make_model):
    model = make_model(policy=policy).train(mode == "train")
    with torch.set_grad_enabled(mode != "no grad"), pytest.raises(ValueError, match=message):
        model(**arguments)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_weights_of_several_dtypes_are_refused(mode, make_model):
    model = make_model().train(mode == "train")
    model.skim_rnn.layers[0].readers[0].cells[1].float()
    with pytest.raises(ValueError, match="weights of a reader must have one dtype"):
        model(IDS)


@pytest.mark.parametrize("mode", ["train", "eval", "no grad"])
def test_autocast_takes_inputs_of_either_precision(mode, make_model):
    model = make_model(input_size=5).float().train(mode == "train")
    labels = torch.tensor([0, 1])
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        with torch.set_grad_enabled(mode != "no grad"), torch.autocast("cpu", torch.bfloat16):
            output = model(
                inputs_embeds=VECTORS.to(dtype), labels=labels, generator=torch.Generator().manual_seed(0)
            )
        losses.append(output.loss)
        assert output.loss.dtype == output.final_state.dtype == torch.float32
    # Noise is drawn in the precision of the inputs.
    torch.testing.assert_close(losses[0], losses[1], rtol=0.05, atol=0.05)
