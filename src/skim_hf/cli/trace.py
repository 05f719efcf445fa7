"""`skim-hf trace`: which words of a text were read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import whole_text
from skim_hf.cli.options import ModelOptions, takes_model
from skim_hf.cli.output import one_line
from skim_hf.cli.traces import HtmlOption, show_trace

if TYPE_CHECKING:
    from skim_hf.runtime import ReadingTrace

TRACE_HELP = help_text(
    "Show which words of a text were read and which were skimmed, skipped or passed over.",
    'skim-hf trace org/name "The trailer was great. The film is dull."',
    "skim-hf trace org/name --html trace.html < review.txt",
    'skim-hf trace org/name "A good film." --json | jq -r ".tokens[] | select(.read).token"',
    'skim-hf trace org/name --question "Who wrote it?" --context article.txt',
    note="On a terminal read words are bold and the others dim; elsewhere, and where NO_COLOR is set, they "
    "are in \\[square brackets]; of a selective model those at which units were updated. Without TEXT the "
    "whole standard input is one text. A model that answers questions needs --question, and shows the text "
    "once for each of its layers, as skim-hf answer --trace does.",
)


@takes_model
def trace(
    options: ModelOptions,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    question: Annotated[
        str | None,
        typer.Option(help="What a model that answers questions is asked about the text.", show_default=False),
    ] = None,
    context: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The text, instead of TEXT.", show_default=False)
    ] = None,
    html: HtmlOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON with every token instead.")
    ] = False,
) -> None:
    """Shows how a text was read.

    Args:
        options: The model.
        text: The text; the standard input if None.
        question: What it is read for, of a model that answers questions.
        context: File of the text.
        html: File of a page to be written.
        as_json: Whether to print JSON.

    Raises:
        typer.BadParameter: Texts from two places.
    """
    if text is not None and context is not None:
        raise typer.BadParameter("Give the text as an argument or by --context, not both.")
    clf = options.load()
    if question is None and clf.config.reader is not None:
        raise typer.BadParameter(f"{options.model} answers questions: give one with --question.")
    if text is None:
        text = whole_text(context)
    if question is not None:
        show_trace(clf.trace_answer(question, text), html=html, as_json=as_json)
        return
    found = clf.trace(text)
    show_trace(found, html=html, as_json=as_json, summary=["", _summary(found)])


def _summary(found: ReadingTrace) -> str:
    read = sum(token.is_read for token in found.tokens)
    passed = sum(token.is_passed for token in found.tokens)
    effort = f"{read} of {len(found.tokens)} tokens read{f', {passed} passed over' if passed else ''}"
    if found.label is None:
        named = (f"{token.token}/{token.label}" for token in found.tokens)
        return f"{one_line(' '.join(named))}\n{effort}"
    return f"{one_line(found.label)} ({found.score:.3f}), {effort}"
