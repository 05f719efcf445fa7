"""Rows of text files as plain columns: CSV, TSV, JSON lines and Parquet, with every value as written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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

    @classmethod
    def from_dataset(cls, dataset: datasets.Dataset, source: str) -> Rows:
        """Takes the columns out of a `Dataset`.

        Args:
            dataset: The data set.
            source: Where it comes from, for messages.

        Returns:
            Its columns and the names of its labels.
        """
        names = {}
        for column, feature in dataset.features.items():
            inner = getattr(feature, "feature", feature)
            if isinstance(inner, datasets.ClassLabel):
                names[column] = list(inner.names)
        return cls({column: dataset[column][:] for column in dataset.column_names}, names, source)


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
        ValueError: Another extension, a file that cannot be parsed, or one without rows.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} has no known extension: give a file ending in {', '.join(_READERS)}.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    rows = reader(path)
    if not len(rows):
        raise ValueError(f"{path} holds no rows. Give a file with a header or keys, and at least one row.")
    if path.suffix.lower() in (".csv", ".tsv") and label_column in rows.columns:
        rows.columns[label_column] = _typed(rows.columns[label_column])
    return rows


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


def _read_csv(path: Path, separator: str = ",") -> Rows:
    advice = "A text that holds the separator, a quote or a line break must stand in double quotes."
    try:
        # No guessing of types or gaps: pandas would take the texts "NA" and "null" for missing ones.
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        return Rows({}, {}, str(path))
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as CSV in UTF-8: {str(error).strip()}. {advice}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"{path} has more cells in its first row than column names in its header. {advice}")
    return Rows({str(name): table[name].tolist() for name in table}, {}, str(path))


def _read_tsv(path: Path) -> Rows:
    return _read_csv(path, "\t")


def _read_json(path: Path) -> Rows:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}. Save it in that encoding.") from error
    if text.lstrip().startswith("["):
        rows = _parse_json(text, path)
    else:
        # Only line feeds end a row: str.splitlines would also cut at characters inside a text.
        rows = [_parse_json(line, path, n) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    bad = next((row for row in rows if not isinstance(row, dict)), None)
    if bad is not None:
        raise ValueError(
            f'{path} must hold objects such as {{"text": "...", "label": 0}}; found {bad!r:.80}.'
        )
    names = {name: None for row in rows for name in row}
    return Rows({name: [row.get(name) for row in rows] for name in names}, {}, str(path))


def _parse_json(text: str, path: Path, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {line or error.lineno}, is not JSON: {error.msg}. "
            "Give one object per line, or one list of objects."
        ) from error


def _read_parquet(path: Path) -> Rows:
    try:
        table = datasets.table.InMemoryTable(pq.read_table(path))
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}. Write the file again.") from error
    return Rows.from_dataset(datasets.Dataset(table), str(path))


def _typed(cells: list[str]) -> list[Any]:
    """Turns a column into integers or floats if every cell is written as one; "007" is a name."""
    for pattern, convert in ((_INTEGER, int), (_FLOAT, float)):
        if all(pattern.fullmatch(cell) for cell in cells):
            return [convert(cell) for cell in cells]
    return list(cells)


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json,
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
}
