"""Hub folders of a reproduced model and of its plain counterpart: slim, measured anew, with code and card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _pair_results import measure_pair
from _readers_runs import Comparison, Run, measure
from _reproduce_latency import DTYPES

from skim_hf import SkimRuntime
from skim_hf.hub import SlimModel, plan_push, slim_model, write_card
from skim_hf.results import ModelResults, command_line, from_training

KINDS = ("plain", "skim")
DATA_FIELDS = ("name", "source", "hub_id", "language")


def best_seed(comparison: Comparison, seeds: list[int]) -> int | None:
    """The seed whose skimming model is best on validation texts; None if no pair is finished."""
    found = {
        seed: run["validation"]["accuracy"]
        for seed in seeds
        if (run := comparison.load("skim", seed)) is not None and comparison.load("plain", seed) is not None
    }
    return max(found, key=lambda seed: found[seed]) if found else None


def publish(
    comparison: Comparison,
    seed: int,
    folders: Mapping[str, Path],
    about: Mapping[str, Any],
    *,
    most_words: int,
    example: str,
    command: str,
) -> dict[str, Run]:
    """Writes the folders of both models of a seed.

    Args:
        comparison: Holds their runs.
        seed: Which of the trainings.
        folders: Where each goes, `plain` and `skim`; what is there is replaced.
        about: What `prepare` says of the data.
        most_words: Words that each keeps.
        example: A text whose reading the card shows.
        command: What made them, for the result files.

    Returns:
        Of each what slimming changed: words, bytes, and accuracy, share of words read and costs on
        validation and test texts before and after, the latter in every number format.
    """
    runs = {kind: _run(comparison, kind, seed) for kind in KINDS}
    slim = {
        kind: slim_model(comparison.model(kind, seed), folder, most_words=most_words, dtype="float16")
        for kind, folder in folders.items()
    }
    splits = {name: {"text": texts, "label": labels} for name, (texts, labels) in comparison.splits.items()}
    trained = {kind: _training(folders[kind], runs[kind], about) for kind in KINDS}
    measure_pair(folders, splits, trained, example)
    for folder in folders.values():
        complete(folder, command)
    return {kind: _change(comparison, runs[kind], slim[kind]) for kind in KINDS}


def renamed_command(block: Any, command: str) -> Any:
    """Figures whose command, that of this process, is told without where things lie on this machine."""
    if isinstance(block, dict):
        return {key: renamed_command(value, command) for key, value in block.items()}
    if isinstance(block, list):
        return [renamed_command(value, command) for value in block]
    return command if block == command_line() else block


def _run(comparison: Comparison, kind: str, seed: int) -> Run:
    run = comparison.load(kind, seed)
    if run is None:
        raise ValueError(f"{kind} of seed {seed} is not finished, so it cannot be published.")
    return run


def _training(folder: Path, run: Run, about: Mapping[str, Any]) -> ModelResults:
    """How a model was trained, as its result file tells it."""
    splits = dict(about["splits"])
    if "teacher_column" in run["options"]:
        splits["teacher-labelled"] = about["taught"]["texts"]
    return from_training(
        folder,
        data={name: about[name] for name in DATA_FIELDS},
        splits=splits,
        recipe=run["options"],
        seed=run["seed"],
        seconds=run["training_seconds"],
        command=run["command"],
    )


def _change(comparison: Comparison, run: Run, slim: SlimModel) -> Run:
    """What slimming changed of a model."""
    return {
        "seed": run["seed"],
        "words": slim.words,
        "words_cut": slim.words_cut,
        "bytes": slim.size,
        "bytes_before": slim.size_before,
        "before": {split: run[split] for split in comparison.splits},
        "after": {dtype: _measured(comparison, slim.folder, dtype) for dtype in DTYPES},
    }


def _measured(comparison: Comparison, folder: Path, dtype: str) -> Run:
    runtime = SkimRuntime.from_pretrained(folder, dtype=dtype)
    return {split: measure(runtime, *texts) for split, texts in comparison.splits.items()}


def complete(folder: Path, command: str) -> None:
    """Adds what a push would send: the code, the full map of classes, and the card of the final results."""
    path = folder / "results.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps(renamed_command(kept, command), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    fill(folder)


def fill(folder: Path) -> None:
    """Writes the code, the full map of classes and the card as a push would send them now."""
    write_card(folder)
    for file in plan_push(folder).files:
        if isinstance(file.content, bytes):
            (folder / file.path).write_bytes(file.content)
        elif file.content != folder / file.path:
            shutil.copyfile(file.content, folder / file.path)
