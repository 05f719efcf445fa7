"""Scores of a task as pure NumPy functions: labels, several labels per text, numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SINGLE = "single_label_classification"
MULTI = "multi_label_classification"
REGRESSION = "regression"
"""Kinds of labels, by the names that the configuration of a model uses."""

IGNORED_LABEL = -100
"""Label of padding, left out of every score."""


def problem_type(declared: str | None, num_labels: int) -> str:
    """What kind of labels a model of texts has.

    Args:
        declared: What its configuration says; None where it says nothing.
        num_labels: How many labels it has.

    Returns:
        `regression`, `single_label_classification` or `multi_label_classification`.
    """
    if declared is not None:
        return declared
    return REGRESSION if num_labels == 1 else SINGLE


def task_scores(logits: NDArray[np.floating], labels: NDArray[Any], kind: str) -> dict[str, float]:
    """Scores of the task from logits.

    Args:
        logits: `[N, labels]`, or `[N, T, labels]` per token.
        labels: `[N]` or `[N, T]` ids with -100 for padding, `[N, labels]` of 0 and 1 for several
            labels per text, `[N]` or `[N, labels]` numbers for regression.
        kind: As `problem_type` gives it.

    Returns:
        Scores by name.
    """
    if kind == REGRESSION:
        return regression_scores(logits.reshape(labels.shape), labels)
    if kind == MULTI:
        # A sigmoid above one half is a logit above zero.
        return multilabel_scores(logits > 0, labels)
    # Per token, padding of the logits may be wider than that of the labels; the label decides.
    predicted = logits.argmax(axis=-1)
    predicted = np.where(labels == IGNORED_LABEL, IGNORED_LABEL, predicted)
    return {"accuracy": accuracy(predicted, labels), "macro_f1": macro_f1(predicted, labels)}


def accuracy(predictions: ArrayLike, references: ArrayLike) -> float:
    """Share of labels that are predicted right.

    Args:
        predictions: Label ids, any shape.
        references: Label ids of the same shape; -100 is left out.

    Returns:
        A share between 0 and 1.

    Raises:
        ValueError: Shapes that differ, or nothing to score.
    """
    predicted, wanted = _scored(predictions, references)
    return float((predicted == wanted).mean())


def macro_f1(predictions: ArrayLike, references: ArrayLike) -> float:
    """Mean of the F1 of every label that occurs in the predictions or the references.

    Args:
        predictions: Label ids, any shape.
        references: Label ids of the same shape; -100 is left out.

    Returns:
        A number between 0 and 1; a label never predicted right counts as 0.

    Raises:
        ValueError: Shapes that differ, or nothing to score.
    """
    predicted, wanted = _scored(predictions, references)
    scores = [_f1(predicted == label, wanted == label) for label in np.union1d(predicted, wanted)]
    return float(np.mean(scores))


def multilabel_scores(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Scores of several labels per text.

    Args:
        predictions: `[N, labels]` of 0 and 1.
        references: `[N, labels]` of 0 and 1.

    Returns:
        `accuracy`, the share of texts with exactly the right labels, and `macro_f1`, the mean over
        the labels (0 for a label that neither occurs nor is predicted).

    Raises:
        ValueError: Shapes that differ, or nothing to score.
    """
    predicted, wanted = same_shape(predictions, references)
    predicted, wanted = predicted.astype(bool), wanted.astype(bool)
    columns = range(wanted.shape[1])
    return {
        "accuracy": float((predicted == wanted).all(axis=1).mean()),
        "macro_f1": float(np.mean([_f1(predicted[:, label], wanted[:, label]) for label in columns])),
    }


def regression_scores(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Errors of predicted numbers.

    Args:
        predictions: Numbers, any shape.
        references: Numbers of the same shape.

    Returns:
        `mse` and `mae`, the mean squared and the mean absolute error.

    Raises:
        ValueError: Shapes that differ, or nothing to score.
    """
    predicted, wanted = same_shape(predictions, references)
    error = predicted.astype(np.float64) - wanted.astype(np.float64)
    return {"mse": float((error**2).mean()), "mae": float(np.abs(error).mean())}


def _f1(predicted: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    total = int(predicted.sum() + wanted.sum())
    return 2.0 * int((predicted & wanted).sum()) / total if total else 0.0


def _scored(predictions: ArrayLike, references: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    predicted, wanted = same_shape(predictions, references)
    kept = wanted != IGNORED_LABEL
    if not kept.any():
        raise ValueError(f"There is nothing to score: every reference is {IGNORED_LABEL}.")
    return predicted[kept], wanted[kept]


def same_shape(predictions: ArrayLike, references: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Turns two inputs that belong together into arrays.

    Args:
        predictions: Any numbers.
        references: Numbers of the same shape.

    Returns:
        Both as arrays.

    Raises:
        ValueError: Shapes that differ, or no entry.
    """
    first, second = np.asarray(predictions), np.asarray(references)
    if first.shape != second.shape or first.size == 0:
        raise ValueError(
            "Two arrays of the same shape with at least one entry are needed; "
            f"got shapes {list(first.shape)} and {list(second.shape)}."
        )
    return first, second
