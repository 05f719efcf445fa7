"""The step of SA-RNN: the rows of the selected units are computed, and no others.

A unit of an LSTM, of a reset-after GRU or of a tanh cell needs only its own rows of the weights, so the rows
of the others are never looked at. Orders and scales of gates are those of `prepare.py` and `steps.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.counter import UnitProduct
from skim_hf.runtime.inputs import UnitRows
from skim_hf.runtime.prepare import PreparedCell
from skim_hf.runtime.steps import LoopState

Units = NDArray[np.intp]

UnitStep = Callable[[int, Units], None]
"""Processes the token of a number for [m] units, at least one."""


def bind_unit_step(
    kind: str, cell: PreparedCell, state: LoopState, product: UnitProduct, rows: UnitRows
) -> UnitStep:
    """Binds the big cell to the state of which it updates some units.

    Args:
        kind: `lstm`, `gru` or `tanh`.
        cell: The cell.
        state: Updated in place.
        product: The recurrent product of some units, [G, m].
        rows: The input's share of their gates.
    """
    return _BINDERS[kind](cell, state, product, rows)


def _bind_lstm(cell: PreparedCell, state: LoopState, product: UnitProduct, rows: UnitRows) -> UnitStep:
    hidden, memory = state.hidden, state.block[: cell.size]

    def run(token: int, units: Units) -> None:
        g, f, i, o = np.tanh(product(units) + rows(token, units))
        c = ((f + 1) * memory[units] + (i + 1) * g) / 2
        memory[units] = c
        hidden[units] = (o + 1) * np.tanh(c)  # 2h

    return run


def _bind_gru(cell: PreparedCell, state: LoopState, product: UnitProduct, rows: UnitRows) -> UnitStep:
    hidden = state.hidden
    bias = np.zeros(cell.size, hidden.dtype) if cell.candidate_bias is None else cell.candidate_bias

    def run(token: int, units: Units) -> None:
        total, row = product(units), rows(token, units)
        r2, z2 = np.tanh(total[:2] + row[:2]) + 1
        n = np.tanh(r2 * (total[2] + bias[units]) + row[2])
        hidden[units] = n + z2 * (hidden[units] - n) / 2

    return run


def _bind_tanh(cell: PreparedCell, state: LoopState, product: UnitProduct, rows: UnitRows) -> UnitStep:
    hidden = state.hidden

    def run(token: int, units: Units) -> None:
        hidden[units] = np.tanh(product(units) + rows(token, units))[0]

    return run


_BINDERS = {"lstm": _bind_lstm, "gru": _bind_gru, "tanh": _bind_tanh}
