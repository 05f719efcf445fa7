"""`skim-hf predict`: labels of texts, in their order, each as soon as its text is there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import STDIN, text_batches
from skim_hf.cli.options import InputOption, ModelOptions, takes_model
from skim_hf.cli.output import is_terminal, json_line, one_line, write_lines

if TYPE_CHECKING:
    from skim_hf.runtime import SkimRuntime

Record = dict[str, Any]
Batches = Iterable[list[str]]

PREDICT_HELP = help_text(
    "Label texts: arguments, the rows of a file, or the lines of the standard input.",
    'skim-hf predict org/name "A good film." "A dull one."',
    "skim-hf predict org/name --input reviews.csv --text-column review > labelled.jsonl",
    "tail -f comments.txt | skim-hf predict org/name --format label",
    "skim-hf predict org/name -i new.txt --budget 0.1 --calibration old.txt --scores",
    note="Results come in the order of the texts, a line of input as soon as it is there; an empty line is "
    "an empty text. Lines of JSON hold text, label and score; where every token gets a label, the tokens "
    "that are something as entities.",
)


@takes_model
def predict(
    options: ModelOptions,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXTS", show_default=False)] = None,
    source: InputOption = None,
    form: Annotated[
        Literal["jsonl", "table", "label"] | None,
        typer.Option("--format", help="By default a table on a terminal, and lines of JSON elsewhere."),
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show the scores of all labels.")] = False,
) -> None:
    """Labels texts.

    Args:
        options: The model.
        texts: Texts from the command line.
        source: A file of texts.
        form: How the results look.
        scores: Whether to show those of all labels.

    Raises:
        typer.BadParameter: Texts from two places.
    """
    if texts and source is not None:
        raise typer.BadParameter("Give texts as arguments or by --input, not both.")
    batches = text_batches(texts or [], source, options.text_column)
    if not texts and source in (None, STDIN) and is_terminal(sys.stdin):
        typer.echo("Reading a text per line; Ctrl-D ends.", err=True)
    options.check_reads_texts(for_labels=True)
    clf = options.load()
    form = form or ("table" if is_terminal(sys.stdout) else "jsonl")
    show = {"jsonl": _json_lines, "table": _table, "label": _labels}[form]
    for lines in show(clf, batches, scores):
        write_lines(lines)


def _json_lines(clf: SkimRuntime, batches: Batches, scores: bool) -> Iterator[Iterable[str]]:
    return (map(json_line, _records(clf, batch, scores)) for batch in batches)


def _labels(clf: SkimRuntime, batches: Batches, scores: bool) -> Iterator[Iterable[str]]:
    for batch in batches:
        # Where every token gets a label, a text has several.
        found = clf.predict(batch)
        yield (one_line(labels if isinstance(labels, str) else " ".join(labels)) for labels in found)


def _table(clf: SkimRuntime, batches: Batches, scores: bool) -> Iterator[Iterable[str]]:
    # rich is slow to import, and lines of JSON need none of it.
    from skim_hf.cli.columns import Columns

    names = list(clf.labels)
    if clf.config.labels_tokens:
        columns = Columns(["entities", "text"], [30])
    else:
        shown = names if scores else ["score"]
        columns = Columns(["label", *shown, "text"], [max(map(len, names)), *[5] * len(shown)])
    yield [columns.header]
    for batch in batches:
        yield (columns.line(_cells(record)) for record in _records(clf, batch, scores))


def _cells(record: Record) -> list[str]:
    if "entities" in record:
        found = (f"{entity['word']}/{entity['entity']}" for entity in record["entities"])
        return [" ".join(found), record["text"]]
    numbers = record.get("scores", {"": record["score"]}).values()
    return [record["label"], *(f"{number:.3f}" for number in numbers), record["text"]]


def _records(clf: SkimRuntime, texts: list[str], scores: bool) -> list[Record]:
    """What is known of each text: text, label and score, or text and entities; with scores all of them."""
    results = clf(texts)
    if clf.config.labels_tokens:
        results = [{"entities": entities} for entities in results]
    records = [{"text": text, **result} for text, result in zip(texts, results, strict=True)]
    if scores:
        for record, rows in zip(records, clf.predict_proba(texts), strict=True):
            record["scores"] = _named(clf, rows.tolist())
    return records


def _named(clf: SkimRuntime, scores: list[Any]) -> Any:
    """Scores by label, for a text or for every token of one."""
    if clf.config.labels_tokens:
        return [dict(zip(clf.labels, row, strict=True)) for row in scores]
    return dict(zip(clf.labels, scores, strict=True))
