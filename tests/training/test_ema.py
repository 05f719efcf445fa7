"""The average of the weights, and where it stands in for them."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from skim_hf import SkimTrainer
from skim_hf.training.ema import TRAINING_WEIGHTS, WeightAverage, decay_at


class Watch(TrainerCallback):
    """Keeps the weights that every step made, and those that the model has outside of steps."""

    def __init__(self):
        self.made, self.shown = [], []

    def on_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.made.append(weights(model))

    def on_log(self, args, state, control, model=None, **kwargs):
        self.shown.append(weights(model))


def weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def trainer(make_model, make_rows, make_args, collator, tmp_path):
    def make(name="run", callbacks=None, freeze=False, **fields):
        model = make_model(dropout=0.2)
        if freeze:
            model.get_input_embeddings().weight.requires_grad_(False)
        fields = {"output_dir": str(tmp_path / name), "max_steps": 6, "ema_decay": 0.5, **fields}
        rows = make_rows()
        return SkimTrainer(
            model,
            make_args(**fields),
            train_dataset=rows,
            eval_dataset=rows,
            data_collator=collator,
            callbacks=callbacks,
        )

    return make


def test_the_average_follows_its_equation(trainer):
    watch = Watch()
    run = trainer(callbacks=[watch], logging_steps=1, freeze=True)
    average = {name: value.double() for name, value in weights(run.model).items()}
    run.train()
    assert len(watch.made) == 6
    for step, made in enumerate(watch.made, 1):
        decay = min(0.5, (1 + step) / (10 + step))
        average = {name: decay * old + (1 - decay) * made[name].double() for name, old in average.items()}
        for name, value in watch.shown[step - 1].items():
            torch.testing.assert_close(value.double(), average[name], rtol=1e-5, atol=1e-6)
    trained = weights(run.model)
    assert same(trained, watch.shown[5])
    assert not same(trained, watch.made[-1])


def test_an_average_changes_nothing_of_the_training(trainer):
    averaged, alone = Watch(), Watch()
    trainer(callbacks=[averaged]).train()
    trainer(callbacks=[alone], ema_decay=None).train()
    assert all(same(one, other) for one, other in zip(averaged.made, alone.made, strict=True))


def test_checkpoints_hold_the_average_and_a_resumed_run_goes_on_with_it(trainer, tmp_path):
    options = {"save_strategy": "steps", "save_steps": 3, "eval_strategy": "steps", "eval_steps": 3}
    watch = Watch()
    whole = trainer("whole", callbacks=[watch], logging_steps=1, **options)
    whole.train()
    folder = tmp_path / "whole" / "checkpoint-3"
    assert same(load_file(folder / "model.safetensors"), watch.shown[2])
    kept = load_file(folder / TRAINING_WEIGHTS)
    assert all(torch.equal(kept[name], watch.made[2][name]) for name in kept)
    torch.manual_seed(99)
    resumed = trainer("other", **options)
    resumed.train(resume_from_checkpoint=str(folder))
    assert same(weights(resumed.model), weights(whole.model))


def test_the_best_model_is_one_of_the_averages(trainer, tmp_path):
    run = trainer(
        load_best_model_at_end=True,
        **{"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 2, "save_steps": 2},
    )
    run.train()
    losses = [line["eval_loss"] for line in run.state.log_history if "eval_loss" in line]
    assert same(weights(run.model), load_file(f"{run.state.best_model_checkpoint}/model.safetensors"))
    assert run.evaluate()["eval_loss"] == pytest.approx(min(losses), rel=1e-5)


def test_accumulated_gradients_are_one_step(trainer):
    watch = Watch()
    run = trainer(callbacks=[watch], gradient_accumulation_steps=3, logging_steps=1, num_train_epochs=2)
    run.train()
    assert run.state.global_step == len(watch.made) == 6
    assert same(weights(run.model), watch.shown[-1])


def test_a_checkpoint_without_an_average_is_refused(trainer, tmp_path):
    trainer("plain", ema_decay=None, save_strategy="steps", save_steps=3, max_steps=3).train()
    with pytest.raises(
        ValueError, match=r"no training_weights.safetensors.*options that it was started with"
    ):
        trainer("plain").train(resume_from_checkpoint=str(tmp_path / "plain" / "checkpoint-3"))


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        WeightAverage(decay)


def test_the_start_is_forgotten_soon():
    assert decay_at(1, 0.999) == pytest.approx(2 / 11)
    assert decay_at(100_000, 0.999) == 0.999
