"""What the classifier sees of a text's outputs, gathered as they come, so that they need not be kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.weights import Array


class Pool:
    """Mean or maximum of one direction's outputs.

    Whatever the pieces in which outputs are added, the result has the same bits.

    Args:
        kind: `mean` or `max`.
        width: w, of every output.

    Attributes:
        values: [w] float64, the sum or the maximum so far.
        count: How many outputs were added.
    """

    def __init__(self, kind: str, width: int) -> None:
        self._kind, self.width = kind, width
        self.values: NDArray[np.float64] = np.full(width, -np.inf if kind == "max" else 0.0)
        self.count = 0

    def add(self, outputs: Array) -> None:
        """Adds outputs, [n, w]."""
        if not len(outputs):
            return
        self.count += len(outputs)
        if self._kind == "max":
            self.values = np.maximum(self.values, outputs.max(axis=0))
        else:
            # Strictly one after the other; a sum would group its terms by how many they are.
            self.values = np.add.accumulate(np.concatenate([self.values[None], outputs]))[-1].copy()

    def result(self) -> NDArray[np.float64]:
        """What the classifier sees, [w]; zeros where nothing was added."""
        if not self.count:
            return np.zeros(self.width)
        return self.values / self.count if self._kind == "mean" else self.values

    def copy(self) -> Pool:
        """A pool that goes on from here on its own."""
        twin = Pool(self._kind, len(self.values))
        twin.values, twin.count = self.values, self.count  # never changed in place
        return twin
