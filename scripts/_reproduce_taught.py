"""Texts that a teacher gave probabilities to, for recipes of reproduced models that learn from one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from _reproduce_data import Source, features
from datasets import Dataset, Sequence, Value

from skim_hf.results import write_json
from skim_hf.tables import read_rows
from skim_hf.training.teacher import TEACHER

TAUGHT_NAME = "taught.parquet"


def take_taught(
    source: Source, given: Path | None, folder: Path, needed_by: list[str]
) -> dict[str, Any] | None:
    """Writes `taught.parquet`, texts with a teacher's probabilities, without those of validation and test.

    Args:
        source: The data set.
        given: `taught.parquet` of teach.py, whose teacher saw no other labels than those of the folder's
            training texts; None for what is there.
        folder: Splits that `prepare` wrote; what is there of the same file stays.
        needed_by: Runs that learn from it.

    Returns:
        Texts, those removed because validation or test texts are the same, and the digest of the file; None
        if there is no such file and none is needed.

    Raises:
        FileNotFoundError: There is no such file; says how to make it.
        ValueError: The folder holds what another teacher wrote.
    """
    about_path = folder / "taught.json"
    about: dict[str, Any] | None = None
    if about_path.exists():
        about = json.loads(about_path.read_text(encoding="utf-8"))
    if given is None and (about is not None or not needed_by):
        return about
    if given is None or not given.is_file():
        raise FileNotFoundError(
            f"There is no {given or TAUGHT_NAME} of a teacher{' for ' * bool(needed_by)}"
            f"{', '.join(needed_by)}. Make it with scripts/teach.py --train_file {folder}/train.parquet "
            f"--validation_file {folder}/validation.parquet (docs/training.md says more), and give it with "
            "--taught."
        )
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    if about is not None and about["digest"] != digest:
        raise ValueError(
            f"{folder} holds texts of another teacher (digest {about['digest'][:12]}, and {given} has "
            f"{digest[:12]}). Name another folder with --output."
        )
    if about is None:
        about = {**_write_taught(source, given, folder), "digest": digest}
        write_json(about_path, about)
    return about


def _write_taught(source: Source, given: Path, folder: Path) -> dict[str, int]:
    """Writes the texts of a teacher; how many there are and how many were removed."""
    splits = [Dataset.from_parquet(str(folder / f"{name}.parquet")) for name in ("validation", "test")]
    later = {text for rows in splits for text in rows["text"]}
    columns = read_rows(given, label_column="label").columns
    labels = [source.labels.index(name) for name in columns["label"]]
    rows = Dataset.from_dict(
        {"text": columns["text"], "label": labels, TEACHER: columns[TEACHER]},
        features=features(source, **{TEACHER: Sequence(Value("float32"))}),
    )
    kept = rows.select([row for row, text in enumerate(columns["text"]) if text not in later])
    kept.to_parquet(str(folder / TAUGHT_NAME))
    return {"texts": len(kept), "removed": len(rows) - len(kept)}
