"""The rows of files of each format, each as values by column."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from skim_hf._optional import require

Row = dict[str, Any]

_LONGEST_CELL = 2**31 - 1
_CSV_ADVICE = "A text that holds the separator, a quote or a line break must stand in double quotes."


def csv_rows(path: Path, separator: str = ",") -> Iterator[Row]:
    """Rows of a CSV file with a header; every value is a string.

    Raises:
        ValueError: Not UTF-8, a row with more cells than the header, a stray quote, or two columns of one
            name; the message names the line.
    """
    # By default Python takes a cell of more than 131,072 characters for an accident; a text may be a book.
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        try:
            lines = filter(None, reader)
            header = next(lines, [])
            _check_header(header)
            for cells in lines:
                if len(cells) > len(header):
                    raise csv.Error(f"{len(cells)} cells under {len(header)} column names")
                # Spreadsheets leave out empty cells at the end of a row.
                yield dict(zip_longest(header, cells, fillvalue=""))
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} cannot be read as CSV in UTF-8, line {reader.line_num}: {error}. {_CSV_ADVICE}"
            ) from error


def json_rows(path: Path) -> Iterator[Row]:
    """Rows of a file with one JSON object per line, or with one list of objects.

    Raises:
        ValueError: Not UTF-8, not JSON, or no objects; the message names the line.
    """
    # Only line feeds end a row: other line breaks may stand inside a text.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        try:
            lines = ((number, line.rstrip()) for number, line in enumerate(file, 1) if line.strip())
            for number, line in islice(lines, 1):
                is_list = line.lstrip().startswith("[")
                rows = parse_json(line + "\n" + file.read() if is_list else line, str(path), number)
                yield from (row_of(row, str(path)) for row in (rows if is_list else [rows]))
            for number, line in lines:
                yield row_of(parse_json(line, str(path), number), str(path))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8: {error}. Save it in that encoding.") from error


def parse_json(text: str, source: str, line: int) -> Any:
    """Parses JSON that came from a place.

    Args:
        text: The JSON.
        source: Where it came from, for the error.
        line: Number of its first line there.

    Raises:
        ValueError: Not JSON; the message names the line.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{source}, line {line}, holds JSON that is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{source}, line {line + error.lineno - 1}, is not JSON: {error.msg}. "
            "Give one object per line, or one list of objects."
        ) from error


def row_of(value: Any, source: str) -> Row:
    """Returns a JSON value that is an object.

    Raises:
        ValueError: Something else.
    """
    if not isinstance(value, dict):
        raise ValueError(
            f'{source} must hold objects such as {{"text": "...", "label": 0}}; found {value!r:.80}.'
        )
    return value


def parquet_rows(path: Path) -> Iterator[Row]:
    """Rows of a Parquet file.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: Not a Parquet file.
    """
    arrow, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, arrow.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}. Write the file again.") from error


def parquet_class_names(path: Path) -> dict[str, list[str]]:
    """Names of integer labels by column, as the library datasets leaves them in a Parquet file."""
    metadata = require("pyarrow.parquet", "train").read_schema(path).metadata or {}
    info = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
    features = info.get("features") or {}
    inner = {name: _of_items(feature) for name, feature in features.items()}
    return {name: list(kind["names"]) for name, kind in inner.items() if kind.get("_type") == "ClassLabel"}


def _of_items(feature: Any) -> Row:
    """What a feature's values are; of lists, which older versions wrote as a list, what the items are."""
    kind: Row = feature[0] if isinstance(feature, list) else feature.get("feature", feature)
    return kind


def _check_header(names: list[str]) -> None:
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise csv.Error(f"two columns have the name {twice!r}")
