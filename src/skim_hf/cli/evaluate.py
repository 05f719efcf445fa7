"""`skim-hf evaluate`: scores of a task, what was skimmed, what that saves, and the dial between them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.options import ModelOptions, ReportFormat, takes_model
from skim_hf.cli.output import is_terminal
from skim_hf.cli.report import facts, grid, wants_json, write_json_report, write_tables
from skim_hf.cli.saving import ResultsOption, results_so_far, save_with

if TYPE_CHECKING:
    from skim_hf.results import Block
    from skim_hf.runtime import SkimRuntime

EVALUATE_HELP = help_text(
    "Score a model on labelled texts.",
    "skim-hf evaluate org/name test.csv --text-column review --label-column sentiment",
    "skim-hf evaluate outputs/my-model test.jsonl --results outputs/my-model/results.json",
    "skim-hf evaluate outputs/my-model test.parquet --no-curve --min-accuracy 0.85 && deploy",
    note="Reports the scores, the share of words skimmed, the arithmetic saved next to a model that reads "
    "everything, and these for several thresholds. Labels in the file are names or ids of the model's. A "
    "model that answers questions takes a file of SQuAD, JSON or Parquet, and is measured at one threshold.",
)

_NOT = {"tokens read": "tokens skimmed", "units updated": "units not updated"}
BELOW = 3
"""Exit code where the accuracy is below what was asked for."""


@takes_model
def evaluate(
    options: ModelOptions,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table of texts with labels.", show_default=False)
    ],
    label_column: Annotated[str, typer.Option(help="Column of the labels.")] = "label",
    curve: Annotated[bool, typer.Option(help="Measure several thresholds as well.")] = True,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help=f"Exit with code {BELOW} if the accuracy is below."),
    ] = None,
    results: ResultsOption = None,
    data_name: Annotated[
        str | None, typer.Option(help="Name of the data in the results. By default the file's.")
    ] = None,
    split: Annotated[str, typer.Option(help="The part of the data that this is, in the results.")] = "test",
    form: ReportFormat = None,
) -> None:
    """Scores a model.

    Args:
        options: The model.
        file: Texts with labels.
        label_column: Column of the labels.
        curve: Whether to measure several thresholds.
        min_accuracy: The least accuracy that will do.
        results: Where to keep the figures.
        data_name: Name of the data.
        split: Part of the data.
        form: How the report looks.

    Raises:
        typer.Exit: An accuracy below the least.
        ValueError: A least accuracy for a model that has none.
    """
    kept = None if results is None else results_so_far(results, options.folder)
    clf = options.load()
    about = {
        "data": {"name": data_name or file.name},
        "split": split,
        "progress": is_terminal(sys.stderr),
    }
    if clf.config.reader is not None:
        block = _of_answers(clf, file, about)
    else:
        block = _of_labels(clf, file, options.text_column or "text", label_column, curve, about)
    if results is not None and kept is not None:
        save_with(kept, results, evaluation=block)
    if wants_json(form):
        write_json_report(block)
    else:
        write_tables(*_tables(block, "units updated" if clf.config.policy == "selective" else "tokens read"))
    if min_accuracy is not None:
        _check_accuracy(block["metrics"], min_accuracy)


def _of_labels(
    clf: SkimRuntime, file: Path, text_column: str, label_column: str, curve: bool, about: dict[str, Any]
) -> Block:
    from skim_hf.results import THRESHOLDS
    from skim_hf.results import evaluate as measure
    from skim_hf.runtime.calibration import has_dial
    from skim_hf.tables import read_rows
    from skim_hf.tables.columns import labels_of, texts_of

    rows = read_rows(file, label_column=label_column)
    texts = texts_of(rows, text_column, str(file))
    labels = labels_of(rows, label_column, str(file))
    # A model that no threshold changes has no curve.
    thresholds = THRESHOLDS if curve and has_dial(clf.config.policy) else ()
    return measure(clf, texts, labels, thresholds=thresholds, **about)


def _of_answers(clf: SkimRuntime, file: Path, about: dict[str, Any]) -> Block:
    """Questions have their answers in the columns, or the form, of SQuAD."""
    from skim_hf.results import evaluate_answers
    from skim_hf.tables import read_questions

    questions = read_questions(file)
    return evaluate_answers(clf, questions, null_answers=not all(each.answers for each in questions), **about)


def _check_accuracy(metrics: dict[str, float], least: float) -> None:
    if "accuracy" not in metrics:
        raise ValueError(f"--min-accuracy needs a classifier; this model has {', '.join(metrics)}.")
    if metrics["accuracy"] < least:
        typer.echo(f"The accuracy {metrics['accuracy']:.4f} is below {least:g}.", err=True)
        raise typer.Exit(BELOW)


def _tables(block: Block, read: str) -> list[Any]:
    what = "questions" if "answers" in block else "texts"
    title = f"{block['texts']:,} {what}, {block['tokens']:,} tokens, threshold {block['threshold']:g}"
    found = {
        **{name.replace("_", " "): f"{value:.4f}" for name, value in block["metrics"].items()},
        _NOT[read]: f"{block['skim_rate_micro']:.1%} (mean of texts {block['skim_rate_macro']:.1%})",
        **{f"{_NOT[read]}, {name}": f"{rate:.1%}" for name, rate in _layers(block).items()},
        **_jumping(block),
        "arithmetic saved": _saved(block),
    }
    tables = [facts(title, found)]
    if "curve" in block:
        points, first = block["curve"]["points"], next(iter(block["metrics"]))
        heads = [" threshold", f" {first}", f" {read}", " arithmetic saved", " µs per text"]
        rows = [
            [
                f"{point['threshold']:g}",
                f"{point['metrics'][first]:.4f}",
                f"{point['read']:.1%}",
                _saved(point),
                f"{point['median_us']:.0f}",
            ]
            for point in points
        ]
        tables.append(grid(f"Thresholds, timed on {block['curve']['timed_texts']} texts", heads, rows))
    return tables


def _saved(figures: Block) -> str:
    # Nothing that was computed has no ratio.
    found = f"{figures['macs_ratio']:.1f}x" if "macs_ratio" in figures else "all"
    paper = figures.get("flop_ratio_paper")
    return found if paper is None else f"{found} (paper's count {paper:.1f}x)"


def _layers(block: Block) -> dict[str, float]:
    found: dict[str, float] = block.get("layer_skim_rates", {})
    return found


def _jumping(block: Block) -> dict[str, str]:
    if "visited_rate" not in block:
        return {}
    settings = f"after every {block['jump_every']} tokens, at most {block['jump_limit']}"
    return {
        "tokens visited": f"{block['visited_rate']:.1%}",
        "jump decisions": f"{block['jumps_per_text']:.1f} in a text, {settings}",
    }
