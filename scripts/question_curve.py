"""Measures question readers at several thresholds: exact match, F1, what each layer skims, and true cost.

    python scripts/question_curve.py outputs/plain outputs/skim --file outputs/squad/test.parquet

Every folder is a configuration. Its true cost is the multiply-adds of the layers that read the contexts, as a
share of those of the first folder's model when it reads everything. A threshold that is to be used has to be
chosen on other questions than those that are reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _question_plots import draw_all
from tqdm.auto import tqdm

from skim_hf.costs import model_macs, plain_macs
from skim_hf.results import THRESHOLDS, answer_scores, command_line, describe_machine, write_json
from skim_hf.results.answering import answer_all
from skim_hf.results.effort import layer_skim_rates, reading_scores
from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.calibration import has_dial
from skim_hf.runtime.question_trace import layer_titles
from skim_hf.tables import Questions, read_questions

DIRECTIONS = ("forward", "backward")

Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures all folders, writes a JSON file and draws its figures beside it.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse(arguments)
    questions = read_questions(options.file)
    results: Figures = {
        "what": "question readers at several thresholds; cost: multiply-adds of the layers that read the "
        "contexts, next to the first model when it reads everything",
        "command": command_line(),
        "machine": describe_machine(),
        "data": {"name": options.file.name, "split": options.split, "questions": len(questions)},
        "configurations": {
            folder.name: measure(folder, questions, options.thresholds) for folder in options.folders
        },
    }
    add_costs(results["configurations"])
    write_json(options.output, results)
    print(table(results))
    print(f"\nWritten to {options.output}")
    draw_all(results, options.output.parent, options.output.stem)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("folders", type=Path, nargs="+", metavar="FOLDER", help="trained question readers")
    add("--file", type=Path, required=True, help="questions with their answers, JSON or Parquet")
    add("--split", default="test", help="the part of the data that they are")
    add("--thresholds", type=float, nargs="+", default=THRESHOLDS, help="beside each model's own")
    add("--output", type=Path, default=Path("outputs/question_curve.json"))
    options = parser.parse_args(arguments)
    if len({folder.name for folder in options.folders}) < len(options.folders):
        parser.error("the folders need different names, by which they are called in results and figures")
    return options


def measure(folder: Path, questions: Questions, thresholds: Sequence[float]) -> Figures:
    """One configuration: what it is, and a point for every threshold, its own among them."""
    runtime = SkimRuntime.from_pretrained(folder)
    config, own = runtime.config, runtime.threshold
    used = sorted({*thresholds, own}) if has_dial(config.policy) else [own]
    bar = tqdm(used, desc=folder.name, unit=" thresholds")
    points = [measure_point(runtime.with_threshold(value), questions) for value in bar]
    tokens = points[0]["tokens"]
    return {
        **{name: getattr(config, name) for name in ("reader", "policy", "hidden_size", "skim_sizes")},
        "threshold": own,
        "has_dial": has_dial(config.policy),
        "backend": runtime.backend,
        "tokens": tokens,
        "plain_macs_per_question": plain_macs(config, tokens) / len(questions),
        "points": points,
    }


def measure_point(runtime: SkimRuntime, questions: Questions) -> Figures:
    """A model at one threshold."""
    config, null_answers = runtime.config, not all(each.answers for each in questions)
    found = answer_all(runtime, questions, f"{runtime.threshold:g}", null_answers=null_answers)
    readers = [f"{title}, {way}" for title in layer_titles(config) for way in DIRECTIONS]
    rates = layer_skim_rates(found.counts, config).values()
    return {
        "threshold": runtime.threshold,
        "tokens": found.counts.tokens,
        "metrics": answer_scores(found.answers, questions.references(), null_answers=null_answers),
        **reading_scores(found.counts, config),
        "reader_skim_rates": dict(zip(readers, rates, strict=True)),
        "macs_per_question": model_macs(config, found.counts.totals()) / len(questions),
    }


def add_costs(configurations: dict[str, Figures]) -> None:
    """Gives every point its `cost`, 1 for the first model when it reads everything."""
    whole = next(iter(configurations.values()))["plain_macs_per_question"]
    for configuration in configurations.values():
        for point in configuration["points"]:
            point["cost"] = point["macs_per_question"] / whole if whole else 0.0


def table(results: Figures) -> str:
    """The points as text."""
    lines = [f"{results['data']['questions']:,} questions of {results['data']['split']}"]
    for name, configuration in results["configurations"].items():
        lines += ["", f"{name:<24}{'threshold':>10}{'EM':>8}{'F1':>8}{'skimmed':>9}{'cost':>8}{'saved':>8}"]
        lines += [
            f"{'*' if point['threshold'] == configuration['threshold'] else '':>24}{point['threshold']:>10g}"
            f"{point['metrics']['exact_match']:>8.2f}{point['metrics']['f1']:>8.2f}"
            f"{point['skim_rate_micro']:>9.1%}{point['cost']:>8.1%}{point.get('macs_ratio', 1):>7.2f}x"
            for point in configuration["points"]
        ]
    return "\n".join([*lines, "", "* the model's own threshold"])


if __name__ == "__main__":
    main()
