"""Readers whose decisions are sampled, under both Trainers and from a warm start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainingArguments

from skim_hf import SkimTrainer
from skim_hf.results.scores import SINGLE
from skim_hf.training.evaluation import split_predictions
from skim_hf.training.labels import LabelSchema
from skim_hf.training.starting import new_classifier, warm_started_classifier

JUMPS = {"jump_every": 2, "jump_size": 3, "jump_limit": 2}
SAMPLED = [
    {"policy": "full", **JUMPS},
    {**JUMPS, "num_rollouts": 2},
    {"estimator": "reinforce"},
    {"estimator": "reinforce", "bidirectional": True, **JUMPS},
]
LABELS = LabelSchema(SINGLE, ("neg", "pos"))


@pytest.mark.parametrize("fields", SAMPLED, ids=str)
def test_the_policy_loss_stands_in_the_log(fields, make_model, make_rows, make_args, collator):
    args = make_args(logging_steps=3, num_train_epochs=2, gradient_accumulation_steps=2)
    trainer = SkimTrainer(make_model(**fields), args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert lines
    for line in lines:
        parts = line["task_loss"] + line["budget_loss"] + line["policy_loss"]
        assert line["loss"] == pytest.approx(parts, abs=1e-5)
        assert line["policy_loss"] != 0


def test_a_reader_that_samples_nothing_logs_no_policy_loss(make_model, make_rows, make_args, collator):
    args = make_args(logging_steps=3, num_train_epochs=1)
    trainer = SkimTrainer(make_model(), args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    assert not any("policy_loss" in line for line in trainer.state.log_history)


@pytest.mark.parametrize("fields", SAMPLED, ids=str)
def test_the_plain_trainer_trains_and_evaluates_them(fields, make_model, make_rows, make_args, collator):
    model = make_model(**fields)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    rows = make_rows()
    trainer = Trainer(
        model, make_args(TrainingArguments, num_train_epochs=2), train_dataset=rows, data_collator=collator
    )
    trainer.train()
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, start[name]), name
    prediction = trainer.predict(rows)
    assert prediction.predictions.shape == (len(rows), 2)
    assert np.isfinite(prediction.metrics["test_loss"])


@pytest.mark.parametrize("fields", SAMPLED, ids=str)
def test_evaluation_gathers_choices_of_what_was_visited(fields, make_model, make_rows, make_args, collator):
    rows = make_rows()
    trainer = SkimTrainer(make_model(**fields), make_args(), eval_dataset=rows, data_collator=collator)
    logits, counts = split_predictions(trainer.predict(rows).predictions)
    assert logits.shape == (len(rows), 2)
    lengths = np.array([len(ids) for ids in rows["input_ids"]])
    assert np.array_equal(counts.lengths, lengths)
    visited = counts.choices.sum(2)
    assert (visited <= lengths[:, None]).all()
    assert (visited == lengths[:, None]).all() == ("jump_every" not in fields)


@pytest.mark.parametrize(
    "fields", [{"policy": "full"}, {}, {"estimator": "reinforce", "skim_sizes": [3]}], ids=str
)
def test_a_warm_start_learns_to_jump(fields, tokenizer, tmp_path, collator):
    plain = new_classifier(LABELS, tokenizer, policy="full", hidden_size=12, embedding_size=5)
    plain.save_pretrained(tmp_path)
    model = warm_started_classifier(tmp_path, LABELS, **JUMPS, **fields)
    assert model.config.jump_size == 3
    assert model.config.policy == fields.get("policy", "skim")
    old, new = plain.state_dict(), model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    head = model.skim_rnn.layers[0].readers[0].jump
    assert 0.0 < float(head.head.weight.detach().abs().max()) < 1.0
    assert (head.head.bias == 0).all()
    batch = collator([{"input_ids": [4, 5, 6], "labels": 0}, {"input_ids": [7], "labels": 1}])
    model(**batch).loss.backward()
    assert head.head.weight.grad is not None
    # Always on to the next token, and reading everything, the two are the same network.
    with torch.no_grad():
        head.head.bias[1] = 50.0
    logits = model.eval()(**batch, skim_threshold=1.0, jump_limit=99).logits
    torch.testing.assert_close(plain.eval()(**batch).logits, logits)
