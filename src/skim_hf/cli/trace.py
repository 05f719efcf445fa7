"""`skim-hf trace`: which words of a text were read."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import whole_text
from skim_hf.cli.options import ModelOptions, takes_model
from skim_hf.cli.output import is_terminal, json_line, one_line, shows_colours, write_lines

if TYPE_CHECKING:
    from skim_hf.runtime import ReadingTrace

TRACE_HELP = help_text(
    "Show which words of a text were read and which were skimmed, skipped or passed over.",
    'skim-hf trace org/name "The trailer was great. The film is dull."',
    "skim-hf trace org/name --html trace.html < review.txt",
    'skim-hf trace org/name "A good film." --json | jq -r ".tokens[] | select(.read).token"',
    note="On a terminal read words are bold and the others dim; elsewhere, and where NO_COLOR is set, they "
    "are in \\[square brackets]; of a selective model those at which units were updated. Without TEXT the "
    "whole standard input is one text.",
)


@takes_model
def trace(
    options: ModelOptions,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the marked text instead.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON with every token instead.")
    ] = False,
) -> None:
    """Shows how a text was read.

    Args:
        options: The model.
        text: The text; the standard input if None.
        html: File of a page to be written.
        as_json: Whether to print JSON.
    """
    if text is None:
        if is_terminal(sys.stdin):
            typer.echo("Reading one text; Ctrl-D ends it.", err=True)
        text = whole_text()
    found = options.load().trace(text)
    if html is not None:
        from skim_hf.results.files import write_text

        write_text(html, found.to_html(full_page=True))
        typer.echo(f"Wrote {html}", err=True)
    if as_json:
        write_lines([json_line(_as_json(found))])
    elif html is None:
        write_lines([found.to_ansi() if shows_colours() else found.to_text(), "", _summary(found)])


def _as_json(found: ReadingTrace) -> dict[str, object]:
    tokens = [{**asdict(token), "read": token.is_read} for token in found.tokens]
    return {**asdict(found), "tokens": tokens}


def _summary(found: ReadingTrace) -> str:
    read = sum(token.is_read for token in found.tokens)
    passed = sum(token.is_passed for token in found.tokens)
    effort = f"{read} of {len(found.tokens)} tokens read{f', {passed} passed over' if passed else ''}"
    if found.label is None:
        named = (f"{token.token}/{token.label}" for token in found.tokens)
        return f"{one_line(' '.join(named))}\n{effort}"
    return f"{one_line(found.label)} ({found.score:.3f}), {effort}"
