"""Texts from arguments, files and streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import typer

from skim_hf.cli.output import is_terminal
from skim_hf.tables import stream_rows
from skim_hf.tables.columns import text_of
from skim_hf.tables.formats import parse_json, row_of

STDIN = Path("-")
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")

_STDIN_NAME = "The standard input"
_PIECE = 1 << 16  # bytes that are taken from a stream at once: as many as a pipe holds
_BATCH = 256  # texts of a table that are read by the model at once


def text_batches(texts: Sequence[str], source: Path | None, column: str | None) -> Iterator[list[str]]:
    """The texts that a command is about, in batches that are there at the same time.

    Args:
        texts: Those that were given as arguments.
        source: A file; `-` or None is the standard input, where there are no arguments.
        column: Of the texts in a table; if given, lines of the standard input are JSON objects.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A closed standard input; when it is reached, a line that is not UTF-8 or a row without a
            text.
    """
    if texts:
        return iter([list(texts)])
    if source is None or source == STDIN:
        return stream_batches(_stdin(), _STDIN_NAME, column)
    return file_batches(source, column)


def file_batches(path: Path, column: str | None) -> Iterator[list[str]]:
    """The texts of a file, a few hundred at a time; see `text_batches`."""
    if path.suffix.lower() not in TABLES:
        return stream_batches(path.open("rb"), str(path), None)
    column, rows = column or "text", enumerate(stream_rows(path))
    texts = (text_of(row, number, column, str(path)) for number, row in rows)
    return _batches(texts, _BATCH)


def file_texts(path: Path, column: str | None) -> Iterator[str]:
    """The texts of a file one by one; see `text_batches`."""
    return chain.from_iterable(file_batches(path, column))


def whole_text(source: Path | None = None) -> str:
    """A file as one text, without the line break at its end.

    Args:
        source: The file; `-` or None is the standard input.

    Raises:
        OSError: No such file.
        ValueError: It is not UTF-8, or the standard input is closed.
    """
    if source is not None and source != STDIN:
        return "\n".join(chain.from_iterable(stream_batches(source.open("rb"), str(source), None)))
    if is_terminal(sys.stdin):
        typer.echo("Reading one text; Ctrl-D ends it.", err=True)
    return "\n".join(chain.from_iterable(stream_batches(_stdin(), _STDIN_NAME, None)))


def stream_batches(stream: BinaryIO, name: str, column: str | None) -> Iterator[list[str]]:
    """The lines of a stream, each batch as soon as it is there: no line waits for another one.

    Args:
        stream: Bytes in UTF-8.
        name: Of the stream, the subject of messages.
        column: Of the texts, if the lines are JSON objects.

    Raises:
        ValueError: A line that is not UTF-8 or has no text; names the line.
    """
    number = 0
    with stream:
        for lines in _byte_lines(stream):
            yield from _batches(_texts_of(lines, name, number, column))
            number += len(lines)


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise ValueError("The standard input is closed. Give texts as arguments or as a file.")
    return sys.stdin.buffer


def _batches(texts: Iterator[str], size: int | None = None) -> Iterator[list[str]]:
    """Batches of `size` texts, or one of all; before an error comes what was there before it."""
    batch: list[str] = []
    try:
        for text in texts:
            batch.append(text)
            if len(batch) == size:
                yield batch
                batch = []
    except ValueError:
        yield batch
        raise
    if batch:
        yield batch


def _byte_lines(stream: BinaryIO) -> Iterator[list[bytes]]:
    unfinished: list[bytes] = []
    # Unlike `read`, this returns what has come so far.
    while piece := stream.read1(_PIECE):  # type: ignore[attr-defined]
        complete, line_feed, rest = piece.rpartition(b"\n")
        if line_feed:
            yield b"".join([*unfinished, complete]).split(b"\n")
            unfinished = []
        if rest:
            unfinished.append(rest)
    if unfinished:
        yield [b"".join(unfinished)]


def _texts_of(lines: list[bytes], name: str, first: int, column: str | None) -> Iterator[str]:
    for number, line in enumerate(lines, first):
        text = _decode(line, name, number)
        if column is None:
            yield text
        elif text.strip():
            yield text_of(row_of(parse_json(text, name, number + 1), name), number, column, name)


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        # The mark that some editors put in front of a file is not a part of its first text.
        return line.removesuffix(b"\r").decode("utf-8" if number else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}, line {number + 1}, is not UTF-8: {error.reason}. Convert it first, for example with "
            "iconv -f latin1 -t utf-8."
        ) from error
