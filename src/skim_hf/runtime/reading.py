"""What reading one text leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.weights import Array


@dataclass(frozen=True)
class Reading:
    """One text, read by all R = layers * directions readers.

    Attributes:
        decisions: [T, R] int64, the choice of every reader at every token; 0 is a full read.
        scores: [T, R, k - 1], log of every small choice's probability relative to the full read's.
        hidden: [R, d], final hidden states.
        memory: [R, d], final cell contexts of an LSTM; None for other cells.
        logits: [labels], or [T, labels] where every token gets a label.
    """

    decisions: NDArray[np.int64]
    scores: Array
    hidden: Array
    memory: Array | None
    logits: Array

    @property
    def probabilities(self) -> Array:
        """[T, R, k], the distribution over choices (eq. 1), in the dtype of the scores."""
        # Softmax does not change when the full read's logit is subtracted from all: its own becomes 0.
        highest = np.maximum(self.scores.max(axis=-1, keepdims=True, initial=0), 0)
        small = np.exp(self.scores - highest)
        everything = np.concatenate([np.exp(-highest), small], axis=-1)
        probabilities: Array = everything / everything.sum(axis=-1, keepdims=True)
        return probabilities

    @property
    def skim_rate(self) -> float:
        """Share of decisions that were not a full read; 0.0 for a text without tokens."""
        return float(np.count_nonzero(self.decisions) / self.decisions.size) if self.decisions.size else 0.0
