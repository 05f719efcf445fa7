"""The data of a reproduced model: from a folder or the Hub to splits that share no text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, Value, concatenate_datasets

from skim_hf.results import write_json
from skim_hf.tables import read_rows
from skim_hf.training import carve_validation
from skim_hf.training.data import hub_splits

SPLITS = ("train", "validation", "test")
SPLIT_SEED = 42
VALIDATION_SHARE = 0.1
ABOUT_NAME = "data.json"

Columns = Mapping[str, list[Any]]


@dataclass(frozen=True)
class Source:
    """A labelled data set.

    Attributes:
        title: Its name in documents.
        hub_id: Its name on the Hub, with columns `text` and `label`.
        labels: Names of the labels 0, 1 and so on.
        page: Where one finds it.
        marks: What is replaced in texts by a blank, such as marks of line breaks.
        form: A column that, where it is there, tells which training texts are of the form of the test texts.
            Those of another form are trained on but never set aside for validation.
        block: Rows next to one another that go to the same split, because they tell of the same thing, such
            as a film; test texts tell of others.
    """

    title: str
    hub_id: str
    labels: tuple[str, ...]
    page: str
    marks: tuple[str, ...] = ()
    form: str | None = None
    block: int = 1

    def described(self) -> dict[str, str]:
        """What result files say of the data."""
        return {"name": self.title, "source": self.page, "hub_id": self.hub_id, "language": "en"}


def prepare(source: Source, given: Path | None, folder: Path) -> dict[str, Any]:
    """Writes `train.parquet`, `validation.parquet` and `test.parquet` with `text` and `label`.

    A text that occurs in two splits stays in the later one only, so that what is tested was never trained on;
    the test split stays whole. Without validation texts a tenth of the training texts is set aside.

    Args:
        source: The data set.
        given: Folder of `train.parquet` (or `train_partial.parquet`), `test.parquet` and perhaps
            `validation.parquet`; None for the Hub.
        folder: Where the splits go; what is there of the same data stays.

    Returns:
        Texts of each split, those removed because a later split has them, the seed of the validation split
        and, of files, the digests.

    Raises:
        FileNotFoundError: Data that is not there; says what to get and where to put it.
        ValueError: The folder holds splits of other data, or a label is unknown.
    """
    about_path = folder / ABOUT_NAME
    files = {} if given is None else _files(source, given)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
    if about_path.exists():
        about: dict[str, Any] = json.loads(about_path.read_text(encoding="utf-8"))
        if about["files"] != digests:
            raise ValueError(
                f"{folder} holds splits of other data: of {about['files'] or source.hub_id}, and now "
                f"{digests or source.hub_id} was given. Name another folder with --output."
            )
        return about
    about = {**source.described(), **_write_splits(source, files, folder), "files": digests}
    write_json(about_path, about)
    return about


def _write_splits(source: Source, files: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Writes the splits of some files, or of the Hub if there are none; sizes and how they were made."""
    parts: dict[str, Columns] = {
        name: read_rows(path, label_column="label").columns for name, path in files.items()
    }
    parts = parts or _from_hub(source)
    cleaned = {name: _clean(source, name, rows) for name, rows in parts.items()}
    cleaned["train"], others = _by_form(source, parts["train"], cleaned["train"])
    is_carved = "validation" not in cleaned
    if is_carved:
        cleaned["train"], cleaned["validation"] = _carve(source, cleaned["train"])
    splits, removed = _without_repetitions(cleaned)
    more = _without_ends(others, splits)
    splits["train"] = concatenate_datasets([splits["train"], more])
    removed["train"] += len(others) - len(more)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in splits.items():
        rows.to_parquet(str(folder / f"{name}.parquet"))
    sizes = {name: len(splits[name]) for name in SPLITS}
    return {"splits": sizes, "removed": removed, "split_seed": SPLIT_SEED if is_carved else None}


