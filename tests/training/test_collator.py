from __future__ import annotations

import pytest
import torch


def test_batches_are_padded_with_a_mask(collator):
    batch = collator([{"input_ids": [5, 6], "labels": 1}, {"input_ids": [], "labels": 0}])
    assert batch["input_ids"].tolist() == [[5, 6], [0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1], [0, 0]]
    assert batch["labels"].tolist() == [1, 0]


def test_a_batch_of_empty_texts_is_one_padded_step(collator):
    batch = collator([{"input_ids": [], "labels": 1}, {"input_ids": [], "labels": 0}])
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "fields", [{}, {"policy": "full"}, {"cell_type": "gru"}, {"budget_type": "expected_cost"}]
)
def test_the_models_take_a_batch_of_empty_texts(collator, make_model, fields, training):
    batch = collator([{"input_ids": [], "labels": 1}, {"input_ids": [], "labels": 0}])
    outputs = make_model(**fields).train(training)(**batch)
    assert outputs.lengths.tolist() == [0, 0]
    assert torch.isfinite(outputs.loss)


def test_several_labels_and_numbers_are_floats(collator):
    assert collator([{"input_ids": [5], "labels": [1.0, 0.0]}])["labels"].dtype == torch.float32
    assert collator([{"input_ids": [5], "labels": 0.5}])["labels"].dtype == torch.float32
