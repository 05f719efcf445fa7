"""What goes to the terminal or into a pipe: UTF-8, at once, and quietly nothing more when nobody reads it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any, TextIO

import typer

_PLAIN_TERMINAL = "dumb"


def prepare_streams() -> None:
    """Makes pipes and files UTF-8 wherever this runs; a terminal gets what it can show."""
    if isinstance(sys.stdout, TextIOWrapper):
        if is_terminal(sys.stdout):
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody may be looking at a stream; one that is closed is looked at by nobody."""
    return stream is not None and stream.isatty()


def shows_colours() -> bool:
    """Whether the output may have colours: a terminal's may, unless NO_COLOR or TERM say no."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != _PLAIN_TERMINAL
    return wanted and is_terminal(sys.stdout)


def write_lines(lines: Iterable[str]) -> None:
    """Writes lines to the standard output and has them sent.

    Raises:
        typer.Exit: Nobody reads them any more, as with `| head`.
    """
    # Imported here, because whoever asks for help needs no runtime.
    from skim_hf.runtime.splitting import printable

    try:
        # Halves of characters, which JSON and arguments can bring in, have no place in UTF-8.
        sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError as error:
        # What is left in the buffer must go somewhere when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from error


def json_line(value: Any) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def one_line(text: str) -> str:
    """A text without line breaks, and without anything that a terminal would obey."""
    from skim_hf.runtime.trace import harmless

    return harmless(" ".join(text.split()))