def _files(source: Source, folder: Path) -> dict[str, Path]:
    """The files of each split that a folder has."""
    names = {"train": ("train.parquet", "train_partial.parquet"), "validation": ("validation.parquet",)}
    names["test"] = ("test.parquet",)
    found = {}
    for split, candidates in names.items():
        present = [folder / name for name in candidates if (folder / name).is_file()]
        if present:
            found[split] = present[0]
        elif split != "validation":
            raise FileNotFoundError(f"{folder} has no {' or '.join(candidates)}. {_get(source)}")
    return found


def _from_hub(source: Source) -> dict[str, Columns]:
    """Columns of every split on the Hub."""
    try:
        return {name: part.to_dict() for name, part in hub_splits(source.hub_id, None, None).items()}
    except OSError as error:
        raise FileNotFoundError(f"{source.hub_id} could not be loaded ({error}). {_get(source)}") from error


def _get(source: Source) -> str:
    return (
        f"Get {source.title} from {source.page}, or https://huggingface.co/datasets/{source.hub_id}, as "
        "train.parquet and test.parquet (validation.parquet if there is one) with the columns text and "
        f"label (0 to {len(source.labels) - 1}: {', '.join(source.labels)}), and give their folder with "
        "--data. With a network and without --data they are loaded from the Hub."
    )


def _clean(source: Source, split: str, columns: Columns) -> Dataset:
    """Texts without marks, and labels with their names."""
    texts = columns["text"]
    for mark in source.marks:
        texts = [text.replace(mark, " ") for text in texts]
    numbers = [int(label) for label in columns["label"]]
    if not set(numbers) <= set(range(len(source.labels))):
        raise ValueError(
            f"Expected labels from 0 to {len(source.labels) - 1} in the {split} split of {source.title}; "
            f"got {min(numbers)} to {max(numbers)}. A test split without labels cannot be scored."
        )
    rows = {"text": [text.strip() for text in texts], "label": numbers}
    return Dataset.from_dict(rows, features=features(source))


def _carve(source: Source, train: Dataset) -> tuple[Dataset, Dataset]:
    """Sets validation texts aside, in blocks where neighbours belong together."""
    blocks = None if source.block == 1 else [row // source.block for row in range(len(train))]
    return carve_validation(train, share=VALIDATION_SHARE, seed=SPLIT_SEED, groups=blocks)


def _by_form(source: Source, columns: Columns, rows: Dataset) -> tuple[Dataset, Dataset]:
    """Training texts of the form of the test texts, and the others."""
    is_alike = np.array(columns.get(source.form or "", [True] * len(rows)), dtype=bool)
    return rows.select(np.flatnonzero(is_alike)), rows.select(np.flatnonzero(~is_alike))


def features(source: Source, **more: Any) -> Features:
    """Of the rows of a split, and of more columns."""
    return Features({"text": Value("string"), "label": ClassLabel(names=list(source.labels)), **more})


def _without_repetitions(parts: Mapping[str, Dataset]) -> tuple[dict[str, Dataset], dict[str, int]]:
    """The splits without texts that a later one has, and how many were removed from each."""
    splits: dict[str, Dataset] = {}
    later: set[str] = set()
    for name in reversed(SPLITS):
        texts = parts[name]["text"][:]
        splits[name] = parts[name].select([row for row, text in enumerate(texts) if text not in later])
        later |= set(texts)
    return splits, {name: len(parts[name]) - len(splits[name]) for name in SPLITS}


def _without_ends(others: Dataset, splits: Mapping[str, Dataset]) -> Dataset:
    """Texts of another form that are not the end, such as all but the title, of a text of a later split."""
    later = {_end(text) for name in SPLITS[1:] for text in splits[name]["text"]}
    return others.select([row for row, text in enumerate(others["text"]) if _end(text) not in later])


def _end(text: str) -> str:
    """The last 60 letters and digits, which are the same however a text is set."""
    return "".join(filter(str.isalnum, text.lower()))[-60:]
