from __future__ import annotations

import pytest
import torch
from transformers import TrainerCallback

from skim_hf import SkimTrainer
from skim_hf.training.evaluation import make_compute_metrics

TIMES = ("runtime", "per_second", "train_loss", "total_flos")


class StopAt(TrainerCallback):
    """Ends a run early, as a user or a machine does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = control.should_training_stop or state.global_step >= self.step


def lines(trainer):
    """The log without what measures time or sums over one process."""
    kept = [
        {k: v for k, v in line.items() if not any(t in k for t in TIMES)}
        for line in trainer.state.log_history
    ]
    return [line for line in kept if len(line) > 2]


def weights(trainer):
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


# 23 rows in batches of 4 are 6 batches an epoch; with accumulation over 2 an epoch has 3 steps.
@pytest.mark.parametrize("strategy", ["group_by_length", "random"])
@pytest.mark.parametrize("checkpoint", [2, 3, 7])
def test_a_resumed_run_equals_an_uninterrupted_one(
    make_model, make_rows, make_args, collator, tmp_path, checkpoint, strategy
):
    def trainer(name, **fields):
        # dropout, Gumbel noise and the order of the rows all draw on random states
        model = make_model(dropout=0.3, budget_weight=0.1, num_hidden_layers=2)
        args = make_args(
            output_dir=str(tmp_path / name),
            num_train_epochs=4,
            gradient_accumulation_steps=2,
            # No multiple of the saving interval: windows must not straddle a checkpoint.
            logging_steps=4,
            save_strategy="steps",
            save_steps=checkpoint,
            eval_strategy="steps",
            eval_steps=5,
            temperature_rate=0.05,
            budget_warmup_steps=6,
            train_sampling_strategy=strategy,
        )
        return SkimTrainer(
            model,
            args,
            train_dataset=make_rows(),
            eval_dataset=make_rows(6, seed=9),
            data_collator=collator,
            compute_metrics=make_compute_metrics(model.config),
            **fields,
        )

    whole = trainer("whole")
    whole.train()
    interrupted = trainer("interrupted", callbacks=[StopAt(checkpoint)])
    interrupted.train()
    torch.manual_seed(12345)
    resumed = trainer("interrupted")
    resumed.train(resume_from_checkpoint=True)

    assert whole.state.global_step == resumed.state.global_step == 12
    assert lines(resumed) == lines(whole)
    expected, came = weights(whole), weights(resumed)
    assert expected.keys() == came.keys()
    assert all(torch.equal(expected[name], came[name]) for name in expected)
    assert any("task_loss" in line for line in lines(whole))
    assert any("eval_skim_rate_micro" in line for line in lines(whole))


def test_hidden_words_a_teacher_and_patience_are_resumed(
    make_model, make_rows, make_args, collator, tokenizer, tmp_path
):
    def trainer(name, **fields):
        model, rows = make_model(), make_rows(8)
        args = make_args(
            output_dir=str(tmp_path / name),
            num_train_epochs=20,
            # Nothing gets better, so that the count of evaluations alone ends the training.
            learning_rate=0.0,
            early_stopping_patience=3,
            word_dropout=0.4,
            teacher_weight=0.5,
            logging_steps=1,
        )
        return SkimTrainer(
            model,
            args,
            train_dataset=rows.add_column("teacher", [[0.3, 0.7]] * len(rows)),
            eval_dataset=make_rows(6, seed=9),
            data_collator=collator,
            processing_class=tokenizer,
            **fields,
        )

    whole = trainer("whole")
    whole.train()
    trainer("interrupted", callbacks=[StopAt(6)]).train()
    resumed = trainer("interrupted")
    resumed.train(resume_from_checkpoint=True)
    # The first evaluation is the best, and three more follow; an epoch has two steps.
    assert whole.state.global_step == resumed.state.global_step == 8
    assert lines(resumed) == lines(whole)
