"""What a Trainer writes of a model beside its weights."""

import dataclasses
import logging

import pytest

from skim_hf import SkimTrainer
from skim_hf.results import ModelResults
from skim_hf.training.evaluation import make_compute_metrics


@pytest.fixture
def make_trainer(make_model, make_args, make_rows, tokenizer, collator):
    """A Trainer of a tiny classifier, with validation rows and a tokenizer."""

    def make(data=None, tokenizer=tokenizer, eval_dataset=None, **fields):
        model = make_model()
        return SkimTrainer(
            model,
            make_args(**{"max_steps": 3, **fields}),
            train_dataset=make_rows(13),
            eval_dataset=make_rows(7, seed=1) if eval_dataset is None else eval_dataset,
            processing_class=tokenizer,
            data_collator=None if tokenizer is None else collator,
            compute_metrics=make_compute_metrics(model.config),
            data=data,
        )

    return make


def test_a_saved_model_has_its_results(make_trainer):
    trainer = make_trainer({"name": "reviews", "hub_id": "org/reviews"}, seed=5, temperature_rate=0.25)
    trainer.train()
    metrics = trainer.evaluate()
    trainer.save_model()
    results = ModelResults.load(trainer.args.output_dir)
    results.check_weights(trainer.args.output_dir)
    assert results.training["data"] == {"name": "reviews", "hub_id": "org/reviews"}
    assert results.training["splits"] == {"train": 13, "validation": 7}
    assert results.training["seed"] == 5
    wanted = {"temperature_rate": 0.25, "max_steps": 3, "learning_rate": 0.01, "optim": "adamw_torch_fused"}
    assert wanted.items() <= results.training["recipe"].items()
    assert results.training["recipe"]["budget_type"] == trainer.model.config.budget_type
    assert results.evaluation["metrics"]["accuracy"] == metrics["eval_accuracy"]
    assert results.evaluation["skim_rate_micro"] == metrics["eval_skim_rate_micro"]
    assert (results.evaluation["split"], results.evaluation["texts"]) == ("validation", 7)


def test_what_is_known_later_is_added_and_what_was_known_is_kept(make_trainer):
    trainer = make_trainer()
    trainer.train()
    trainer.save_model()
    folder = trainer.args.output_dir
    first = ModelResults.load(folder)
    assert (first.training["data"], first.evaluation) == ({"name": "unnamed data"}, None)
    accuracy = trainer.evaluate()["eval_accuracy"]
    trainer.save_results()
    second = ModelResults.load(folder)
    assert second.training == first.training
    assert second.evaluation["metrics"]["accuracy"] == accuracy
    measured = {**second.evaluation, "split": "test", "metrics": {"accuracy": 0.125}}
    dataclasses.replace(second, evaluation=measured).save(folder)
    trainer.save_model()
    assert ModelResults.load(folder).evaluation == measured
    trainer.train()
    trainer.save_model()
    third = ModelResults.load(folder)
    assert third.weights != second.weights
    assert third.evaluation is None


def test_scores_belong_to_the_weights_that_are_saved(make_trainer, make_rows):
    trainer = make_trainer(
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=1,
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        learning_rate=10.0,
    )
    trainer.train()
    # With such steps the first weights are the best; what was measured last is not theirs.
    history = {entry["step"]: entry for entry in trainer.state.log_history if "eval_loss" in entry}
    best = trainer.state.best_global_step
    assert best < trainer.state.global_step
    assert history[best]["eval_loss"] != history[3]["eval_loss"]
    trainer.evaluate(make_rows(20, seed=2))
    trainer.evaluate(make_rows(20, seed=2), metric_key_prefix="test")
    trainer.save_model()
    evaluation = ModelResults.load(trainer.args.output_dir).evaluation
    assert evaluation["metrics"]["accuracy"] == history[best]["eval_accuracy"]
    assert evaluation["skim_rate_macro"] == history[best]["eval_skim_rate_macro"]


def test_several_validation_sets_count_together(make_trainer, make_rows):
    trainer = make_trainer(eval_dataset={"a": make_rows(3), "b": make_rows(4)})
    trainer.evaluate()
    trainer.save_model()
    evaluation = ModelResults.load(trainer.args.output_dir).evaluation
    assert evaluation["texts"] == 7
    assert {"a_accuracy", "b_accuracy"} <= evaluation["metrics"].keys()


def test_checkpoints_have_none_unless_they_are_pushed(make_trainer, tmp_path):
    trainer = make_trainer(save_strategy="steps", save_steps=3)
    trainer.train()
    assert (tmp_path / "run" / "checkpoint-3" / "model.safetensors").exists()
    assert not (tmp_path / "run" / "checkpoint-3" / "results.json").exists()


def test_a_model_that_cannot_be_measured_is_saved_all_the_same(make_trainer, make_rows, tmp_path, caplog):
    trainer = make_trainer(tokenizer=None)
    with caplog.at_level(logging.WARNING):
        trainer.save_model()
    assert "No results were written" in caplog.text
    assert "tokenizer.json" in caplog.text
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_damaged_file_is_written_again(make_trainer, tmp_path):
    trainer = make_trainer()
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / "results.json").write_text("{")
    trainer.save_model()
    assert ModelResults.load(tmp_path / "run").training["splits"]["train"] == 13
