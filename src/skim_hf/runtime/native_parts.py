"""Arranges for the C kernels what a reader has beside its cells, and the rules by which tokens are left out.

`native/model.h` and `native/py_model_parts.c` say what becomes of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.prepare import InputShare, PreparedCell, PreparedReader
from skim_hf.runtime.weights import Array, ReaderWeights

_OF_READER, _OF_UNITS, _OF_GATE, _OF_COIN, _OF_CLOCK = range(5)
_CHOOSERS = {
    "full": _OF_READER,
    "skim": _OF_READER,
    "selective": _OF_UNITS,
    "skip": _OF_GATE,
    "random": _OF_COIN,
    "periodic": _OF_CLOCK,
}

MAX_JUMP = 1 << 20
_NEVER = 1 << 62
"""More tokens, or jumps, than any text has."""

Folded = tuple[Array | None, Array | None, Array | None]
"""The input's share of some columns: a table, or weights and bias."""


def arrange_rules(config: RuntimeConfig, threshold: float) -> tuple[Any, ...]:
    """Who chooses what is done with a token, with what rate and bound; then R, K, N, or zeros."""
    return (
        _CHOOSERS[config.policy],
        config.skip_rate,
        sum_bound(1 - threshold, threshold),
        min(config.jump_every or 0, _NEVER),
        config.jump_size or 0,
        min(config.jump_limit or 0, _NEVER),
    )


def sum_bound(bound: float, threshold: float) -> float:
    """What a gate's or a unit's sum has to pass: nothing for a threshold of 1, and for 0 what none does."""
    return -math.inf if threshold >= 1 else math.inf if threshold <= 0 else bound


def arrange_parts(reader: PreparedReader, units: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Units, gate, jump head and initial state of one reader, None for what it does not have.

    Args:
        reader: With its parameters prepared for the loop.
        units: See `arrange_units`.
    """
    gate, jump, initial = reader.gate, reader.jump, None
    if reader.initial is not None:
        # h, and for an LSTM c; other cells leave the second row alone.
        initial = np.zeros((2, reader.hidden_size), np.float32)
        initial.reshape(-1)[: len(reader.initial)] = reader.initial
    return (
        units,
        None if gate is None else (_float32(gate.weights[:, 0]), float(gate.bias[0])),
        None if jump is None else (_float32(jump.weights.T), _float32(jump.bias)),
        initial,
    )


def arrange_units(
    cell: PreparedCell,
    weights: ReaderWeights,
    factors: NDArray[np.float32],
    lanes: int,
    hidden_scale: float,
    embedding: Array | None,
) -> tuple[Any, ...]:
    """The cell and the coordinator of a reader that updates its units one by one, in floats.

    Args:
        cell: The cell, of size d.
        weights: Of the reader.
        factors: [G], what the kernels want a gate multiplied with.
        lanes: Floats in a vector of the kernels.
        hidden_scale: What the loop's hidden state is multiplied with to give h.
        embedding: [V, d_x], to fold the input's share into tables; None to leave it to be computed.
    """
    coordinator, own, d = weights.coordinator, weights.own, cell.size
    if coordinator is None or own is None:
        raise ValueError("Expected a reader with a coordinator; this one has none. Check its configuration.")
    by_unit, bias = _by_unit(cell.inputs.weights, factors), _by_unit(cell.inputs.bias[None], factors)
    candidate = None if cell.candidate_bias is None else _float32(cell.candidate_bias * factors[-1])
    padding = -d % lanes
    says = InputShare(
        np.pad(coordinator.weight.T, ((0, 0), (0, padding))), np.pad(coordinator.bias, (0, padding))
    )
    table, inputs, shift = _fold(InputShare(by_unit, bias[0]), embedding)
    return (
        _float32(_by_unit(cell.recurrent, factors).T),
        candidate,
        table,
        None if inputs is None else _float32(inputs.T),
        shift,
        _float32(own * hidden_scale),
        *_fold(says, embedding),
    )


def _by_unit(columns: Array, factors: NDArray[np.float32]) -> Array:
    """[n, G * d], gate by gate, as [n, d * G], unit by unit, each gate multiplied by its factor."""
    gates = columns.reshape(len(columns), len(factors), -1) * factors[:, None]
    return _float32(gates.swapaxes(1, 2)).reshape(len(columns), -1)


def _fold(share: InputShare, embedding: Array | None) -> Folded:
    if embedding is None:
        return None, _float32(share.weights), _float32(share.bias)
    return _float32(embedding @ share.weights + share.bias), None, None


def _float32(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)
