"""Feature sequences and recordings out of Parquet files, without a Python object per number."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skim_hf.tables import Rows, describe_rows
from skim_hf.tables.columns import labels_of, values_of
from skim_hf.tables.formats import parquet_class_names

from .features import Array, FeatureDataset
from .labels import LabelSchema


@dataclass(frozen=True)
class FeatureData:
    """Sequences and labels.

    Attributes:
        splits: The parts that are there, of `train`, `validation` and `test`.
        labels: What the labels mean.
    """

    splits: dict[str, FeatureDataset]
    labels: LabelSchema


def load_feature_dataset(
    files: Mapping[str, str | Path],
    *,
    feature_column: str,
    label_column: str = "label",
    group_column: str | None = None,
    labels: LabelSchema | None = None,
    problem_type: str | None = None,
    sampling_rate: int | None = None,
) -> FeatureData:
    """Loads sequences with labels from Parquet files.

    Args:
        files: By split: a path for `train`, `validation`, `test`.
        feature_column: Holds lists of frames of numbers or, with a `sampling_rate`, recordings: lists of PCM
            samples, or the bytes of WAV files, also in a field `bytes` as the Hub's audio columns have them.
        label_column: A label or a number per row.
        group_column: What a row belongs to, such as a speaker; None if rows stand alone.
        labels: The labels to use, as a rule those of a trained model; found in the training split if None.
        problem_type: Overrides what the label values look like.
        sampling_rate: Of the recordings, in samples per second; None for frames.

    Returns:
        The splits and the labels.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: A missing column, missing values, frames of different widths, a recording at another
            rate, or no training split and no `labels` to go by.
    """
    parts = {name: _table(Path(path)) for name, path in files.items()}
    rows = {name: _rows(table, files[name], (label_column, group_column)) for name, table in parts.items()}
    where = {name: f"The {name} split ({files[name]})" for name in files}
    raw = {name: labels_of(rows[name], label_column, where[name]) for name in files}
    if labels is None:
        if "train" not in raw:
            raise ValueError("Without a training split the labels are not known: give --train_file.")
        names = rows["train"].class_names.get(label_column, ())
        labels = LabelSchema.from_values(raw["train"], names=names, problem_type=problem_type)
    splits = {}
    for name, table in parts.items():
        column = _column(table, feature_column, where[name])
        read = _frames if sampling_rate is None else _recordings
        groups = None if group_column is None else values_of(rows[name], group_column, where[name], "group")
        sequences = read(column, sampling_rate, f"{where[name]}, column {feature_column!r},")
        splits[name] = FeatureDataset(sequences, labels.encode(raw[name], split=name), groups)
    return FeatureData(splits, labels)


def _table(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Check the path; it is relative to {Path.cwd()}.")
    if path.suffix.lower() != ".parquet":
        raise ValueError(f"Feature sequences are read from Parquet files; got {path}.")
    return pq.read_table(path)


def _rows(table: Any, path: str | Path, wanted: tuple[str | None, ...]) -> Rows:
    """The columns of simple values that are wanted; the others stay in Arrow and only show their names."""
    columns = {
        name: table[name].to_pylist() if name in wanted else [None] * len(table)
        for name in table.column_names
    }
    return Rows(columns, parquet_class_names(Path(path)), str(path))


def _column(table: Any, name: str, where: str) -> Any:
    values_of(Rows({each: [] for each in table.column_names}, {}, where), name, where, "feature_column")
    column = table[name].combine_chunks()
    if column.null_count:
        missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist()
        raise ValueError(f"{where} has no sequence in {describe_rows(missing)}, column {name!r}.")
    return column


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _frames(column: Any, _: int | None, where: str) -> list[Array]:
    """[T, width] float32 of every row."""
    if not _is_list(column.type) or not _is_list(column.type.value_type):
        raise ValueError(
            f"{where} must hold lists of frames, each a list of numbers; its type is {column.type}. For "
            "recordings name the column with --audio_column."
        )
    rows = [scalar.values for scalar in column]
    widths = {width for row in rows for width in pc.unique(pc.list_value_length(row)).to_pylist()}
    if len(widths) != 1 or None in widths or 0 in widths:
        raise ValueError(f"{where} must hold frames of one width; got the widths {sorted(map(str, widths))}.")
    (width,) = widths
    return [_numbers(row.flatten(), where).astype(np.float32).reshape(-1, width) for row in rows]


def _recordings(column: Any, sampling_rate: int | None, where: str) -> list[Array]:
    """[n] samples of every row."""
    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    if _is_list(column.type) and not _is_list(column.type.value_type):
        return [_numbers(scalar.values, where) for scalar in column]
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        raise ValueError(
            f"{where} must hold lists of samples or the bytes of WAV files; its type is {column.type}."
        )
    return [_decode(scalar.as_py(), sampling_rate, f"{where} row {row}") for row, scalar in enumerate(column)]


def _numbers(values: Any, where: str) -> Array:
    numbers: Array = values.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind not in "iuf" or (numbers.dtype.kind == "f" and not np.isfinite(numbers).all()):
        raise ValueError(f"{where} must hold finite numbers; correct or remove what is missing.")
    return numbers


def _decode(data: bytes, sampling_rate: int | None, where: str) -> Array:
    """Samples of a WAV file, the mean of its channels."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, channels, size = file.getframerate(), file.getnchannels(), file.getsampwidth()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"{where} is no WAV file of PCM samples: {error}. Convert it, for example with ffmpeg."
        ) from error
    if rate != sampling_rate or size not in (2, 4):
        raise ValueError(
            f"{where} has {rate} samples per second of {8 * size} bits; expected {sampling_rate} of 16 or 32 "
            "bits. Name the rate with --sampling_rate, or convert the recordings."
        )
    samples = np.frombuffer(raw, f"<i{size}").reshape(-1, channels)
    return samples[:, 0] if channels == 1 else samples.mean(1) / (np.iinfo(samples.dtype).max + 1)
