"""The adding task: two of many numbers are marked, and their sum is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

TARGET_VARIANCE = 1 / 6
"""Of the sum of two numbers that are uniform between -0.5 and 0.5."""

SOLVED_BELOW = 0.01
"""The task counts as solved where the mean squared error is at most this share of the variance."""

_BLOCK = 256


class AddingTask(Dataset[dict[str, Any]]):
    """Rows of the adding task, made when they are asked for (Skip RNN, section 4.1).

    A frame is a number, uniform between -0.5 and 0.5, and a marker. The first marked frame lies in the first
    tenth of the sequence, the second in its last half; the label is the sum of the two numbers. A row is a
    function of the seed and its number alone, so any run can go on where another one stopped.

    Args:
        rows: How many there are.
        length: T, frames of a sequence.
        seed: Of the numbers.

    Raises:
        ValueError: No rows, or fewer than two frames.

    Example:
        >>> row = AddingTask(rows=3, length=20, seed=1)[2]
        >>> row["inputs_embeds"].shape, int(row["inputs_embeds"][:, 1].sum())
        ((20, 2), 2)
    """

    width = 2
    """Features of a frame."""

    def __init__(self, rows: int, length: int = 50, *, seed: int = 42) -> None:
        if rows < 1 or length < 2:
            raise ValueError(f"Expected at least one row of at least two frames; got {rows} of {length}.")
        self.rows, self.length, self.seed = rows, length, seed
        # Rows are made in blocks, because a generator for each would take longer than its numbers.
        self._number, self._made = -1, self._make(0)[:0]

    def __len__(self) -> int:
        """Number of rows."""
        return self.rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        """A row: `inputs_embeds` `[T, 2]` float32, and the number `labels`.

        Raises:
            IndexError: No such row.
        """
        if not 0 <= row < self.rows:
            raise IndexError(f"Expected a row from 0 to {self.rows - 1}; got {row}.")
        number, place = divmod(row, _BLOCK)
        if number != self._number:
            self._number, self._made = number, self._make(number)
        frames = self._made[place]
        return {"inputs_embeds": frames, "labels": float((frames[:, 0] * frames[:, 1]).sum())}

    def _make(self, number: int) -> NDArray[np.float32]:
        """[256, T, 2], the block of this number."""
        generator = np.random.default_rng((self.seed, number))
        frames = np.zeros((_BLOCK, self.length, 2), np.float32)
        frames[:, :, 0] = generator.uniform(-0.5, 0.5, (_BLOCK, self.length))
        first = generator.integers(0, max(1, self.length // 10), _BLOCK)
        second = generator.integers(-(-self.length // 2), self.length, _BLOCK)
        every = np.arange(_BLOCK)
        frames[every, first, 1] = frames[every, second, 1] = 1
        return frames
