"""Results from what a Trainer knows."""

import pytest

from skim_hf.results import ModelResults, from_training

METRICS = {
    "eval_loss": 0.3,
    "eval_accuracy": 0.8,
    "eval_my_score": 2,
    "eval_skim_rate_macro": 0.7,
    "eval_skim_rate_micro": 0.75,
    "eval_flop_ratio_paper": 4.0,
    "eval_macs_ratio": 3.0,
    "eval_runtime": 1.5,
    "eval_samples_per_second": 60.0,
    "eval_steps_per_second": 2.0,
    "epoch": 2.0,
}
KNOWN = {
    "data": {"name": "reviews"},
    "splits": {"train": 90, "validation": 10},
    "recipe": {
        "learning_rate": 0.1,
        "hub_token": "hf_secret",
        "max_tokens": 9,
        "callbacks": [object()],
        "skim_sizes": [10],
    },
    "seed": 7,
}


def test_a_training_leaves_its_recipe_and_its_scores(folder, tmp_path):
    results = from_training(folder, **KNOWN, metrics=METRICS, seconds=12.5, command="python train.py")
    assert results.training["recipe"] == {"learning_rate": 0.1, "max_tokens": 9, "skim_sizes": [10]}
    assert (results.training["seed"], results.training["seconds"]) == (7, 12.5)
    assert results.evaluation["metrics"] == {"accuracy": 0.8, "my_score": 2.0}
    assert (results.evaluation["split"], results.evaluation["texts"]) == ("validation", 10)
    assert (results.evaluation["threshold"], results.evaluation["macs_ratio"]) == (0.5, 3.0)
    assert results.training["command"] == results.evaluation["command"] == "python train.py"
    results.check_weights(folder)
    assert ModelResults.load(results.save(tmp_path)) == results


@pytest.mark.parametrize("metrics", [None, {}, {"eval_loss": 0.3, "epoch": 1.0}])
def test_without_scores_there_is_no_evaluation(folder, metrics):
    results = from_training(folder, **{**KNOWN, "recipe": {}, "splits": {"train": 90}}, metrics=metrics)
    assert results.evaluation is None
    assert results.training["splits"] == {"train": 90}


def test_scores_need_a_known_split(folder):
    with pytest.raises(KeyError, match="dev"):
        from_training(folder, **KNOWN, metrics=METRICS, split="dev")
