"""From logits to what a user sees: the activations of transformers' pipelines."""

from __future__ import annotations

import numpy as np

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.weights import Array


def final_scores(config: RuntimeConfig, logits: Array) -> Array:
    """What a transformers pipeline makes of logits.

    Args:
        config: Says what the labels are: alternatives, independent of each other, or numbers.
        logits: [..., labels].

    Returns:
        Probabilities, or the values of a regression, of the same shape.
    """
    if not config.labels_tokens:
        if config.problem_type == "regression":
            return logits
        if has_independent_labels(config):
            scores: Array = 0.5 * np.tanh(0.5 * logits) + 0.5
            return scores
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def has_independent_labels(config: RuntimeConfig) -> bool:
    """Whether every label of a text is a question of its own, answered by a sigmoid."""
    if config.labels_tokens or config.problem_type == "regression":
        return False
    return config.problem_type == "multi_label_classification" or len(config.labels) == 1
