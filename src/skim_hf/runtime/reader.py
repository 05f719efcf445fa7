"""The loop over tokens: decide, then run the chosen cell and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.counter import Products
from skim_hf.runtime.inputs import ComputedInputs, FoldedInputs
from skim_hf.runtime.prepare import PreparedCell, PreparedDecision, PreparedReader
from skim_hf.runtime.prepare_policies import PreparedHead
from skim_hf.runtime.steps import SKIP, LoopState, Step, bind_step
from skim_hf.runtime.steps_units import bind_unit_step
from skim_hf.runtime.weights import Array


class Found(NamedTuple):
    """What one layer decided on n tokens.

    Attributes:
        choices: [n] int64.
        scores: [n, k - 1] log-odds of the small choices against the full read; [n, 0] but for `skim`.
        units: [n] int64, how many units `selective` updated; None for other policies.
    """

    choices: NDArray[np.int64]
    scores: Array
    units: NDArray[np.int64] | None = None


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
        self._threshold = threshold
        self._bound = log_odds(threshold, self._dtype)
        self._state = LoopState.zeros(reader)
        self._inputs = (FoldedInputs if reader.is_folded else ComputedInputs)(products)
        self._steps = [self._bind(cell) for cell in reader.cells]
        self._scale = np.full(reader.hidden_size, reader.hidden_scale, self._dtype)
        self._select = self._bind_selection()

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
        """Goes back to the initial state: zeros, or what the layer has learned to start from."""
        if self._reader.initial is not None:
            self.load(self._reader.initial)
            return
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

    @property
    def read_token(self) -> Callable[[int], None]:
        """Reads the token of a number that `take` gave in full, whatever the policy."""
        return self._steps[0].run

    def take(self, inputs: NDArray[Any]) -> Sequence[int]:
        """Takes inputs without looking at them; returns their numbers."""
        return self._inputs.load(inputs)

    def copy_hidden(self, out: Array) -> None:
        """Writes h into [d]."""
        np.multiply(self._state.hidden, self._scale, out)

    def bind_gate(self, head: PreparedHead) -> Callable[[], Array]:
        """The map of the state that the gate of Skip RNN sees: c of an LSTM, else h; see `bind_head`."""
        is_lstm = self._reader.kind == "lstm"
        return self._bind_map(self._state.block[: len(self._scale)] if is_lstm else self._state.hidden, head)

    def bind_head(self, head: PreparedHead) -> Callable[[], Array]:
        """A map of h: a function that gives [w], valid until its next call."""
        return self._bind_map(self._state.hidden, head)

    def _bind_map(self, vector: Array, head: PreparedHead) -> Callable[[], Array]:
        out = np.empty_like(head.bias)
        product = self._products.bind(vector, head.weights, out)

        def run() -> Array:
            product()
            return np.add(out, head.bias, out)

        return run

    def read(self, inputs: NDArray[Any], outputs: Array | None) -> Found:
        """Reads on from the current state.

        Args:
            inputs: [n] token ids if the input products are folded, else [n, d_x] vectors.
            outputs: [n, d] to be filled with h after every token; None if nobody needs them.
        """
        tokens: Iterable[int] = self._inputs.load(inputs)
        if outputs is not None:
            tokens = self._store(tokens, outputs)
        if self._select is not None:
            units = np.array([self._select(token) for token in tokens], np.int64)
            return Found((units == 0).astype(np.int64), np.zeros((len(inputs), 0), self._dtype), units)
        decision = self._reader.decision
        if decision is None:
            run = self._steps[0].run
            for token in tokens:
                run(token)
            return Found(np.zeros(len(inputs), np.int64), np.zeros((len(inputs), 0), self._dtype))
        shares = self._inputs.decisions(decision.inputs, inputs)
        if shares.shape[1] == 1:
            return self._choose_of_two(decision, tokens, shares)
        return self._choose_of_many(decision, tokens, shares)

    def _bind(self, cell: PreparedCell | None) -> Step:
        if cell is None:
            return SKIP
        rows = self._inputs.rows(cell.inputs)
        return bind_step(self._reader.kind, cell, self._state, self._products, rows)

    def _bind_selection(self) -> Callable[[int], int] | None:
        """Of policy `selective`: decides on the units for a token, updates them, and tells how many."""
        reader, state = self._reader, self._state
        cell, units, coordinator = reader.cells[0], reader.units, reader.coordinator
        if cell is None or units is None or coordinator is None:
            return None
        own = np.empty_like(units.own)
        see_own = self._products.bind_diagonal(state.hidden, units.own, own)
        shares = self._inputs.rows(coordinator)
        recurrent = self._products.bind_units(state.hidden, units.recurrent)
        rows = self._inputs.units(cell.inputs, units.inputs, len(units.recurrent))
        step = bind_unit_step(reader.kind, cell, state, recurrent, rows)
        bound = unit_bound(self._threshold)

        def select(token: int) -> int:
            see_own()
            selected = np.flatnonzero(own + shares[token] > bound)
            if len(selected):
                step(token, selected)
            return len(selected)

        return select

    def _store(self, tokens: Iterable[int], outputs: Array) -> Iterator[int]:
        """Passes the tokens on, and stores the state after each when the next one is asked for."""
        hidden, scale, multiply = self._state.hidden, self._scale, np.multiply
        for token, output in zip(tokens, outputs, strict=True):
            yield token
            multiply(hidden, scale, output)

    def _choose_of_two(self, decision: PreparedDecision, tokens: Iterable[int], shares: Array) -> Found:
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
        return Found((column > cuts).astype(np.int64), (column + shares[:, 0])[:, None])

    def _choose_of_many(self, decision: PreparedDecision, tokens: Iterable[int], shares: Array) -> Found:
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
        return Found(np.array(choices, np.int64), shares)


def _choose(scores: list[float], bound: float) -> int:
    """The choice for log-odds of the small choices: the most likely one if together they pass the bound."""
    highest = max(scores)
    together = highest + math.log(sum([math.exp(score - highest) for score in scores]))
    return 1 + scores.index(highest) if together > bound else 0


def unit_bound(threshold: float) -> float:
    """What W x + b + own * h of a unit exceeds that policy `selective` updates."""
    if 0 < threshold < 1:
        return 1 - 2 * threshold
    return -math.inf if threshold >= 1 else math.inf


def log_odds(threshold: float, dtype: np.dtype[Any]) -> float:
    """The log-odds that a skim probability above the threshold exceeds."""
    if threshold >= 1:
        return math.inf
    if threshold <= 0:
        # Any probability that is not rounded to zero is above a threshold of zero.
        return math.log(float(np.finfo(dtype).smallest_subnormal)) - math.log(2)
    return math.log(threshold) - math.log1p(-threshold)
