"""What the Trainer reports on a data set: scores of the task, skim rates and cost ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import EvalPrediction

from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import reading_scores
from skim_hf.results.scores import problem_type, task_scores


def make_compute_metrics(config: Any) -> Callable[[EvalPrediction], dict[str, float]]:
    """Builds the `compute_metrics` of a Trainer.

    With `SkimTrainer` the result holds the scores of the task and those of the reading, see
    `skim_hf.results.effort.reading_scores`: `skim_rate_macro`, `skim_rate_micro`, where they apply
    `flop_ratio_paper` and `macs_ratio`, and of a model that jumps `visited_rate` and `jumps_per_text`.
    With the plain Trainer, which gathers the logits only, there are the scores of the task. All are
    computed over all texts at once, so a smaller last batch weighs what it holds.

    Args:
        config: Configuration of the model.

    Returns:
        A function from `EvalPrediction` to scores by name: `accuracy` and `macro_f1`, or `mse` and
        `mae` for regression.
    """
    kind = problem_type(config.problem_type, config.num_labels)

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        logits, counts = split_predictions(prediction.predictions)
        scores = task_scores(logits, np.asarray(prediction.label_ids), kind)
        return scores if counts is None else {**scores, **reading_scores(counts, config)}

    return compute_metrics


def split_predictions(predictions: Any) -> tuple[NDArray[np.floating], TextCounts | None]:
    """Takes apart what a Trainer gathered.

    Args:
        predictions: The logits, or the pair (logits, counts) of `SkimTrainer`.

    Returns:
        The logits, and how the texts were read or None.
    """
    if isinstance(predictions, tuple):
        logits, counts = predictions
        return np.asarray(logits), TextCounts.of(counts)
    return np.asarray(predictions), None
