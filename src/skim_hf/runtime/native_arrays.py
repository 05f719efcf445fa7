"""Arranges a model's arrays for the C kernels: columns in their order, and tables of floats or of bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.prepare import InputShare, PreparedCell, PreparedReader, prepare_reader
from skim_hf.runtime.weights import Array, ModelWeights

KINDS = {"lstm": 0, "gru": 1, "tanh": 2}
# What a gate, as `prepare` scales it, is multiplied with to make its exponential a power of two: 2 / ln 2 for
# tanh(t), and -2 / ln 2 for (1 + tanh(t)) / 2. Gates in the order of the loop.
_TANH, _SIGMOID = 2 / math.log(2), -2 / math.log(2)
_FACTORS = {
    "lstm": (_TANH, _SIGMOID, _SIGMOID, _SIGMOID),  # g, f, i, o
    "gru": (_SIGMOID, _SIGMOID, _TANH),  # r, z, n
    "tanh": (_TANH,),
}
_ROWS = 4096
"""Rows of a table that are computed at once, which bounds the memory of quantising it."""


class Arranger:
    """Turns the readers of a model into the arguments of `_runtime.Model`.

    Args:
        runtime: The compiled module.
        lanes: Floats in a vector of the kernels, from `runtime.kernels`.
        quantise: Whether tables hold bytes.
        embedding: [V, E], to fold input products into tables; None to leave them to be done while reading.
    """

    def __init__(self, runtime: Any, lanes: int, quantise: bool, embedding: Array | None) -> None:
        self._runtime, self._lanes, self._quantise = runtime, lanes, quantise
        self._embedding = embedding

    def reader(self, reader: PreparedReader, is_first: bool) -> tuple[Any, ...]:
        """(d_x or 0 where products are folded, one tuple or None per choice, the decision or None)."""
        embedding = self._embedding if is_first else None
        cells = tuple(self._cell(reader.kind, cell, embedding) if cell else None for cell in reader.cells)
        decision = None
        if reader.decision is not None:
            share = reader.decision.inputs
            recurrent = np.ascontiguousarray(reader.decision.recurrent.T)
            if embedding is None:
                decision = (recurrent, None, np.ascontiguousarray(share.weights.T), share.bias)
            else:
                decision = (recurrent, embedding @ share.weights + share.bias, None, None)
        big = reader.cells[0]
        width = big.inputs.width if big is not None and embedding is None else 0
        return width, cells, decision

    def _cell(self, kind: str, cell: PreparedCell, embedding: Array | None) -> tuple[Any, ...]:
        order = np.frombuffer(self._runtime.order(KINDS[kind], cell.size, self._lanes), np.int32)
        factors = np.repeat(np.array(_FACTORS[kind], np.float32), cell.size)
        recurrent, weights, bias = (
            _columns(matrix * factors, order)
            for matrix in (cell.recurrent, cell.inputs.weights, cell.inputs.bias[None])
        )
        candidate = None if cell.candidate_bias is None else cell.candidate_bias * np.float32(_TANH)
        same = (cell.size, len(cell.recurrent), recurrent, candidate)
        if embedding is None:
            return (*same, None, weights, bias[0])
        make_table = _byte_table if self._quantise else _float_table
        return (*same, make_table(embedding, InputShare(weights, bias[0])), None, None)


def prepare(config: RuntimeConfig, weights: ModelWeights) -> list[PreparedReader]:
    """All readers with their weights rearranged for the loop, without tables."""
    return [prepare_reader(config, reader, None) for reader in weights.readers]


def _columns(matrix: Array, order: NDArray[np.int32]) -> Array:
    """The columns of a matrix in that order; -1 is a column of zeros."""
    arranged = np.zeros((len(matrix), len(order)), np.float32)
    real = order >= 0
    arranged[:, real] = matrix[:, order[real]]
    return arranged


def _float_table(embedding: Array, share: InputShare) -> Array:
    """[V, columns] float32, `embedding @ weights + bias`."""
    table = np.empty((len(embedding), share.weights.shape[1]), np.float32)
    np.matmul(embedding, share.weights, out=table)
    table += share.bias
    return table


def _byte_table(embedding: Array, share: InputShare) -> NDArray[np.uint8]:
    """[V, columns + 4] bytes: each row as int8, then the float32 that they are multiplied with."""
    columns = share.weights.shape[1]
    table = np.empty((len(embedding), columns + 4), np.uint8)
    for start in range(0, len(embedding), _ROWS):
        rows = embedding[start : start + _ROWS] @ share.weights + share.bias
        scales = np.abs(rows).max(1, keepdims=True) / np.float32(127)
        # A row of zeros has a scale of zero; any divisor gives its zeros.
        rounded = np.rint(rows / np.where(scales > 0, scales, 1))
        part = table[start : start + _ROWS]
        part[:, :columns] = rounded.astype(np.int8).view(np.uint8)
        part[:, columns:] = scales.astype(np.float32).view(np.uint8)
    return table
