"""Result blocks from what a Trainer knows at the end of a training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from skim_hf.results.files import ModelResults
from skim_hf.results.machine import command_line, describe_machine
from skim_hf.results.saved import describe_model, load_saved
from skim_hf.results.schema import SETTING, Block
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.question_trace import layer_titles

# What a Trainer reports beside scores; the epoch comes without the prefix.
_NO_SCORES = ("loss", "runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
_READING = (
    *("skim_rate_macro", "skim_rate_micro", "flop_ratio_paper", "macs_ratio"),
    *("visited_rate", "jumps_per_text"),
)
# With the number of the reader behind.
_LAYER = "layer_skim_rate_"


def from_training(
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, str],
    splits: Mapping[str, int],
    recipe: Mapping[str, Any],
    seed: int,
    metrics: Mapping[str, float] | None = None,
    prefix: str = "eval_",
    split: str = "validation",
    seconds: float | None = None,
    command: str | None = None,
) -> ModelResults:
    """Results of a model that has just been trained and saved.

    Args:
        folder: The saved model.
        data: Name of the data set, and if known `source`, `hub_id` and `language`.
        splits: Texts of each part of the data, such as `{"train": 900, "validation": 100}`.
        recipe: Settings of the training that make the model what it is, such as the learning rate. What
            JSON has no simple form for is left out, and so are access tokens.
        seed: Of the training.
        metrics: What the Trainer's evaluation gave; scores and skim rates are taken, loss and speeds are not.
        prefix: In front of the name of each.
        split: The part of the data that was evaluated; one of the `splits`.
        seconds: How long the training took.
        command: What was typed to train; that of this process if None.

    Returns:
        The blocks `training` and, if there are scores, `evaluation`; for `save(folder)`.

    Raises:
        KeyError: Scores of a split that is not among the `splits`.
        FileNotFoundError: No saved model, or one that lacks a file.
        ValueError: A damaged model, or one that the runtime cannot read.
    """
    saved = load_saved(folder)
    origin = {
        "machine": describe_machine(),
        "command": command_line() if command is None else command,
    }
    training: Block = {
        "data": dict(data),
        "splits": dict(splits),
        "recipe": {name: value for name, value in recipe.items() if _may_be_shown(name, value)},
        "seed": seed,
        **({} if seconds is None else {"seconds": seconds}),
        **origin,
    }
    evaluation: Block | None = None
    scores, reading = _sorted_metrics(metrics or {}, prefix)
    layers = _by_layer(scores, saved.config)
    if scores:
        evaluation = {
            "data": dict(data),
            "split": split,
            "texts": splits[split],
            "threshold": saved.config.skim_threshold,
            "metrics": scores,
            **reading,
            **({"layer_skim_rates": layers} if layers else {}),
            **origin,
        }
    model = describe_model(folder, saved)
    return ModelResults(saved.weights.digest, model, training=training, evaluation=evaluation)


def _sorted_metrics(metrics: Mapping[str, float], prefix: str) -> tuple[dict[str, float], dict[str, float]]:
    """Scores of the task, and how much was read and what it saved."""
    named = {
        name.removeprefix(prefix): float(value) for name, value in metrics.items() if name.startswith(prefix)
    }
    scores = {name: value for name, value in named.items() if name not in (*_READING, *_NO_SCORES)}
    return scores, {name: value for name, value in named.items() if name in _READING}


def _by_layer(scores: dict[str, float], config: RuntimeConfig) -> dict[str, float]:
    """Takes the skim rates of a question reader's readers out of the scores; those of its layers, by name."""
    rates = [
        scores.pop(name) for name in (f"{_LAYER}{n}" for n in range(config.num_readers)) if name in scores
    ]
    if config.reader is None or len(rates) != config.num_readers:
        return {}
    # Both directions of a layer follow each other.
    pairs = zip(rates[::2], rates[1::2], strict=True)
    return {name: sum(pair) / 2 for name, pair in zip(layer_titles(config), pairs, strict=True)}


def _may_be_shown(name: str, value: Any) -> bool:
    return SETTING.fits(value) and not name.endswith("token")
