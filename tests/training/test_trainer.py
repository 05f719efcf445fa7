from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from skim_hf import SkimRNNForTokenClassification, SkimRNNModel, SkimTrainer, SkimTrainingArguments
from skim_hf.modeling import reader_skim_rnn
from skim_hf.results.counts import TextCounts
from skim_hf.training.evaluation import make_compute_metrics
from skim_hf.training.schedules import gumbel_temperature

LOGGED = ("task_loss", "budget_loss", "skim_rate", "temperature", "budget_weight")


class Recorder(TrainerCallback):
    """Keeps the gradients right before each optimizer step."""

    def __init__(self):
        self.gradients = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.gradients.append(
            {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        )


def train_lines(trainer):
    return [line for line in trainer.state.log_history if "loss" in line]


def test_the_log_holds_the_parts_of_the_loss_as_floats(make_model, make_rows, make_args, collator):
    args = make_args(logging_steps=3, num_train_epochs=2, temperature_rate=0.1, budget_warmup_steps=4)
    trainer = SkimTrainer(
        make_model(budget_weight=0.3), args, train_dataset=make_rows(), data_collator=collator
    )
    trainer.train()
    lines = train_lines(trainer)
    assert len(lines) == 4
    for line in lines:
        assert all(type(line[name]) is float for name in LOGGED)
        assert line["loss"] == pytest.approx(line["task_loss"] + line["budget_loss"], abs=1e-6)
        assert 0.0 <= line["skim_rate"] <= 1.0
    temperatures = [gumbel_temperature(step, rate=0.1) for step in range(3)]
    assert lines[0]["temperature"] == pytest.approx(np.mean(temperatures))
    assert lines[0]["budget_weight"] == pytest.approx(0.3 * (0 + 1 + 2) / 3 / 4)
    assert lines[3]["budget_weight"] == pytest.approx(0.3)


def test_the_model_gets_the_schedule_in_training_only(make_model, make_rows, make_args, collator):
    model, seen = make_model(), []
    original = model.forward

    def spy(*inputs, **kwargs):
        seen.append((model.training, kwargs.get("temperature"), kwargs.get("budget_weight")))
        return original(*inputs, **kwargs)

    spy.__signature__ = inspect.signature(original)
    model.forward = spy
    args = make_args(max_steps=3, temperature_rate=0.5, budget_weight=0.1, budget_warmup_steps=2)
    trainer = SkimTrainer(model, args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    trainer.evaluate(make_rows(4))
    expected = [
        (True, gumbel_temperature(step, rate=0.5), weight) for step, weight in enumerate((0.0, 0.05, 0.1))
    ]
    assert seen[:3] == expected
    assert seen[3:] == [(False, None, None)]


def test_selective_models_get_the_slope_of_the_epoch(make_model, make_rows, make_args, collator):
    args = make_args(num_train_epochs=3, slope_rate=0.5, logging_steps=6, gradient_accumulation_steps=2)
    model = make_model(policy="selective")
    trainer = SkimTrainer(model, args, train_dataset=make_rows(24), data_collator=collator)
    trainer.train()
    # Three steps of two batches make an epoch, so a line is the mean of two epochs' slopes.
    assert [line["slope"] for line in train_lines(trainer)] == [pytest.approx(1.25)]
    assert trainer.args.slope_at(2.9) == 2.0
    with pytest.raises(ValueError, match="0 < start <= limit"):
        make_args(slope_limit=0.5)


BUDGETED = [
    {"policy": "skip", "budget_weight": 0.1},
    {"policy": "skip", "budget_weight": 3.0, "budget_type": "expected_cost", "skip_gradient": "equation"},
    {"policy": "selective", "budget_weight": 0.3},
    {"policy": "selective", "budget_weight": 0.05, "budget_type": "likelihoods", "cell_type": "gru"},
    {
        "policy": "selective",
        "budget_weight": 30.0,
        "budget_type": "cost_target_square",
        "budget_target": 0.4,
    },
]


@pytest.mark.parametrize("fields", BUDGETED, ids=str)
def test_a_budget_reduces_what_is_read(fields, make_model, make_rows, make_args, collator):
    args = make_args(num_train_epochs=15, learning_rate=2e-2, logging_steps=6)
    trainer = SkimTrainer(make_model(**fields), args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    lines = train_lines(trainer)
    assert lines[-1]["budget_loss"] < 0.8 * lines[0]["budget_loss"]
    # A target may ask for more.
    assert "budget_target" in fields or lines[-1]["skim_rate"] > lines[0]["skim_rate"] + 0.1


@pytest.mark.parametrize("policy", ["skip", "selective", "random", "periodic"])
def test_every_policy_trains_and_evaluates(policy, make_model, make_rows, make_args, collator):
    args = make_args(num_train_epochs=2)
    model = make_model(policy=policy)
    trainer = SkimTrainer(model, args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    assert np.isfinite(trainer.evaluate(make_rows(6))["eval_loss"])
    logits, counts = trainer.predict(make_rows(6)).predictions
    assert logits.shape == (6, 2)
    assert TextCounts.of(counts).choices.shape == (6, 1, 2)


@pytest.mark.parametrize("fields", [{}, {"policy": "full"}, {"cell_type": "gru", "skim_sizes": [3, 0]}])
def test_the_plain_trainer_trains_the_models(make_model, make_rows, make_args, collator, fields):
    args = make_args(TrainingArguments, num_train_epochs=12, learning_rate=3e-2, logging_steps=6)
    trainer = Trainer(make_model(**fields), args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    lines = train_lines(trainer)
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.05


def test_skim_trainer_trains_a_plain_network(make_model, make_rows, make_args, collator):
    args = make_args(max_steps=2, logging_steps=1)
    trainer = SkimTrainer(make_model(policy="full"), args, train_dataset=make_rows(), data_collator=collator)
    trainer.train()
    assert train_lines(trainer)[0]["budget_loss"] == 0.0
    assert train_lines(trainer)[0]["skim_rate"] == 0.0


def first_gradients(model, rows, args, collator):
    recorder = Recorder()
    trainer = SkimTrainer(model, args, train_dataset=rows, data_collator=collator, callbacks=[recorder])
    trainer.train()
    return recorder.gradients[0], train_lines(trainer)[0]


def test_accumulated_gradients_equal_those_of_one_batch(make_model, make_rows, make_args, collator):
    rows = make_rows(12)
    common = {
        "max_steps": 1,
        "logging_steps": 1,
        "max_grad_norm": 0.0,
        "train_sampling_strategy": "sequential",
    }
    whole = make_args(per_device_train_batch_size=12, **common)
    parts = make_args(per_device_train_batch_size=4, gradient_accumulation_steps=3, **common)
    expected, one = first_gradients(make_model(policy="full"), rows, whole, collator)
    came, summed = first_gradients(make_model(policy="full"), rows, parts, collator)
    assert came.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(came[name], expected[name], rtol=1e-5, atol=1e-7)
    for name in ("loss", "task_loss", "budget_loss", "skim_rate"):
        assert summed[name] == pytest.approx(one[name], rel=1e-5)


def test_accumulated_gradients_are_the_mean_over_batches_with_noise(
    make_model, make_rows, make_args, collator
):
    rows = make_rows(8)
    args = make_args(
        max_steps=1, gradient_accumulation_steps=2, max_grad_norm=0.0, train_sampling_strategy="sequential",
        logging_steps=1, budget_weight=0.5,
    )  # fmt: skip
    model = make_model()
    recorder, noise = Recorder(), []

    class Seeded(SkimTrainer):
        def compute_loss(self, *inputs, **kwargs):
            noise.append(torch.get_rng_state())
            return super().compute_loss(*inputs, **kwargs)

    trainer = Seeded(model, args, train_dataset=rows, data_collator=collator, callbacks=[recorder])
    trainer.train()
    reference = make_model().train()
    for start, state in zip((0, 4), noise, strict=True):
        torch.set_rng_state(state)
        batch = collator([rows[row] for row in range(start, start + 4)])
        (reference(**batch, temperature=1.0, budget_weight=0.5).loss / 2).backward()
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(recorder.gradients[0][name], parameter.grad)
    line = train_lines(trainer)[0]
    assert line["loss"] == pytest.approx(line["task_loss"] + line["budget_loss"], abs=1e-6)


def test_a_short_last_step_counts_its_batches_alike(make_model, make_rows, make_args, collator):
    # Five batches, two per step: the last step of the epoch has a single one.
    args = make_args(num_train_epochs=1, gradient_accumulation_steps=2, logging_steps=3, budget_weight=0.4)
    trainer = SkimTrainer(make_model(), args, train_dataset=make_rows(20), data_collator=collator)
    trainer.train()
    (line,) = train_lines(trainer)
    assert line["loss"] == pytest.approx(line["task_loss"] + line["budget_loss"], abs=1e-6)


def test_evaluation_reports_the_task_the_reading_and_the_cost(make_model, make_rows, make_args, collator):
    model, rows = make_model(skim_sizes=[3, 0], bidirectional=True, num_hidden_layers=2), make_rows(13)
    trainer = SkimTrainer(
        model, make_args(), data_collator=collator, compute_metrics=make_compute_metrics(model.config)
    )
    metrics = trainer.evaluate(rows)
    model.eval()
    outputs = model(**collator([rows[row] for row in range(len(rows))]))
    lengths = outputs.lengths.float()
    right = outputs.logits.argmax(-1) == torch.tensor(rows["labels"][:])
    assert metrics["eval_accuracy"] == pytest.approx(right.float().mean().item())
    assert metrics["eval_skim_rate_macro"] == pytest.approx(outputs.skim_rate.mean().item())
    micro = (outputs.skim_rate * lengths).sum() / lengths.sum()
    assert metrics["eval_skim_rate_micro"] == pytest.approx(micro.item())
    assert {"eval_macro_f1", "eval_flop_ratio_paper", "eval_macs_ratio", "eval_loss"} <= metrics.keys()


@pytest.mark.parametrize("policy", ["full", "skim"])
def test_evaluation_runs_by_the_fused_scan(policy, make_model, make_rows, make_args, collator, monkeypatch):
    """And not by the readable passes, which take many times as long."""
    calls = []
    real = reader_skim_rnn.scan_hard
    monkeypatch.setattr(reader_skim_rnn, "scan_hard", lambda *args: calls.append(1) or real(*args))
    for name in ("read_hard", "read_relaxed", "scan"):
        monkeypatch.setattr(reader_skim_rnn, name, None)
    model = make_model(policy=policy, bidirectional=True)
    trainer = SkimTrainer(model, make_args(), eval_dataset=make_rows(), data_collator=collator)
    trainer.evaluate()
    # Two directions of 23 rows, five at a time.
    assert len(calls) == 2 * 5


@pytest.mark.parametrize("strategy", ["group_by_length", "random"])
def test_predictions_keep_the_order_of_the_rows(make_model, make_rows, make_args, collator, strategy):
    model, rows = make_model(), make_rows(17)
    trainer = SkimTrainer(model, make_args(train_sampling_strategy=strategy), data_collator=collator)
    logits, counts = trainer.predict(rows).predictions
    model.eval()
    outputs = model(**collator([rows[row] for row in range(len(rows))]))
    np.testing.assert_allclose(logits, outputs.logits.detach().numpy(), atol=1e-6)
    assert counts.shape == (17, 1, 2)
    assert (counts.sum(axis=(1, 2)) == outputs.lengths.numpy()).all()


def test_prediction_works_without_labels(make_model, make_rows, make_args, collator):
    trainer = SkimTrainer(make_model(), make_args(), data_collator=collator)
    report = trainer.predict(make_rows(6).remove_columns("labels"))
    assert report.label_ids is None
    assert report.predictions[0].shape == (6, 2)


def test_ignored_keys_of_the_user_are_respected(make_model, make_rows, make_args, collator):
    model = make_model()
    trainer = SkimTrainer(model, make_args(), data_collator=collator)
    ignored = [key for key in model.config.keys_to_ignore_at_inference if key != "skim_rate"]
    predictions = trainer.predict(make_rows(6), ignore_keys=ignored).predictions
    assert predictions[1].shape == (6,)


def test_token_labels_are_scored_without_padding(make_model, make_rows, make_args, tokenizer):
    from transformers import DataCollatorForTokenClassification

    model = make_model(head=SkimRNNForTokenClassification, num_labels=3)
    rows = make_rows(11).map(lambda row: {"labels": [token % 3 for token in row["input_ids"]]})
    trainer = SkimTrainer(
        model,
        make_args(max_steps=2),
        train_dataset=rows,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=make_compute_metrics(model.config),
    )
    trainer.train()
    metrics = trainer.evaluate(rows)
    model.eval()
    hits = [
        (
            model(input_ids=torch.tensor([row["input_ids"]])).logits[0].argmax(-1)
            == torch.tensor(row["labels"])
        )
        for row in rows
    ]
    assert metrics["eval_accuracy"] == pytest.approx(torch.cat(hits).float().mean().item())


def test_the_budget_is_written_to_the_configuration(make_model, make_rows, make_args, collator):
    model = make_model(budget_type="cost_target_hinge", budget_target=0.5)
    args = make_args(budget_weight=1, budget_target=0.25)
    SkimTrainer(model, args, train_dataset=make_rows(), data_collator=collator)
    assert (model.config.budget_weight, model.config.budget_target) == (1.0, 0.25)
    model.config.check_values()


def test_a_model_built_by_the_trainer_gets_the_budget_too(make_model, make_rows, make_args, collator):
    trainer = SkimTrainer(
        model_init=lambda: make_model(),
        args=make_args(budget_weight=0.07, max_steps=1),
        train_dataset=make_rows(),
        data_collator=collator,
    )
    trainer.train()
    assert trainer.model.config.budget_weight == 0.07


def test_wrong_setups_are_refused(make_model, make_args):
    with pytest.raises(TypeError, match="SkimTrainingArguments"):
        SkimTrainer(make_model(), make_args(TrainingArguments))
    with pytest.raises(ValueError, match="compute_loss_func"):
        SkimTrainer(make_model(), make_args(), compute_loss_func=lambda *_: 0)
    with pytest.raises(TypeError, match="that have a head; got Linear"):
        SkimTrainer(torch.nn.Linear(1, 1), make_args())
    with pytest.raises(TypeError, match="that have a head; got SkimRNNModel"):
        SkimTrainer(make_model(head=SkimRNNModel), make_args())
    with pytest.raises(ValueError, match="has no effect with budget_type='neg_log_skim'"):
        SkimTrainer(make_model(), make_args(budget_target=0.5))


def test_continuous_features_are_grouped_by_their_length(make_model, make_args):
    torch.manual_seed(0)
    rows = [{"inputs_embeds": torch.randn(n % 4 + 1, 6), "labels": n % 2} for n in range(9)]

    def collate(batch):
        longest = max(len(row["inputs_embeds"]) for row in batch)
        padded = [
            torch.nn.functional.pad(r["inputs_embeds"], (0, 0, 0, longest - len(r["inputs_embeds"])))
            for r in batch
        ]
        mask = [[int(i < len(row["inputs_embeds"])) for i in range(longest)] for row in batch]
        labels = torch.tensor([row["labels"] for row in batch])
        return {"inputs_embeds": torch.stack(padded), "attention_mask": torch.tensor(mask), "labels": labels}

    model = make_model(vocab_size=None, input_size=6)
    trainer = SkimTrainer(model, make_args(max_steps=2), train_dataset=rows, data_collator=collate)
    assert np.isfinite(trainer.train().training_loss)


def test_default_arguments_are_our_own(make_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(SkimTrainer(make_model()).args, SkimTrainingArguments)
