"""`skim-hf slim`: a saved model with fewer words and smaller numbers, to be published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.options import ReportFormat
from skim_hf.cli.report import facts, megabytes, wants_json, write_json_report, write_tables

SLIM_HELP = help_text(
    "Write a smaller copy of a saved model: half-precision weights, and its most frequent words alone.",
    "skim-hf slim outputs/my-model model_cards/my-model",
    "skim-hf slim outputs/my-model model_cards/my-model --words 20000",
    note="Words that are cut are read as unknown ones. Results are not copied, since they belong to the "
    "weights that they were measured of: measure the copy with evaluate and bench.",
)


def slim(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of a saved model.", show_default=False)
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="Folder to write; a model in it is replaced.", show_default=False
        ),
    ],
    words: Annotated[
        int | None, typer.Option(min=1, help="Keep the first so many words. By default all.")
    ] = None,
    dtype: Annotated[Literal["float16", "float32"], typer.Option(help="Numbers to store.")] = "float16",
    form: ReportFormat = None,
) -> None:
    """Writes a smaller copy.

    Args:
        source: A saved model.
        target: Where the copy goes.
        words: How many words to keep.
        dtype: Of the weights in the file.
        form: How the report looks.
    """
    from skim_hf.hub.slimming import slim_model

    found = slim_model(source, target, most_words=words, dtype=dtype)
    if wants_json(form):
        write_json_report({**found._asdict(), "folder": str(found.folder)})
        return
    rows = {
        "words": f"{found.words:,} ({found.words_cut:,} cut)",
        "weights": f"{megabytes(found.size)} (before: {megabytes(found.size_before)})",
    }
    write_tables(facts(str(found.folder), rows))
