"""Going on from results that the documents hold: their runs count as done, and what was published stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _readers_runs import Comparison
from _reproduce_latency import DTYPES, contestant
from _reproduce_publish import KINDS


def restore(study: Path, comparison: Comparison, about: Mapping[str, Any], timed: bool) -> dict[str, Any]:
    """Gives a comparison the runs of a finished study that it does not have.

    Args:
        study: The JSON file of its figures.
        comparison: Gets the runs.
        about: What `prepare` says of the data.
        timed: Whether everybody is going to be timed. Who was timed beside the published pair, whose models
            that takes, is then left out with the published seed, to be trained again.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is on other data, or has no published pair.
    """
    if not study.exists():
        raise FileNotFoundError(f"There is no {study} to be extended: run the script without --extend first.")
    kept: dict[str, Any] = json.loads(study.read_text(encoding="utf-8"))
    if kept["data"]["files"] != about["files"]:
        raise ValueError(
            f"{study} was measured on other data, of {kept['data']['files']}; given was {about['files']}. "
            "Give the same data, or leave --extend out."
        )
    if "published" not in kept:
        raise ValueError(f"{study} has no published pair that could stay: run the script without --extend.")
    blocks = {**kept["readers"], **kept["baselines"]}
    seed = kept["published"]["skim"]["seed"]
    again = [(name, seed) for name in timed_beside(kept)] if timed else []
    for place in again:
        if not comparison.model(*place).exists():
            # Of the results, from an earlier time when nobody was timed.
            comparison.path(*place).unlink(missing_ok=True)
    for run in (run for block in blocks.values() for run in block["runs"]):
        place = run["reader"], run["seed"]
        if place not in again and comparison.load(*place) is None:
            comparison.save(run)
    return kept


def timed_beside(study: Mapping[str, Any]) -> list[str]:
    """The readers and baselines that were timed beside the published pair."""
    timed = study["latency"]["contestants"].keys()
    readers = [name for name in study["readers"] if name not in KINDS]
    ours = [name for name in readers if timed & {contestant(name, dtype) for dtype in DTYPES}]
    return [*ours, *(name for name in study["baselines"] if name in timed)]


def unfinished(comparison: Comparison, readers: list[str], seeds: list[int]) -> list[str]:
    """Those of some readers that some run is missing of."""
    return [name for name in readers if any(comparison.load(name, seed) is None for seed in seeds)]
