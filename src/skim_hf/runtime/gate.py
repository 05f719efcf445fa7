"""The walk of Skip RNN: one gate tells all layers when to read, and what is skipped is never touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skim_hf.runtime.reader import BoundReader
from skim_hf.runtime.record import Record
from skim_hf.runtime.weights import Array


class Gate:
    """Reads tokens through a stack of layers while its accumulator is above a bound.

    The decision on a token depends only on states before it. So a token that is skipped costs one addition,
    and its input is not looked at.

    Args:
        readers: The stack, of which the top layer has the gate.
        increment: The gate's logit for the state that the top layer is in, [1].
        width: d.
        dtype: Of the computation.
        threshold: Skip above this probability; 1 reads everything.
    """

    def __init__(
        self,
        readers: Sequence[BoundReader],
        increment: Callable[[], Array],
        width: int,
        dtype: np.dtype[Any],
        threshold: float,
    ) -> None:
        self._first, self._top, self._increment = readers[0], readers[-1], increment
        self._width, self._dtype, self._one = width, dtype, dtype.type(1)
        self._bound = _bound(threshold, dtype)
        self._read_token = _chain(readers, width, dtype)
        self.reset()

    def reset(self) -> None:
        """Goes back to the start of a text, whose first token is read."""
        self._accumulator = self._delta = self._one

    def save(self) -> list[Any]:
        """The accumulator, and what every skipped token adds to it."""
        return [self._accumulator, self._delta]

    def load(self, state: Array) -> None:
        """Goes back to a state that `save` gave."""
        self._accumulator, self._delta = state

    def read(self, numbers: Sequence[int], record: Record) -> None:
        """Reads on.

        Args:
            numbers: Of n tokens that the lowest layer took.
            record: What becomes of them.
        """
        bound, one, run = self._bound, self._one, self._read_token
        accumulator, delta = self._accumulator, self._delta
        before = np.empty(self._width, self._dtype)
        self._top.copy_hidden(before)
        found, likelihoods = [], []
        for position, number in enumerate(numbers):
            likelihoods.append(accumulator)
            if accumulator > bound:
                run(number)
                accumulator = delta = self._probability()
                found.append(position)
                if record.outputs is not None:
                    self._top.copy_hidden(record.outputs[position])
            else:
                accumulator = accumulator + min(delta, one - accumulator)
        self._accumulator, self._delta = accumulator, delta
        is_read = np.zeros(len(numbers), np.bool_)
        is_read[found] = True
        record.decisions[:] = ~is_read[:, None]
        if record.likelihoods is not None:
            record.likelihoods[:] = np.array(likelihoods, self._dtype)[:, None]
        if record.outputs is not None:
            record.repeat_outputs(before, record.outputs[is_read], is_read)

    def _probability(self) -> Any:
        return (0.5 * np.tanh(0.5 * self._increment()) + 0.5)[0]


def _chain(readers: Sequence[BoundReader], width: int, dtype: np.dtype[Any]) -> Callable[[int], None]:
    """Takes one token through all layers."""
    first = readers[0].read_token
    if len(readers) == 1:
        return first
    links = []
    for below, reader in pairwise(readers):
        room = np.empty((1, width), dtype)
        reader.take(room)
        links.append((below.copy_hidden, room[0], reader.read_token))

    def run(number: int) -> None:
        first(number)
        for copy_hidden, room, read_token in links:
            copy_hidden(room)
            read_token(0)

    return run


def _bound(threshold: float, dtype: np.dtype[Any]) -> Any:
    """What the accumulator exceeds where a token is read."""
    if threshold >= 1 or threshold <= 0:
        return dtype.type(-np.inf if threshold >= 1 else np.inf)
    return dtype.type(1 - threshold)
