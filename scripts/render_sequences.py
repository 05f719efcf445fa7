"""Writes the table of trained readers of features in docs/readers.md.

    python scripts/render_sequences.py --take outputs/digits outputs/adding-skip outputs/adding-random
    python scripts/render_sequences.py

With --take the figures of folders that run_sequence.py made, and of check_sequence.py where it ran, are kept
in docs/results/sequences.json first; a folder of a name that is there already replaces it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from _marks import replace_between

from skim_hf.results import write_json

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "readers.md"
RESULTS = ROOT / "docs" / "results" / "sequences.json"
START, END = "<!-- sequences:start -->", "<!-- sequences:end -->"

Run = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Takes figures over, and renders.

    Args:
        arguments: The command line; that of the process if None.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--take", type=Path, nargs="+", default=[], help="folders of trained readers")
    options = parser.parse_args(arguments)
    if options.take:
        runs = {**(load(RESULTS) if RESULTS.exists() else {}), **{f.name: take(f) for f in options.take}}
        write_json(RESULTS, runs)
    DOCUMENT.write_text(render_document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def load(path: Path) -> Run:
    """A JSON object."""
    found: Run = json.loads(path.read_text(encoding="utf-8"))
    return found


def take(folder: Path) -> Run:
    """The figures of one folder: how it was trained, what it did on the test split, and what was compared."""
    training, agreement = load(folder / "results.json")["training"], folder / "agreement.json"
    test = load(folder / "predict_results.json")
    return {
        **{name: training[name] for name in ("command", "seed", "machine", "recipe")},
        "policy": load(folder / "config.json")["policy"],
        "training_seconds": load(folder / "train_results.json")["train_runtime"],
        "test": {name.removeprefix("predict_"): value for name, value in test.items()},
        "agreement": load(agreement) if agreement.exists() else None,
    }


def render_document(text: str) -> str:
    """The document with the table of the result file between its marks."""
    return replace_between(text, START, END, render(load(RESULTS)))


def render(runs: dict[str, Run]) -> str:
    """Markdown of all runs, and the command of each."""
    rows = [
        ("run", "test split", "frames read in full", "training", "torch, NumPy, C and streams"),
        ("---", "---", "---:", "---:", "---"),
        *(_row(name, run) for name, run in runs.items()),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    commands = "\n".join(f"- {name}, seed {run['seed']}: `{run['command']}`" for name, run in runs.items())
    machines = ", ".join(sorted({run["machine"]["processor"] for run in runs.values()}))
    return f"{table}\n\nOne run each, on {machines} (shared and noisy):\n\n{commands}"


def _row(name: str, run: Run) -> tuple[str, ...]:
    test, minutes = run["test"], run["training_seconds"] / 60
    if "mse_over_variance" in test:
        solved = "solved" if test["solved"] else "not solved"
        score = f"error {test['mse_over_variance']:.4f} of the variance: {solved}"
    else:
        score = f"{test['accuracy']:.1%} accuracy"
    return name, score, f"{test['used']:.1%}", f"{minutes:.1f} min", _agreement(run["agreement"])


def _agreement(found: Run | None) -> str:
    if found is None:
        return "-"
    compared = [found[f"{backend}_to_torch"] for backend in ("numpy", "native")]
    streams = [found[f"{backend}_stream_to_whole"]["differing"] for backend in ("numpy", "native")]
    return (
        f"{max(c['labels'] for c in compared)} of {found['sequences']} labels, "
        f"{max(c['decisions'] for c in compared)} of {compared[0]['of_decisions']:,} decisions and "
        f"{max(streams)} streams differ"
    )


if __name__ == "__main__":
    main()
