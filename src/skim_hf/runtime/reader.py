"""The loop over tokens: decide, then run the chosen cell and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.counter import Products
from skim_hf.runtime.inputs import ComputedInputs, FoldedInputs
from skim_hf.runtime.prepare import PreparedCell, PreparedDecision, PreparedReader
from skim_hf.runtime.steps import SKIP, LoopState, Step, bind_step
from skim_hf.runtime.weights import Array


class BoundReader:
    """One directional layer with a state and buffers of its own: for one thread at a time.

    Args:
        reader: The layer.
        threshold: Skim above this probability; 1 reads everything.
        products: Does, or does and counts, the products.
    """

    def __init__(self, reader: PreparedReader, threshold: float, products: Products) -> None:
        self._reader = reader
        self._products = products
        self._dtype = reader.dtype
        self._bound = log_odds(threshold, self._dtype)
        self._state = LoopState.zeros(reader)
        self._inputs = (FoldedInputs if reader.is_folded else ComputedInputs)(products)
        self._steps = [self._bind(cell) for cell in reader.cells]
        self._scale = np.full(reader.hidden_size, reader.hidden_scale, self._dtype)

    @property
    def hidden(self) -> Array:
        """h, [d]."""
        hidden: Array = self._state.hidden * self._scale
        return hidden

    @property
    def memory(self) -> Array:
        """A copy of c, [d]; empty unless the cell is an LSTM."""
        return self._state.block[: self._reader.hidden_size].copy()

    def reset(self) -> None:
        """Goes back to the initial state, zeros."""
        self._state.hidden.fill(0)
        self._state.block.fill(0)

    def save(self) -> Array:
        """The state as one array, for `load`; of an LSTM [2 * d], of the others [d]."""
        state: Array = np.concatenate([self._state.hidden, self.memory])
        return state

    def load(self, state: Array) -> None:
        """Goes back to a state that `save` gave."""
        size = self._reader.hidden_size
        self._state.hidden[:] = state[:size]
        self._state.block[: len(state) - size] = state[size:]

    def read(self, inputs: NDArray[Any], outputs: Array | None) -> tuple[NDArray[np.int64], Array]:
        """Reads on from the current state.

        Args:
            inputs: [n] token ids if the input products are folded, else [n, d_x] vectors.
            outputs: [n, d] to be filled with h after every token; None if nobody needs them.

        Returns:
            [n] choices, and [n, k - 1] log-odds of the small choices against the full read.
        """
        tokens: Iterable[int] = self._inputs.load(inputs)
        if outputs is not None:
            tokens = self._store(tokens, outputs)
        decision = self._reader.decision
        if decision is None:
            run = self._steps[0].run
            for token in tokens:
                run(token)
            return np.zeros(len(inputs), np.int64), np.zeros((len(inputs), 0), self._dtype)
        shares = self._inputs.decisions(decision.inputs, inputs)
        if shares.shape[1] == 1:
            return self._choose_of_two(decision, tokens, shares)
        return self._choose_of_many(decision, tokens, shares)

    def _bind(self, cell: PreparedCell | None) -> Step:
        if cell is None:
            return SKIP
        rows = self._inputs.rows(cell.inputs)
        return bind_step(self._reader.kind, cell, self._state, self._products, rows)

    def _store(self, tokens: Iterable[int], outputs: Array) -> Iterator[int]:
        """Passes the tokens on, and stores the state after each when the next one is asked for."""
        hidden, scale, multiply = self._state.hidden, self._scale, np.multiply
        for token, output in zip(tokens, outputs, strict=True):
            yield token
            multiply(hidden, scale, output)

    def _choose_of_two(
        self, decision: PreparedDecision, tokens: Iterable[int], shares: Array
    ) -> tuple[NDArray[np.int64], Array]:
        # p_skim > threshold exactly if its log-odds are above the threshold's: one product, one
        # comparison. What does not depend on h is moved to the right-hand side for the whole chunk.
        cuts = self._bound - shares[:, 0]
        (read, _, _), (skim, enter, leave) = self._steps
        from_hidden = np.empty(1, self._dtype)
        score = self._products.bind(self._state.hidden, decision.recurrent, from_hidden)
        # Reading one number through its memoryview is the fastest way to a Python float.
        value_of = from_hidden.data
        scores: list[float] = []
        record = scores.append
        reading = True
        for token, cut in zip(tokens, cuts.tolist(), strict=True):
            score()
            value = value_of[0]
            record(value)
            if value > cut:
                if reading:
                    enter()
                    reading = False
                skim(token)
            else:
                if not reading:
                    leave()
                    reading = True
                read(token)
        if not reading:
            leave()
        column = np.array(scores, self._dtype)
        return (column > cuts).astype(np.int64), (column + shares[:, 0])[:, None]

    def _choose_of_many(
        self, decision: PreparedDecision, tokens: Iterable[int], shares: Array
    ) -> tuple[NDArray[np.int64], Array]:
        steps, bound, add = self._steps, self._bound, np.add
        from_hidden = np.empty(shares.shape[1], self._dtype)
        score = self._products.bind(self._state.hidden, decision.recurrent, from_hidden)
        choices: list[int] = []
        last = 0
        # The shares of the input become the whole scores, row by row.
        for token, scores in zip(tokens, shares, strict=True):
            score()
            add(scores, from_hidden, scores)
            choice = _choose(scores.tolist(), bound)
            choices.append(choice)
            if choice != last:
                steps[last].leave()
                steps[choice].enter()
                last = choice
            steps[choice].run(token)
        steps[last].leave()
        return np.array(choices, np.int64), shares


def _choose(scores: list[float], bound: float) -> int:
    """The choice for log-odds of the small choices: the most likely one if together they pass the bound."""
    highest = max(scores)
    together = highest + math.log(sum([math.exp(score - highest) for score in scores]))
    return 1 + scores.index(highest) if together > bound else 0


def log_odds(threshold: float, dtype: np.dtype[Any]) -> float:
    """The log-odds that a skim probability above the threshold exceeds."""
    if threshold >= 1:
        return math.inf
    if threshold <= 0:
        # Any probability that is not rounded to zero is above a threshold of zero.
        return math.log(float(np.finfo(dtype).smallest_subnormal)) - math.log(2)
    return math.log(threshold) - math.log1p(-threshold)
