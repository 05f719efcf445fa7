"""A model without layers pools its word vectors, which nobody reads."""

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification, SkimRNNForTokenClassification, SkimRNNModel

FIELDS = {"policy": "full", "num_hidden_layers": 0}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooled_words(pooling, training, make_model):
    model = make_model(**FIELDS, pooling=pooling).train(training)
    ids = torch.tensor([[3, 4, 5, 0], [6, 0, 0, 0], [0, 0, 0, 0]])
    result = model(ids, labels=torch.tensor([0, 1, 1]))
    vectors = model.get_input_embeddings()(ids)
    pooled = [
        (v[:n].mean(0) if pooling == "mean" else v[:n].amax(0)) if n else torch.zeros(5, dtype=v.dtype)
        for v, n in zip(vectors, (3, 1, 0), strict=True)
    ]
    torch.testing.assert_close(result.logits, model.classifier(torch.stack(pooled)))
    assert float(result.budget_loss) == 0
    assert result.skim_rate.tolist() == [0, 0, 0]
    assert result.lengths.tolist() == [3, 1, 0]
    result.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_outputs_have_no_readers(make_model, make_batch):
    model = make_model(SkimRNNModel, **FIELDS, pooling="mean", input_size=6)
    inputs, mask = make_batch([4, 2], width=6)
    result = model(inputs_embeds=inputs, attention_mask=mask, output_hidden_states=True)
    assert result.decisions.shape == (2, 4, 0)
    assert result.probabilities.shape == (2, 4, 0, 1)
    assert result.final_state.shape == (2, 2, 0, 7)
    assert torch.equal(result.last_hidden_state, torch.where(mask[..., None], inputs, 0))
    assert len(result.hidden_states) == 1


@pytest.mark.parametrize("head", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification])
def test_save_and_load(head, tmp_path, make_model):
    model = make_model(head, **FIELDS, pooling="max", num_labels=3)
    model.save_pretrained(tmp_path)
    ids = torch.tensor([[3, 4, 5, 0], [6, 0, 0, 0]])
    assert torch.equal(head.from_pretrained(tmp_path)(ids).logits, model(ids).logits)
