"""How traces are shown: marked text, a page, or JSON with every token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skim_hf.cli.output import json_line, shows_colours, write_lines

if TYPE_CHECKING:
    from skim_hf.runtime import AnswerTrace, ReadingTrace, TokenTrace

HtmlOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a page with the marked text instead.")
]


def show_trace(
    found: ReadingTrace | AnswerTrace, *, html: Path | None, as_json: bool, summary: Iterable[str] = ()
) -> None:
    """Shows a trace.

    Args:
        found: The trace.
        html: File of a page to be written.
        as_json: Whether to print JSON.
        summary: Lines to print below the marked text.

    Raises:
        OSError: The page cannot be written.
    """
    if html is not None:
        from skim_hf.results.files import write_text

        write_text(html, found.to_html(full_page=True))
        typer.echo(f"Wrote {html}", err=True)
    if as_json:
        write_lines([json_line(_as_json(found))])
    elif html is None:
        write_lines([found.to_ansi() if shows_colours() else found.to_text(), *summary])


def _as_json(found: ReadingTrace | AnswerTrace) -> dict[str, Any]:
    from skim_hf.runtime import ReadingTrace

    tokens = [_token(token) for token in found.tokens]
    if isinstance(found, ReadingTrace):
        return {**asdict(found), "tokens": tokens}
    return {
        "question": found.question,
        "answers": [
            {"answer": each.text, "score": each.score, "start": each.start, "end": each.end}
            for each in found.answers
        ],
        "skim_rate": found.skim_rate,
        "layer_skim_rates": {name: layer.skim_rate for name, layer in found.layers.items()},
        "tokens": tokens,
    }


def _token(token: TokenTrace) -> dict[str, Any]:
    return {**asdict(token), "read": token.is_read}
