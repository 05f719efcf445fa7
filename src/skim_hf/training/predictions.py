"""Predictions as rows that people and programs can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import Counts, text_skim_rates
from skim_hf.results.scores import MULTI, REGRESSION

from .labels import LabelSchema


def prediction_rows(
    logits: NDArray[np.floating], labels: LabelSchema, counts: Counts | None = None, config: Any = None
) -> list[dict[str, Any]]:
    """Names the predicted label of every text.

    Args:
        logits: `[N, labels]`.
        labels: What the logits mean.
        counts: How every text was read, as `split_predictions` gives it, or None.
        config: Of the model; needed for the counts of a selective one.

    Returns:
        Per text `index`, then `label` and `score` (its probability); for several labels per text
        `labels` and `scores` (those above one half, and the probability of each); for regression
        `value`. With counts also `skim_rate`, and of a model that jumps `visited`, how many tokens it looked
        at (the mean over its readers).
    """
    rows = [{"index": index, **_named(row, labels)} for index, row in enumerate(logits.astype(np.float64))]
    if counts is not None:
        found = TextCounts.of(counts)
        for row, rate in zip(rows, text_skim_rates(found, config).tolist(), strict=True):
            row["skim_rate"] = rate
        visited = found.choices.sum(axis=2).mean(axis=1)
        for row, tokens in zip(rows, visited.tolist(), strict=True) if found.jumps is not None else ():
            row["visited"] = tokens
    return rows


def write_json_lines(path: str | os.PathLike[str], rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object per line.

    Args:
        path: The file, overwritten.
        rows: The objects.
    """
    with Path(path).open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _named(logits: NDArray[np.float64], labels: LabelSchema) -> dict[str, Any]:
    if labels.problem_type == REGRESSION:
        return {"value": float(logits[0])}
    if labels.problem_type == MULTI:
        scores = dict(zip(labels.names, (1.0 / (1.0 + np.exp(-logits))).tolist(), strict=True))
        return {"labels": [name for name, score in scores.items() if score > 0.5], "scores": scores}
    shares = np.exp(logits - logits.max())
    best = int(logits.argmax())
    return {"label": labels.names[best], "score": float(shares[best] / shares.sum())}
