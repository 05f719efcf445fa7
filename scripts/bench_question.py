"""Measures on one core how long an answer takes: our runtime next to torch, with the same weights.

    python scripts/bench_question.py --trained outputs/plain outputs/skim --data outputs/squad/test.parquet
    python scripts/bench_question.py

With --trained the models are folders, and questions of a file are answered whose contexts have about --words
words. Without, models of the paper's sizes have random weights and read random words.

All contestants of a model work in one process, pinned to one core, with one thread, on one question at a
time, and take turns on the same inputs in alternating order; a ratio is the median over turns of the ratio
within a turn. Before anything is timed, results are compared. `answer` is from strings to the answer, where
torch has the splitting of texts and the search of spans from the runtime; `engine` is from the numbers of the
words to the scores of all tokens.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import _one_core
from _ours import instructions
from _question_contestants import TORCH
from _question_models import MODELS, choose_questions, draw_questions, write_reader
from _question_times import TOLERANCE, measure

from skim_hf.results import command_line, describe_machine, write_json
from skim_hf.tables import Questions, read_questions

Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures all models, prints a table and writes a JSON file.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse(arguments)
    _one_core.pin()
    results: Figures = {
        "what": "microseconds per question, one at a time; answer: from strings to the answer; engine: from "
        "the numbers of the words to the scores of all tokens",
        "command": command_line(),
        "machine": describe_machine(),
        "cores_used": 1,
        "threads": 1,
        "seed": options.seed,
        "instructions": instructions(),
        "environment": _one_core.choosing_variables(),
        "weights": "trained" if options.trained else "random",
        "data": options.data.name if options.trained else "random words",
        "rounds": options.rounds,
        "tolerance": TOLERANCE,
        "models": {name: measure(*found, options.rounds) for name, *found in models(options)},
    }
    write_json(options.output, results)
    print(table(results))
    print(f"\nWritten to {options.output}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--trained", type=Path, nargs="+", default=[], metavar="FOLDER", help="trained question readers")
    add("--data", type=Path, help="questions to put to them, JSON or Parquet")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="those with random weights")
    add("--width", type=int, default=100, help="d of the models with random weights")
    add("--vocabulary", type=int, default=30_000, help="words of the models with random weights")
    add("--words", type=int, default=150, help="words of a context")
    add("--questions", type=int, default=20, help="questions that are put in turn")
    add("--rounds", type=int, default=60)
    add("--seed", type=int, default=0)
    add("--output", type=Path, default=Path("outputs/bench_question.json"))
    options = parser.parse_args(arguments)
    if bool(options.trained) != bool(options.data):
        parser.error("--trained and --data come together: what is skimmed depends on what is read")
    if len({folder.name for folder in options.trained}) < len(options.trained):
        parser.error("the folders need different names, by which they are called in the results")
    if min(options.width, options.words, options.questions, options.rounds) < 1 or options.vocabulary < 4:
        parser.error("counts must be at least 1, and --vocabulary at least 4")
    return options


def models(options: argparse.Namespace) -> Iterator[tuple[str, Path, Questions]]:
    """Every model by name, with its folder and the questions that are put to it."""
    choice = (options.questions, options.words)
    if options.trained:
        questions = choose_questions(read_questions(options.data), *choice, options.seed)
        yield from ((folder.name, folder, questions) for folder in options.trained)
        return
    questions = draw_questions(*choice, options.vocabulary, options.seed)
    for name in options.models:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / name
            sizes = (options.width, options.vocabulary)
            write_reader(folder, MODELS[name], *sizes, questions, options.seed)
            yield name, folder, questions


def table(results: Figures) -> str:
    """The results as text."""
    lines = [
        f"{results['machine']['processor']}, one core, kernels: {results['instructions'] or 'none of ours'}"
    ]
    for name, model in results["models"].items():
        size = f"{model['tokens_per_context']:.0f} tokens, {model['skim_rate_micro']:.1%} skimmed"
        lines += ["", f"{name}: {size}; microseconds, and times faster than {TORCH}"]
        lines.append(f"  {'':<18}{'answer':>12}{'':>9}{'engine':>12}")
        for contestant, found in model["answer"].items():
            cells = (_cell(each) for each in (found, model["engine"][contestant]))
            lines.append(f"  {contestant:<18}" + "".join(cells))
        lines += [f"  (missing: {missing}; {reason})" for missing, reason in model["missing"].items()]
    return "\n".join(lines)


def _cell(times: Figures) -> str:
    ratio = times["times_faster_than"].get(TORCH)
    return f"{times['median_us']:>12,.0f}" + (" " * 9 if ratio is None else f"{ratio:>8.1f}x")


if __name__ == "__main__":
    main()
