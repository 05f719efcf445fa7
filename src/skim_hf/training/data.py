"""From a Hub name or files to tokenized splits, with the names of the labels kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import datasets
import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from skim_hf.tables import Rows, read_rows
from skim_hf.tables.columns import is_missing, labels_of, named_labels, texts_of

from .labels import LabelSchema
from .teacher import TEACHER, teacher_probabilities

SPLITS = ("train", "validation", "test")

Source = str | Path | Mapping[str, str | Path | Sequence[str | Path]]


class _Split(Protocol):
    """What `carve_validation` needs of rows."""

    def __len__(self) -> int: ...

    def select(self, indices: Any, /) -> Any: ...


SplitT = TypeVar("SplitT", bound=_Split)


@dataclass(frozen=True)
class TextData:
    """Texts and labels, ready to be tokenized.

    Attributes:
        splits: The parts that are there, of `train`, `validation` and `test`, with the columns
            `text` and `labels`; a test split may come without `labels`.
        labels: What the labels mean.
    """

    splits: datasets.DatasetDict
    labels: LabelSchema


def load_text_dataset(
    source: Source,
    *,
    text_column: str = "text",
    label_column: str = "label",
    config_name: str | None = None,
    revision: str | None = None,
    labels: LabelSchema | None = None,
    problem_type: str | None = None,
    teacher_column: str | None = None,
) -> TextData:
    """Loads texts with labels.

    Label names are kept: those declared by the data set, else the values that occur in the training
    split (strings in order, integers by value). Floats mean a regression, lists several labels per
    text. An empty text is a legal text. A row whose text or label is missing is refused, because
    a silent guess would change the task; in CSV, where a missing text cannot be told from an empty
    one, an empty cell is an empty text and a missing label.

    Args:
        source: Name of a data set on the Hub or of a local folder, or files by split: a path, or a
            list of paths, to CSV, TSV, JSON lines or Parquet for `train`, `validation`, `test`.
        text_column: Column of the texts.
        label_column: Column of the labels. Only the test split may lack it, or have it all missing.
        config_name: Configuration of a data set on the Hub.
        revision: Version of a data set on the Hub.
        labels: The labels to use, as a rule those of a trained model; found in the training split
            if None.
        problem_type: Overrides what the label values look like.
        teacher_column: Column of the training split with a stronger model's probability of every label, a
            list in the order of the label ids; None for no such model.

    Returns:
        The splits and the labels; with a teacher the training split has the column `teacher`.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: A missing column, missing texts or labels, labels that training does not have,
            a single label, or no training split and no `labels` to go by, or no probabilities of a teacher.

    Example:
        >>> data = load_text_dataset({"train": "reviews.csv"}, text_column="review")  # doctest: +SKIP
        >>> data.labels.names  # doctest: +SKIP
        ('negative', 'positive')
    """
    parts = _read(source, label_column, config_name, revision)
    texts = {name: texts_of(rows, text_column, _where(rows, name)) for name, rows in parts.items()}
    raw = {name: _raw_labels(rows, name, label_column) for name, rows in parts.items()}
    if labels is None:
        seen = raw.get("train")
        if seen is None:
            raise ValueError(
                "Without a training split the labels are not known. Add one (train_file=, --train_file), or "
                "give the labels of a trained model: labels=LabelSchema.from_config(model.config)."
            )
        declared = parts["train"].class_names.get(label_column, ())
        labels = LabelSchema.from_values(seen, names=declared, problem_type=problem_type)
    splits = {}
    for name in parts:
        columns: dict[str, list[Any]] = {"text": texts[name]}
        values = raw[name]
        if values is not None:
            columns["labels"] = labels.encode(values, split=name)
        if teacher_column is not None and name == "train":
            where = _where(parts[name], name)
            columns[TEACHER] = teacher_probabilities(parts[name], teacher_column, labels, where)
        splits[name] = datasets.Dataset.from_dict(columns)
    return TextData(datasets.DatasetDict(splits), labels)


def carve_validation(
    train: SplitT, *, share: float = 0.1, seed: int = 42, groups: Sequence[Any] | None = None
) -> tuple[SplitT, SplitT]:
    """Sets part of the training split aside for validation.

    Args:
        train: The training split.
        share: Share of its rows that is set aside, above 0 and below 1.
        seed: Seed of the choice; the same seed chooses the same rows.
        groups: What each row belongs to, such as a speaker: then whole groups are set aside, as many as it
            takes to reach the share, but for the last. None chooses row by row.

    Returns:
        The rest of the training split and the validation split, both in the order of the file.

    Raises:
        ValueError: A share out of range, fewer than two rows, or one group alone.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"The validation share must be above 0 and below 1; got {share!r}.")
    if len(train) < 2:
        raise ValueError(
            f"A validation split cannot be carved from {len(train)} training row(s). Give a validation file, "
            "or more training data."
        )
    held = min(max(round(len(train) * share), 1), len(train) - 1)
    generator = np.random.default_rng(seed)
    if groups is not None:
        is_held = _held_groups(groups, held, generator)
        return train.select(np.flatnonzero(~is_held)), train.select(np.flatnonzero(is_held))
    order = generator.permutation(len(train))
    return train.select(np.sort(order[held:])), train.select(np.sort(order[:held]))


