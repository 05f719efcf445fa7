"""Rows of a file by its extension: one after the other, or as plain columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from skim_hf.tables.formats import Row, csv_rows, json_rows, parquet_class_names, parquet_rows

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_FLOAT = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[1-9][0-9]*|0)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Rows:
    """The columns of one part of a data set.

    Attributes:
        columns: Values of every row by column; None where a value is missing.
        class_names: Declared names of integer labels (`ClassLabel`), by column.
        source: Where the rows come from, for messages.
    """

    columns: dict[str, list[Any]]
    class_names: dict[str, list[str]]
    source: str

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), []))


def read_rows(path: str | Path, *, label_column: str) -> Rows:
    """Reads a file by its extension.

    Args:
        path: A `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file.
        label_column: In CSV the one column that is turned into numbers, if all of its cells are
            written as integers or as floats. Every other cell stays a string, an empty one too:
            the words "NA" or "null" are text, not missing values.

    Returns:
        The columns.

    Raises:
        FileNotFoundError: No such file.
        ImportError: A Parquet file, and pyarrow is not installed.
        ValueError: Another extension, a file that cannot be parsed, or one without rows.
    """
    path = Path(path)
    columns = _columns(stream_rows(path))
    kind = path.suffix.lower()
    if not columns:
        raise ValueError(f"{path} holds no rows. Give a file with a header or keys, and at least one row.")
    if kind in (".csv", ".tsv") and label_column in columns:
        columns[label_column] = _typed(columns[label_column])
    return Rows(columns, parquet_class_names(path) if kind == ".parquet" else {}, str(path))


def stream_rows(path: str | Path) -> Iterator[Row]:
    """Reads a file by its extension, row by row; no more than a part of it is in memory.

    Args:
        path: A `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file.

    Returns:
        A generator of the rows, each as values by column. It raises a ValueError at a row that cannot be
        parsed.

    Raises:
        FileNotFoundError: No such file.
        ImportError: A Parquet file, and pyarrow is not installed.
        ValueError: Another extension.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} has no known extension: give a file ending in {', '.join(_READERS)}.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    return reader(path)


def describe_rows(rows: Sequence[int], shown: int = 5) -> str:
    """Names rows in a message.

    Args:
        rows: Row numbers from 0, in order.
        shown: How many are listed.

    Returns:
        Text such as "rows 3, 8 and 2 more, counted from 0".
    """
    listed = ", ".join(str(row) for row in rows[:shown])
    more = f" and {len(rows) - shown} more" if len(rows) > shown else ""
    return f"row{'s' if len(rows) > 1 else ''} {listed}{more}, counted from 0"


def _columns(rows: Iterable[Row]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        for name in row:
            if name not in columns:
                columns[name] = [None] * count
        for name, values in columns.items():
            values.append(row.get(name))
    return columns


def _typed(cells: list[str]) -> list[Any]:
    """Turns a column into integers or floats if every cell is written as one; "007" is a name."""
    for pattern, convert in ((_INTEGER, int), (_FLOAT, float)):
        if all(pattern.fullmatch(cell) for cell in cells):
            return [convert(cell) for cell in cells]
    return list(cells)


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": csv_rows,
    ".tsv": partial(csv_rows, separator="\t"),
    ".json": json_rows,
    ".jsonl": json_rows,
    ".parquet": parquet_rows,
}
