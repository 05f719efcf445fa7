"""What the Trainer reports on a data set: scores of the task, skim rates and cost ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import EvalPrediction

from .metrics.effort import reading_scores
from .metrics.scores import IGNORED_LABEL, accuracy, macro_f1, multilabel_scores, regression_scores


def make_compute_metrics(config: Any) -> Callable[[EvalPrediction], dict[str, float]]:
    """Builds the `compute_metrics` of a Trainer.

    With `SkimTrainer` the result holds the scores of the task, `skim_rate_macro`,
    `skim_rate_micro`, `flop_ratio_paper` and `macs_ratio`; with the plain Trainer, which gathers
    the logits only, the scores of the task. They are computed over all texts at once, so a smaller
    last batch weighs what it holds.

    Args:
        config: Configuration of the model.

    Returns:
        A function from `EvalPrediction` to scores by name: `accuracy` and `macro_f1`, or `mse` and
        `mae` for regression.
    """

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        logits, counts = split_predictions(prediction.predictions)
        scores = task_scores(logits, np.asarray(prediction.label_ids), problem_type(config))
        return scores if counts is None else {**scores, **reading_scores(counts, config)}

    return compute_metrics


def split_predictions(predictions: Any) -> tuple[NDArray[np.floating], NDArray[np.integer] | None]:
    """Takes apart what a Trainer gathered.

    Args:
        predictions: The logits, or the pair (logits, choice counts) of `SkimTrainer`.

    Returns:
        The logits, and the counts `[N, R, k]` or None.
    """
    if isinstance(predictions, tuple):
        logits, counts = predictions
        return np.asarray(logits), np.asarray(counts)
    return np.asarray(predictions), None


def problem_type(config: Any) -> str:
    """What kind of labels a model has, by its configuration.

    Args:
        config: Configuration of the model.

    Returns:
        `regression`, `single_label_classification` or `multi_label_classification`.
    """
    if config.problem_type is not None:
        return str(config.problem_type)
    return "regression" if config.num_labels == 1 else "single_label_classification"


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
    if kind == "regression":
        return regression_scores(logits.reshape(labels.shape), labels)
    if kind == "multi_label_classification":
        # A sigmoid above one half is a logit above zero.
        return multilabel_scores(logits > 0, labels)
    # Per token, padding of the logits may be wider than that of the labels; the label decides.
    predicted = logits.argmax(axis=-1)
    predicted = np.where(labels == IGNORED_LABEL, IGNORED_LABEL, predicted)
    return {"accuracy": accuracy(predicted, labels), "macro_f1": macro_f1(predicted, labels)}