def files_by_split(source: Source) -> dict[str, list[str | Path]] | None:
    """The paths of every split; None if the source is the name of a data set.

    Raises:
        ValueError: Files of something that is no split, or none at all.
    """
    if not isinstance(source, Mapping):
        return None
    unknown = [name for name in source if name not in SPLITS]
    if unknown or not source:
        raise ValueError(
            f"Files are given for some of {', '.join(SPLITS)}; got {', '.join(unknown) or 'none'}."
        )
    return {
        name: [paths] if isinstance(paths, (str, Path)) else list(paths) for name, paths in source.items()
    }


def hub_splits(name: str, config_name: str | None, revision: str | None) -> dict[str, datasets.Dataset]:
    """The splits of a data set on the Hub or of a local folder.

    Raises:
        ValueError: It has none of those used here.
    """
    loaded = datasets.load_dataset(name, config_name, revision=revision)
    parts = {split: loaded[split] for split in SPLITS if split in loaded}
    if not parts:
        raise ValueError(f"{name} has the splits {', '.join(loaded)}, but none of {', '.join(SPLITS)}.")
    return parts


def tokenize_dataset(
    dataset: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int | None = None
) -> datasets.Dataset:
    """Turns texts into token ids.

    Args:
        dataset: Rows with the column `text`, as `load_text_dataset` gives them.
        tokenizer: The tokenizer of the model.
        max_length: Tokens after which a text is cut off; None keeps all of it.

    Returns:
        The rows with `input_ids` and `length` (number of tokens) in place of `text`.
    """

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        ids = tokenizer(batch["text"], truncation=max_length is not None, max_length=max_length)["input_ids"]
        return {"input_ids": ids, "length": [len(text) for text in ids]}

    # A text without a token has no element to take the type from.
    features = datasets.Features(
        {
            **{name: kind for name, kind in dataset.features.items() if name != "text"},
            "input_ids": datasets.Sequence(datasets.Value("int32")),
            "length": datasets.Value("int64"),
        }
    )
    return dataset.map(encode, batched=True, remove_columns=["text"], features=features, desc="Tokenizing")


def _held_groups(groups: Sequence[Any], held: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """[rows], true in groups that together have at least `held` rows, one group being left."""
    names, numbers = np.unique(np.array(groups), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"Whole groups can be set aside only of at least two; got {len(names)}.")
    order = generator.permutation(len(names))
    reached = np.cumsum(np.bincount(numbers)[order])
    count = min(int(np.searchsorted(reached, held)) + 1, len(names) - 1)
    return np.isin(numbers, order[:count])


def _read(
    source: Source, label_column: str, config_name: str | None, revision: str | None
) -> dict[str, Rows]:
    files = files_by_split(source)
    if files is not None:
        return {name: _read_files(paths, label_column) for name, paths in files.items()}
    parts = hub_splits(str(source), config_name, revision)
    return {name: _rows_of(part, f"{source}, {name}") for name, part in parts.items()}


def _rows_of(dataset: datasets.Dataset, source: str) -> Rows:
    inner = {name: getattr(feature, "feature", feature) for name, feature in dataset.features.items()}
    names = {name: list(kind.names) for name, kind in inner.items() if isinstance(kind, datasets.ClassLabel)}
    return Rows({column: dataset[column][:] for column in dataset.column_names}, names, source)


def _read_files(listed: Sequence[str | Path], label_column: str) -> Rows:
    files = [read_rows(path, label_column=label_column) for path in listed]
    if len(files) == 1:
        return files[0]
    # A column that one of the files lacks is missing in its rows, and is reported as such.
    names = {name: None for rows in files for name in rows.columns}
    columns = {
        name: [v for rows in files for v in rows.columns.get(name, [None] * len(rows))] for name in names
    }
    class_names = {name: value for rows in files for name, value in rows.class_names.items()}
    return Rows(columns, class_names, ", ".join(map(str, listed)))


def _where(rows: Rows, split: str) -> str:
    return f"The {split} split ({rows.source})"


def _raw_labels(rows: Rows, split: str, column: str) -> list[Any] | None:
    where = _where(rows, split)
    # What is to be predicted need not have labels, whether the column is not there or empty.
    if split == "test" and (
        column not in rows.columns or all(map(is_missing, named_labels(rows, column, where)))
    ):
        return None
    return labels_of(rows, column, where)
