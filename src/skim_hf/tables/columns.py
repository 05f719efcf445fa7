"""Texts and labels out of rows, with what is missing or of the wrong kind named by row and column."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

from skim_hf.tables.formats import Row
from skim_hf.tables.rows import Rows, describe_rows


def texts_of(rows: Rows, column: str, where: str) -> list[str]:
    """The texts of all rows.

    Args:
        rows: The rows.
        column: That of the texts.
        where: What the rows are, for messages: the subject of a sentence.

    Raises:
        ValueError: No such column, or a row without a text in it.
    """
    values = values_of(rows, column, where, "text-column")
    missing = [row for row, value in enumerate(values) if value is None]
    if missing:
        raise ValueError(
            f"{where} has no text in {describe_rows(missing)}, column {column!r}. Remove these rows, or "
            'write an empty text ("") if there is nothing to read.'
        )
    return [check_text(value, row, column, where) for row, value in enumerate(values)]


def text_of(row: Row, number: int, column: str, where: str) -> str:
    """The text of one row; see `texts_of`.

    Args:
        row: The row.
        number: Its number, counted from 0.
        column: That of the texts.
        where: What the rows are.

    Raises:
        ValueError: No such column, or no text in it.
    """
    if column not in row:
        raise _no_column(column, row, f"{where}, {describe_rows([number])},", "text-column")
    return check_text(row[column], number, column, where)


def check_text(value: Any, number: int, column: str, where: str) -> str:
    """Returns a value of a column of texts.

    Raises:
        ValueError: Not a string.
    """
    if not isinstance(value, str):
        raise ValueError(
            f"{where} must hold strings in column {column!r}; {describe_rows([number])}, holds "
            f"{value!r:.80} ({type(value).__name__}). Name another text column or convert the values."
        )
    return value


def labels_of(rows: Rows, column: str, where: str) -> list[Any]:
    """The labels of all rows, ids with declared names as these names; none is missing.

    Args:
        rows: The rows.
        column: That of the labels.
        where: What the rows are, for messages: the subject of a sentence.

    Raises:
        ValueError: No such column, or a row without a label in it.
    """
    values = named_labels(rows, column, where)
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing:
        raise ValueError(
            f"{where} has no label in {describe_rows(missing)}, column {column!r}. "
            "Remove these rows or label them."
        )
    return values


def named_labels(rows: Rows, column: str, where: str) -> list[Any]:
    """The labels of all rows, of which some may be missing; see `labels_of`."""
    names = rows.class_names.get(column)
    return [_named(value, names) for value in values_of(rows, column, where, "label-column")]


def is_missing(value: Any) -> bool:
    """Whether a label, or one of several, is missing."""
    if isinstance(value, (list, tuple)):
        return any(is_missing(item) for item in value)
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def values_of(rows: Rows, column: str, where: str, option: str) -> list[Any]:
    """One column.

    Args:
        rows: The rows.
        column: Its name.
        where: What the rows are.
        option: The option that names the column, without dashes in front.

    Raises:
        ValueError: No such column; proposes another.
    """
    if column in rows.columns:
        return rows.columns[column]
    raise _no_column(column, rows.columns, where, option)


def _no_column(column: str, columns: Iterable[str], where: str, option: str) -> ValueError:
    names = list(columns)
    near = (difflib.get_close_matches(column, names, n=1) or [*names, "text"])[0]
    return ValueError(
        f"{where} has no column {column!r}; its columns are {', '.join(map(repr, names)) or 'none'}. "
        f"Name the one to use, for example --{option} {near} ({option.replace('-', '_')}={near!r} in Python)."
    )


def _named(value: Any, names: list[str] | None) -> Any:
    """Replaces declared ids by their names; -1 is how the Hub marks a missing label."""
    if names is None or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_named(item, names) for item in value]
    return names[value] if 0 <= value < len(names) else None
