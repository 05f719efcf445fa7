"""`skim-hf answer`: answers to a question in a text, and which words of it every layer read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import whole_text
from skim_hf.cli.options import ModelOptions, takes_model
from skim_hf.cli.output import is_terminal, json_line, one_line, write_lines
from skim_hf.cli.traces import HtmlOption, show_trace

ANSWER_HELP = help_text(
    "Find the answer to a question in a text, and show which words of the text were read.",
    'skim-hf answer org/name "Who wrote it?" --context article.txt',
    'skim-hf answer org/name "Who wrote it?" --top-k 3 < article.txt',
    'skim-hf answer org/name "Who wrote it?" --context article.txt --trace --html trace.html',
    note="The text is a file, or the whole standard input. Elsewhere than on a terminal every answer is a "
    "line of JSON with answer, score, start and end. With --trace the text is shown once for each layer, "
    "and the words that it read are bold on a terminal, and in \\[square brackets] elsewhere.",
)


@takes_model
def answer(
    options: ModelOptions,
    question: Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)],
    context: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The text. By default the standard input.", show_default=False),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="How many answers.")] = 1,
    null_answers: Annotated[
        bool, typer.Option("--null-answers", help="The text may have no answer; for models trained so.")
    ] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show what every layer read.")] = False,
    html: HtmlOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Lines of JSON also on a terminal; with --trace also every token.")
    ] = False,
) -> None:
    """Answers a question.

    Args:
        options: The model.
        question: The question.
        context: File of the text.
        top_k: How many answers.
        null_answers: Whether there may be none.
        trace: Whether to show what was read.
        html: File of a page to be written.
        as_json: Whether to print JSON.
    """
    text = whole_text(context)
    wanted: dict[str, Any] = {"top_k": top_k, "null_answers": null_answers}
    if not trace and html is None:
        found = options.load().answer(question, text, **wanted)
        answers = [found] if isinstance(found, dict) else found
        as_lines = as_json or not is_terminal(sys.stdout)
        write_lines(map(json_line, answers) if as_lines else map(_as_line, answers))
        return
    traced = options.load().trace_answer(question, text, **wanted)
    show_trace(traced, html=html, as_json=as_json)


def _as_line(found: dict[str, Any]) -> str:
    return (
        f"{one_line(found['answer']) or '(none)'} ({found['score']:.3f}, {found['start']} to {found['end']})"
    )
