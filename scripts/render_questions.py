r"""Writes the figures of trained question readers into docs/questions.md.

    python scripts/render_questions.py --take outputs/plain outputs/skim \
        --curve outputs/question_curve.json --latency outputs/bench_question.json \
        --training outputs/bench_question_training.json
    python scripts/render_questions.py

What is given is kept in docs/results/questions.json first: folders that run_qa.py made with --do_train,
--do_eval and --do_predict, of which one replaces another of its name, and the results of question_curve.py,
bench_question.py and bench_question_training.py.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _marks import replace_between
from _question_plots import draw_all, skimming
from _question_report import render_latency, render_runs, render_training

from skim_hf.results import describe_answer, write_json
from skim_hf.runtime import RuntimeConfig, SkimRuntime
from skim_hf.runtime.question_trace import layer_titles

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "questions.md"
RESULTS = ROOT / "docs" / "results" / "questions.json"
START, END = "<!-- questions:start -->", "<!-- questions:end -->"
NOTHING = "Not measured yet."
# A question that is put to every reader, as an example.
QUESTION = "When was the mill built?"
CONTEXT = "The old mill on the river was built in 1843 by Ada Brook. It burnt down in 1902."

Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Takes figures over, draws and renders.

    Args:
        arguments: The command line; that of the process if None.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--take", type=Path, nargs="+", default=[], help="folders of trained readers")
    parser.add_argument("--curve", type=Path, help="what question_curve.py wrote")
    parser.add_argument("--latency", type=Path, help="what bench_question.py wrote")
    parser.add_argument("--training", type=Path, help="what bench_question_training.py wrote")
    options = parser.parse_args(arguments)
    results = load(RESULTS) if RESULTS.exists() else {}
    if options.take:
        results["runs"] = results.get("runs", {}) | {folder.name: take(folder) for folder in options.take}
    for name in ("curve", "latency", "training"):
        if (path := getattr(options, name)) is not None:
            results[name] = load(path)
    if results:
        write_json(RESULTS, results)
    if "curve" in results:
        draw_all(results["curve"], RESULTS.parent, RESULTS.stem, ["svg"])
    DOCUMENT.write_text(render_document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def load(path: Path) -> Figures:
    """A JSON object."""
    found: Figures = json.loads(path.read_text(encoding="utf-8"))
    return found


def take(folder: Path) -> Figures:
    """The figures of one folder: how and on how much it was trained, and what it did on the test part."""
    training, config = load(folder / "results.json")["training"], RuntimeConfig.load(folder / "config.json")
    train, evaluation, test = (load(folder / f"{part}_results.json") for part in ("train", "eval", "predict"))
    state = load(folder / "trainer_state.json")
    found = {name.removeprefix("predict_"): value for name, value in test.items()}
    rates = [found.pop(f"layer_skim_rate_{reader}") for reader in range(config.num_readers)]
    fields = ("reader", "policy", "hidden_size", "skim_sizes")
    return {
        **{name: training[name] for name in ("command", "seed", "machine", "recipe")},
        **{name: getattr(config, name) for name in fields},
        "steps": state["global_step"],
        "kept_step": kept_step(state, evaluation["eval_f1"]),
        "training_seconds": train["train_runtime"],
        "questions": {
            "train": train["train_questions"],
            "validation": evaluation["eval_questions"],
            "test": test["predict_questions"],
        },
        "validation": {name: evaluation[f"eval_{name}"] for name in ("exact_match", "f1")},
        "test": found,
        # Both directions of a layer follow each other.
        "example": describe_answer(SkimRuntime.from_pretrained(folder), QUESTION, CONTEXT),
        "layer_skim_rates": {
            name: sum(pair) / 2
            for name, pair in zip(
                layer_titles(config), zip(rates[::2], rates[1::2], strict=True), strict=True
            )
        },
    }


def kept_step(state: Figures, f1: float) -> int:
    """The step whose weights were kept, told by the F1 that they have on the validation part."""
    best, last = state.get("best_metric"), int(state["global_step"])
    is_best = best is not None and math.isclose(best, f1, rel_tol=1e-6)
    return int(state["best_global_step"]) if is_best else last


def render_document(text: str) -> str:
    """The document with what the result file holds between its marks."""
    return replace_between(text, START, END, render(load(RESULTS)) if RESULTS.exists() else NOTHING)


def render(results: Figures) -> str:
    """Markdown of all that was measured."""
    parts = []
    if "runs" in results:
        parts += render_runs(results["runs"], results.get("latency"))
    if "curve" in results:
        parts += render_curve(results["curve"])
    if "latency" in results:
        parts += render_latency(results["latency"])
    if "training" in results:
        parts += render_training(results["training"])
    return "\n\n".join(parts) or NOTHING


def render_curve(curve: Figures) -> list[str]:
    """The figures, and how they were made."""
    data = curve["data"]
    place = f"{RESULTS.parent.name}/{RESULTS.stem}"
    figures = [f"![F1 against true cost]({place}_cost.svg)"]
    if skimming(curve):
        figures.append(f"![Words skimmed by every layer, in each direction]({place}_layers.svg)")
    note = (
        f"Drawn of {data['questions']:,} questions ({data['split']}), on which no model's own threshold was "
        f"chosen. Command: `{curve['command']}`."
    )
    return [*figures, note]


if __name__ == "__main__":
    main()
