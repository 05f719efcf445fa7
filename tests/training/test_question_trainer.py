"""SkimTrainer with models that answer questions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering, SkimTrainer, SkimTrainingArguments

LENGTHS = (9, 4, 7, 9, 5, 6, 8, 3)


def rows(count):
    """Contexts in which the one word of the question stands once; it is the answer."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(count):
        ids = torch.randperm(20, generator=generator)[: LENGTHS[number % len(LENGTHS)]] + 1
        place = int(torch.randint(len(ids), (1,), generator=generator))
        found.append({"input_ids": ids, "question_ids": ids[place : place + 1], "place": place})
    return found


def collate(batch):
    pad = torch.nn.utils.rnn.pad_sequence
    places = torch.tensor([row["place"] for row in batch])
    padded = {name: pad([row[name] for row in batch], True) for name in ("input_ids", "question_ids")}
    return {**padded, "start_positions": places, "end_positions": places}


@pytest.mark.parametrize(
    ("reader", "policy"), [("attention", "skim"), ("bidaf", "skim"), ("attention", "selective")]
)
def test_training_and_evaluation(reader, policy, tmp_path):
    torch.manual_seed(0)
    fields = {"reader": reader, "policy": policy, "hidden_size": 8, "embedding_size": 8}
    if policy == "skim":
        fields["skim_sizes"] = [3]
    model = SkimRNNForQuestionAnswering(SkimRNNConfig(vocab_size=21, **fields))
    args = SkimTrainingArguments(
        output_dir=str(tmp_path),
        max_steps=20,
        per_device_train_batch_size=8,
        per_device_eval_batch_size=3,
        learning_rate=0.02,
        logging_steps=10,
        remove_unused_columns=False,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SkimTrainer(model, args, train_dataset=rows(64), data_collator=collate)
    trainer.train()
    first, second = [entry for entry in trainer.state.log_history if "task_loss" in entry]
    assert second["task_loss"] < first["task_loss"]
    assert 0 <= second["skim_rate"] <= 1
    held_out = rows(8)
    predicted = trainer.predict(held_out)
    (start, end), counts = predicted.predictions
    assert start.shape == end.shape == (8, 9)
    with torch.no_grad():
        whole = model.eval()(**collate(held_out))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            start[row, :length], whole.start_logits[row, :length], rtol=1e-4, atol=1e-5
        )
    counts = counts["choices"] if isinstance(counts, dict) else counts
    assert counts.shape == (8, model.config.num_readers, 2)
    np.testing.assert_array_equal(counts.sum(2), np.array(LENGTHS)[:, None].repeat(counts.shape[1], 1))
    starts, ends = predicted.label_ids
    np.testing.assert_array_equal(starts, [row["place"] for row in held_out])
    np.testing.assert_array_equal(ends, starts)
