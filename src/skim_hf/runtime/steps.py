"""One step of every cell, bound to buffers that are made once: the inner loop of the NumPy engine.

At d = 100 a NumPy call costs about as much as the arithmetic it does, so a step is a closure over its
arrays that makes as few calls as it can: no temporary arrays, no attribute look-ups, one tanh for all
gates, and weighted sums of two vectors as one small product. `reference.py` says the same readably.

A gate named i2 holds 2i, because 1 + tanh(x / 2) = 2 sigmoid(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skim_hf.runtime.counter import Products, Rows
from skim_hf.runtime.prepare import PreparedCell, PreparedReader
from skim_hf.runtime.weights import Array


@dataclass(frozen=True)
class LoopState:
    """The state that all cells of a reader share, as the loop keeps it.

    Attributes:
        hidden: [d], h divided by the reader's `hidden_scale`.
        block: [5 * d] for an LSTM: c, then room for the gates g, f, i, o; empty for other cells.
    """

    hidden: Array
    block: Array

    @classmethod
    def zeros(cls, reader: PreparedReader) -> LoopState:
        """The initial state."""
        room = 5 * reader.hidden_size if reader.kind == "lstm" else 0
        return cls(np.zeros(reader.hidden_size, reader.dtype), np.zeros(room, reader.dtype))


class Step(NamedTuple):
    """One choice's way to process a token.

    Attributes:
        run: Processes the token of a number that `Rows` understands.
        enter: To be called before the first `run` after another choice's.
        leave: To be called after the last `run` before another choice's.
    """

    run: Callable[[int], None]
    enter: Callable[[], None]
    leave: Callable[[], None]


def _nothing(*_: object) -> None:
    """Does nothing: the step of size 0 copies the whole state (eq. 3)."""


SKIP = Step(_nothing, _nothing, _nothing)


def bind_step(kind: str, cell: PreparedCell, state: LoopState, products: Products, rows: Rows) -> Step:
    """Binds a cell to the state that it updates.

    Args:
        kind: `lstm`, `gru` or `tanh`.
        cell: The cell.
        state: Updated in place, the cell's first m units only.
        products: Does the recurrent product.
        rows: The input's share of the gates.
    """
    return _BINDERS[kind](cell, state, products, rows)


def _bind_lstm(cell: PreparedCell, state: LoopState, products: Products, rows: Rows) -> Step:
    m, hidden = cell.size, state.hidden
    dtype = hidden.dtype
    shared = state.block[:m]
    is_big = cell.is_big
    # A small cell works on its own copy of c next to its own gates, brought over by enter and leave:
    # so c * f and g * i are one product of neighbours. The big cell's copy is the shared one.
    block = state.block if is_big else np.zeros(5 * m, dtype)
    c, c_g, gates = block[:m], block[: 2 * m], block[m:]
    f2_i2, f2_i2_o2, o2 = block[2 * m : 4 * m], block[2 * m :], block[4 * m :]
    own, context = hidden[:m], hidden[: len(cell.recurrent)]
    total, terms, tanh_c = np.empty(4 * m, dtype), np.empty((2, m), dtype), np.empty(m, dtype)
    flat_terms, ones = terms.reshape(-1), np.ones(3 * m, dtype)
    recurrent, sum_halves = products.bind(context, cell.recurrent, total), _bind_sum([0.5, 0.5], terms, c)
    add, multiply, tanh = np.add, np.multiply, np.tanh

    def run(token: int) -> None:
        recurrent()
        add(total, rows[token], total)
        tanh(total, gates)
        add(f2_i2_o2, ones, f2_i2_o2)
        multiply(c_g, f2_i2, flat_terms)
        sum_halves()  # c = f * c + i * g
        tanh(c, tanh_c)
        multiply(o2, tanh_c, own)  # 2h

    def enter() -> None:
        c[:] = shared

    def leave() -> None:
        shared[:] = c

    return Step(run, _nothing, _nothing) if is_big else Step(run, enter, leave)


def _bind_gru(cell: PreparedCell, state: LoopState, products: Products, rows: Rows) -> Step:
    m, hidden = cell.size, state.hidden
    dtype = hidden.dtype
    own, context, split = hidden[:m], hidden[: len(cell.recurrent)], 2 * m
    total, gates, mixed = np.empty(3 * m, dtype), np.empty(split, dtype), np.empty((2, m), dtype)
    total_r_z, total_n, ones = total[:split], total[split:], np.ones(split, dtype)
    (r2, z2), (n, kept) = gates.reshape(2, m), mixed
    bias = np.zeros(m, dtype) if cell.candidate_bias is None else cell.candidate_bias
    recurrent, mix = products.bind(context, cell.recurrent, total), _bind_sum([1.0, 0.5], mixed, own)
    add, multiply, subtract, tanh = np.add, np.multiply, np.subtract, np.tanh

    def run(token: int) -> None:
        row = rows[token]
        recurrent()
        add(total_r_z, row[:split], total_r_z)
        tanh(total_r_z, gates)
        add(gates, ones, gates)
        add(total_n, bias, total_n)
        multiply(r2, total_n, total_n)
        add(total_n, row[split:], total_n)
        tanh(total_n, n)
        subtract(own, n, kept)
        multiply(z2, kept, kept)
        mix()  # h = n + z * (h - n)

    return Step(run, _nothing, _nothing)


def _bind_tanh(cell: PreparedCell, state: LoopState, products: Products, rows: Rows) -> Step:
    own, context = state.hidden[: cell.size], state.hidden[: len(cell.recurrent)]
    total = np.empty(cell.size, own.dtype)
    recurrent = products.bind(context, cell.recurrent, total)
    add, tanh = np.add, np.tanh

    def run(token: int) -> None:
        recurrent()
        add(total, rows[token], total)
        tanh(total, own)

    return Step(run, _nothing, _nothing)


def _bind_sum(weights: list[float], terms: Array, out: Array) -> Callable[[], object]:
    """A weighted sum of two vectors. Element-wise work, so it is not one of the counted products."""
    return Products().bind(np.array(weights, terms.dtype), terms, out)


_BINDERS = {"lstm": _bind_lstm, "gru": _bind_gru, "tanh": _bind_tanh}
