"""The log of what was tried: entries by data set and name, and the table that shows them."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _readers_runs import Comparison, settings_of, training_fields
from _results_report import percent, spread
from filelock import FileLock

from skim_hf.results import describe_machine, write_json

LOG = Path(__file__).resolve().parent.parent / "docs" / "results" / "tried.json"
NOTHING = "Not measured yet."
HEAD = ("tried", "from", "options that differ", "seeds", "accuracy", "skimmed")

_KEPT = ("accuracy", "skim_rate_micro", "skim_rate_macro", "macs_per_text")

Entry = dict[str, Any]


def entry_of(
    comparison: Comparison, options: argparse.Namespace, seeds: Sequence[int], old: Entry | None
) -> Entry:
    """What the log says of a recipe: how it was trained, and what it gave on validation texts.

    Args:
        comparison: Holds the finished runs.
        options: Of try_recipe.py.
        seeds: That were asked for; those that are not finished are left out.
        old: The entry that is there, whose seeds stay.
    """
    known = sorted({*seeds, *(old["seeds"] if old is not None else ())})
    runs = [run for seed in known if (run := comparison.load(options.run, seed)) is not None]
    recipe = settings_of(training_fields(comparison, options.run, runs[0]["seed"]))
    del recipe["seed"]
    return {
        "study": options.study.model,
        "data": options.study.source.title,
        "run": options.run,
        "name": options.name,
        "base": options.base,
        "start": options.start,
        "changed": options.changed,
        "recipe": recipe,
        "command": options.command,
        "machine": describe_machine(),
        "split": "validation",
        "texts": runs[0]["validation"]["texts"],
        "seeds": [run["seed"] for run in runs],
        "validation": {name: _summary([run["validation"][name] for run in runs]) for name in _KEPT},
        "runs": [
            {
                "seed": run["seed"],
                "training_seconds": run["training_seconds"],
                **{name: run["validation"][name] for name in _KEPT},
            }
            for run in runs
        ],
    }


def _summary(found: Sequence[float]) -> dict[str, float]:
    """Mean, and of several seeds the standard deviation."""
    several = {"std": statistics.stdev(found)} if len(found) > 1 else {}
    return {"mean": statistics.fmean(found), **several}


def load_log(path: Path) -> list[Entry]:
    """All entries; none where there is no log yet."""
    if not path.exists():
        return []
    entries: list[Entry] = json.loads(path.read_text(encoding="utf-8"))["tried"]
    return entries


def find(path: Path, study: str, run: str) -> Entry | None:
    """The entry of a recipe, if there is one."""
    return next((entry for entry in load_log(path) if _is_of(entry, study, run)), None)


def record(path: Path, entry: Entry) -> None:
    """Adds an entry, in the place of an older one of the same recipe.

    Several recipes may be tried at a time, so the log is locked meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        entries = load_log(path)
        places = [at for at, old in enumerate(entries) if _is_of(old, entry["study"], entry["run"])]
        at = places[0] if places else len(entries)
        entries[at : at + 1] = [entry]
        what = "recipes that were tried, on validation texts; a summary is over seeds"
        write_json(path, {"what": what, "tried": entries})


def _is_of(entry: Entry, study: str, run: str) -> bool:
    return bool(entry["study"] == study and entry["run"] == run)


def render_tried(entries: Sequence[Entry], study: str) -> str:
    """Markdown of what was tried on one data set, the best first."""
    found = [entry for entry in entries if entry["study"] == study]
    if not found:
        return NOTHING
    found.sort(key=lambda entry: -entry["validation"]["accuracy"]["mean"])
    rows = [HEAD, ("---", "---", "---", "---:", "---:", "---:")]
    rows += [_row(entry, _varying(entry, found)) for entry in found]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _varying(entry: Entry, entries: Sequence[Entry]) -> dict[str, Any]:
    """Options of a recipe that not all of the same policy have, whatever the base was when it was tried."""
    alike = [other["recipe"] for other in entries if other["recipe"]["policy"] == entry["recipe"]["policy"]]
    return {
        name: value
        for name, value in entry["recipe"].items()
        # A warm start brings its vectors along.
        if name != "glove" and any(other.get(name) != value for other in alike)
    }


def _row(entry: Entry, options: dict[str, Any]) -> tuple[str, ...]:
    skimmed = [run["skim_rate_micro"] for run in entry["runs"]]
    return (
        entry["name"].replace("|", "\\|"),
        entry["base"] + (f", started from {entry['start']}" if entry["start"] else ""),
        ", ".join(f"`{name}` {_shown(value)}" for name, value in options.items()),
        str(len(entry["seeds"])),
        spread([run["accuracy"] for run in entry["runs"]], percent),
        spread(skimmed, percent) if any(skimmed) else "",
    )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
