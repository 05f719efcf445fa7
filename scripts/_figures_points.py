"""What the figures of a reproduced model show, taken from its study file and from nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from _readers_report import values
from _reproduce_latency import DTYPES, contestant, times_faster

Figures = dict[str, Any]

SPLIT = "validation"
OWN_THRESHOLD = 0.5
# Skimming with and without a warm start.
STARTS = ("skim", "skim_cold")


def model_points(study: Figures) -> Figures:
    """Everything that the figures of one model show."""
    return {
        "model": study["model"],
        "command": study["command"],
        "machine": study["machine"],
        "data": study["data"],
        "seeds": study["seeds"],
        "published_seed": _published_seed(study),
        "cost": {"split": SPLIT, "lines": lines(study), "points": points(study)},
        "stability": {"split": "test", "readers": stability(study)},
    }


def lines(study: Figures) -> list[Figures]:
    """Accuracy, true cost and time over the thresholds of the skimming reader, a line for each seed.

    Costs are shares of what the same model multiplies when it reads everything. Times are in microseconds, on
    the scale of the timed test texts, where the model was published; else as measured on validation texts.
    """
    scale, found = _time_scale(study), []
    for run in study["readers"].get("skim", {"runs": []})["runs"]:
        if "curve" in run:
            at = [
                {
                    "threshold": point["threshold"],
                    "accuracy": point["metrics"]["accuracy"],
                    "cost": 1 / point["macs_ratio"],
                    "us": scale * point["median_us"],
                }
                for point in run["curve"]["points"]
                if "macs_ratio" in point
            ]
            found.append(
                {"seed": run["seed"], "is_published": run["seed"] == _published_seed(study), "at": at}
            )
    return found


def points(study: Figures) -> list[Figures]:
    """Everything that is compared with the skimming reader: means over seeds, lowest and highest accuracy.

    What was not counted or not timed is None.
    """
    readers = {name: block for name, block in study["readers"].items() if name not in STARTS}
    return [_point(study, name, block) for name, block in {**readers, **study["baselines"]}.items()]


def _point(study: Figures, name: str, block: Figures) -> Figures:
    accuracies, costs = (values(block, SPLIT, key) for key in ("accuracy", "cost"))
    timed = study.get("latency", {}).get("contestants", {})
    times = [timed[key]["median_us"] for key in (contestant(name, "float32"), name) if key in timed]
    return {
        "name": name,
        "title": block["title"],
        "accuracy": statistics.fmean(accuracies),
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "cost": _mean(costs),
        "us": _mean(times),
    }


def gains(study: Figures) -> Figures | None:
    """Gain in time against gain in arithmetic of the published model, both next to the plain one.

    Its own threshold was timed in turns with the plain model, on test texts; the other thresholds in turns
    with that one, on validation texts.

    Returns:
        The points over thresholds, and one of each number format on test texts; None without a published
        pair.
    """
    run, timed = _published_run(study), study.get("latency", {}).get("contestants", {})
    own = own_point(run) if run is not None else None
    faster = {dtype: times_faster(timed, dtype) for dtype in DTYPES}
    if run is None or own is None or faster["float32"] is None:
        return None
    pair = {kind: study["published"][kind]["after"] for kind in ("plain", "skim")}
    return {
        "at": [
            {
                "threshold": point["threshold"],
                "arithmetic": point["macs_ratio"],
                "time": faster["float32"] * own["median_us"] / point["median_us"],
            }
            for point in run["curve"]["points"]
            if "macs_ratio" in point
        ],
        "published": {
            dtype: {
                "arithmetic": pair["plain"][dtype]["test"]["macs_per_text"]
                / pair["skim"][dtype]["test"]["macs_per_text"],
                "time": ratio,
            }
            for dtype, ratio in faster.items()
            if ratio is not None
        },
    }


def stability(study: Figures) -> Figures:
    """Accuracy and skim rate of every seed, with and without a warm start."""
    return {
        name: {
            "title": study["readers"][name]["title"],
            "runs": [
                {
                    "seed": run["seed"],
                    "accuracy": run["test"]["accuracy"],
                    "skim_rate": run["test"]["skim_rate_micro"],
                }
                for run in study["readers"][name]["runs"]
            ],
        }
        for name in STARTS
        if name in study["readers"]
    }


def own_point(run: Figures) -> Figures | None:
    """The point of a run's curve at its own threshold."""
    own = run.get("options", {}).get("skim_threshold", OWN_THRESHOLD)
    found: Iterable[Figures] = run.get("curve", {}).get("points", ())
    return next((point for point in found if point["threshold"] == own), None)


def _published_seed(study: Figures) -> int | None:
    seed: int | None = study.get("published", {}).get("skim", {}).get("seed")
    return seed


def _published_run(study: Figures) -> Figures | None:
    runs = study["readers"].get("skim", {"runs": []})["runs"]
    return next((run for run in runs if run["seed"] == _published_seed(study)), None)


def _time_scale(study: Figures) -> float:
    """From times on validation texts to those on the timed test texts, by the published model."""
    run, timed = _published_run(study), study.get("latency", {}).get("contestants", {})
    own, ours = own_point(run) if run is not None else None, timed.get(contestant("skim", "float32"))
    return ours["median_us"] / own["median_us"] if own is not None and ours is not None else 1.0


def _mean(found: list[float]) -> float | None:
    return statistics.fmean(found) if found else None
