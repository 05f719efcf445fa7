from __future__ import annotations

import json

import pytest
from transformers import HfArgumentParser, TrainingArguments

from skim_hf import SkimTrainingArguments

OWN = {
    "temperature_start",
    "temperature_floor",
    "temperature_rate",
    "slope_start",
    "slope_rate",
    "slope_limit",
    "budget_weight",
    "budget_warmup_steps",
    "budget_target",
    "word_dropout",
}


def test_every_other_default_is_that_of_transformers(tmp_path):
    plain = TrainingArguments(output_dir=str(tmp_path), use_cpu=True).to_dict()
    ours = SkimTrainingArguments(output_dir=str(tmp_path), use_cpu=True).to_dict()
    differing = {name for name in ours if ours[name] != plain.get(name)}
    assert differing - {"logging_dir"} == OWN - {"budget_weight", "budget_target"} | {
        "train_sampling_strategy"
    }
    assert ours["train_sampling_strategy"] == "group_by_length"


def test_the_parser_knows_the_fields_and_explains_them(tmp_path, capsys):
    parser = HfArgumentParser(SkimTrainingArguments)
    line = ["--output_dir", str(tmp_path), "--use_cpu", "--gamma", "0.05", "--temperature_rate", "1e-3"]
    (args,) = parser.parse_args_into_dataclasses(line)
    assert args.budget_weight == 0.05
    assert args.temperature_rate == 1e-3
    with pytest.raises(SystemExit):
        parser.parse_args_into_dataclasses(["--help"])
    shown = capsys.readouterr().out
    assert all(f"--{name}" in shown for name in OWN)
    assert "Gumbel-softmax" in shown


def test_arguments_survive_json(make_args):
    args = make_args(budget_weight=0.01, budget_target=0.3, temperature_floor=0.25)
    kept = json.loads(args.to_json_string())
    assert (kept["budget_weight"], kept["budget_target"], kept["temperature_floor"]) == (0.01, 0.3, 0.25)


def test_schedules_use_the_fields(make_args):
    args = make_args(budget_warmup_steps=10, temperature_start=0.8)
    assert args.temperature_at(0) == 0.8
    assert args.budget_weight_at(5, default=0.02) == pytest.approx(0.01)
    assert make_args(budget_weight=0.5).budget_weight_at(5, default=0.02) == 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature_floor": 2.0}, "0 < floor <= start"),
        ({"temperature_rate": -1.0}, "decay rate"),
        ({"budget_weight": -0.1}, "budget weight"),
        ({"budget_warmup_steps": -1}, "warm-up"),
        ({"budget_target": 0.0}, "budget_target"),
        ({"budget_target": 1.5}, "budget_target"),
        ({"teacher_weight": 1.5}, "teacher_weight"),
        ({"word_dropout": 1.0}, "word_dropout"),
        ({"early_stopping_patience": 0}, "at least 1; got 0"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor"),
    ],
)
def test_impossible_settings_are_refused(make_args, fields, message):
    with pytest.raises(ValueError, match=message):
        make_args(**fields)


def test_a_training_that_stops_early_is_evaluated_and_keeps_its_best_model(make_args):
    args = make_args(early_stopping_patience=2)
    assert (args.eval_strategy, args.save_strategy, args.load_best_model_at_end) == ("epoch", "epoch", True)
    assert (args.metric_for_best_model, args.greater_is_better) == ("loss", False)
    by_step = make_args(
        early_stopping_patience=2, eval_strategy="steps", save_strategy="steps", save_steps=500
    )
    assert by_step.eval_strategy == "steps"


def test_a_metric_is_preferred_where_one_is_used_and_none_was_named(make_args):
    def chosen(**fields):
        args = make_args(**fields)
        args.prefer_metric("accuracy")
        return args.metric_for_best_model, args.greater_is_better

    assert chosen(early_stopping_patience=1) == ("accuracy", True)
    assert chosen(early_stopping_patience=1, metric_for_best_model="loss") == ("loss", False)
    assert chosen() == (None, None)
