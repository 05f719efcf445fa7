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
        decisions: [T, R] int64, the choice of every reader at every token: 0 is a full read, and -1 a token
            that a jump passed over or that was never reached.
        scores: [T, R, k - 1], log of every small choice's probability relative to the full read's, of policy
            `skim`; of the other policies [T, R, 0].
        hidden: [R, d], final hidden states.
        memory: [R, d], final cell contexts of an LSTM; None for other cells.
        logits: [labels], or [T, labels] where every token gets a label.
        likelihoods: [T, R], probability of reading a token, of the policies that choose between reading
            and copying: the accumulator of `skip`, the share of units that `selective` updated, the rate
            of `random` and `periodic`; 0 where the decision is -1. None for `full` and `skim`.
        units: [T, R] int64, how many units `selective` updated; None for other policies.
        jumps: [directions] int64, how many jump decisions were taken; None stands for none.
        outputs: [T, d * directions], hidden states of the top layer, where they were asked for; else None.
    """

    decisions: NDArray[np.int64]
    scores: Array
    hidden: Array
    memory: Array | None
    logits: Array
    likelihoods: Array | None = None
    units: NDArray[np.int64] | None = None
    jumps: NDArray[np.int64] | None = None
    outputs: Array | None = None

    @property
    def probabilities(self) -> Array:
        """[T, R, k], the distribution over choices in the dtype of the scores; zeros for decisions of -1.

        Of policy `skim` the softmax of its logits (eq. 1), else `likelihoods` and what they lack of 1.
        """
        passed = self.decisions[..., None] < 0
        if self.likelihoods is not None:
            probabilities = np.stack([self.likelihoods, 1 - self.likelihoods], axis=-1)
        else:
            # Softmax does not change when the full read's logit is subtracted from all: its own becomes 0.
            highest = np.maximum(self.scores.max(axis=-1, keepdims=True, initial=0), 0)
            small = np.exp(self.scores - highest)
            everything = np.concatenate([np.exp(-highest), small], axis=-1)
            probabilities = everything / everything.sum(axis=-1, keepdims=True)
        probabilities[np.broadcast_to(passed, probabilities.shape)] = 0
        return probabilities

    @property
    def skim_rate(self) -> float:
        """Share of decisions that were not a full read; 0.0 for a text without tokens.

        A token that was passed over was not read. Of policy `selective` the share of units that were not
        updated instead.
        """
        if not self.decisions.size:
            return 0.0
        if self.units is not None:
            return float(1 - self.units.sum() / (self.units.size * self.hidden.shape[1]))
        return float(np.count_nonzero(self.decisions) / self.decisions.size)
