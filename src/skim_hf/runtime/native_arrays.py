"""Arranges a model's arrays for the C kernels: columns in their order, and tables of floats or of bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.native import _runtime
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.native_parts import arrange_parts, arrange_rules, arrange_units, sum_bound
from skim_hf.runtime.prepare import (
    FOLD_LIMIT,
    PreparedCell,
    PreparedDecision,
    PreparedReader,
    prepare_reader,
    table_bytes,
)
from skim_hf.runtime.reader import log_odds
from skim_hf.runtime.scores import has_independent_labels
from skim_hf.runtime.weights import Array, ModelWeights, ReaderWeights

KINDS = {"lstm": 0, "gru": 1, "tanh": 2}
# What a gate, as `prepare` scales it, is multiplied with to make its exponential a power of two: 2 / ln 2 for
# tanh(t), and -2 / ln 2 for (1 + tanh(t)) / 2. Gates in the order of the loop.
_TANH, _SIGMOID = 2 / math.log(2), -2 / math.log(2)
_FACTORS = {
    "lstm": (_TANH, _SIGMOID, _SIGMOID, _SIGMOID),  # g, f, i, o
    "gru": (_SIGMOID, _SIGMOID, _TANH),  # r, z, n
    "tanh": (_TANH,),
}
_POOLING = {"last": 0, "mean": 1, "max": 2}
_SOFTMAX, _INDEPENDENT, _VALUES = range(3)

MAX_HIDDEN_SIZE = MAX_CHOICES = 1 << 16
_ROWS = 4096
"""Rows of a table that are computed at once, which bounds the memory of quantising it."""


@dataclass(frozen=True)
class ModelArrays:
    """What `_runtime.Model` is made of.

    Attributes:
        config: Of the model.
        quantise: Whether tables and large products hold bytes.
        hidden_scale: What the loop's hidden state is multiplied with to give h.
        embedding: [V, E], where input products are not folded into tables; else None.
        readers: (d_x or 0 where products are folded, one tuple or None per cell to choose from, a decision or
            None, what `native_parts.arrange_parts` gives).
        classifier: Weight [labels, output_width] and bias [labels].
    """

    config: RuntimeConfig
    quantise: bool
    hidden_scale: float
    embedding: Array | None
    readers: tuple[tuple[Any, ...], ...]
    classifier: tuple[Array, Array]

    def arguments(self, threshold: float) -> tuple[Any, ...]:
        """Arguments of `_runtime.Model` after the kernels' name, in the order of native/py_model_build.c."""
        config = self.config
        sizes = (
            KINDS[config.cell_type],
            config.hidden_size,
            config.num_hidden_layers,
            config.num_directions,
            config.num_choices,
            config.vocab_size or 0,
            config.input_width,
            _POOLING["last" if config.labels_tokens else config.pooling],
            _scoring(config),
            config.labels_tokens,
            len(config.labels),
            self.hidden_scale,
            self._bound(threshold),
        )
        rules = arrange_rules(config, threshold)
        return (self.quantise, sizes, self.embedding, self.readers, *self.classifier, rules)

    def _bound(self, threshold: float) -> float:
        """What the kernels compare with: log-odds of skimming, or the sum of a unit."""
        if self.config.policy == "selective":
            return sum_bound(1 - 2 * threshold, threshold)
        return log_odds(threshold, np.dtype(np.float32))


def arrange(
    config: RuntimeConfig,
    weights: ModelWeights,
    lanes: int,
    *,
    quantise: bool = False,
    fold_limit: int = FOLD_LIMIT,
) -> ModelArrays:
    """Arranges a model.

    Args:
        config: Of the model.
        weights: Of the model.
        lanes: Floats in a vector of the kernels.
        quantise: Whether tables and large products are to hold bytes.
        fold_limit: Largest total size in bytes of the first layer's tables, as floats; a larger vocabulary is
            served without tables, more slowly.
    """
    embedding = None if weights.embedding is None else _float32(weights.embedding)
    is_small = table_bytes(config, np.dtype(np.float32).itemsize) <= fold_limit
    folded = embedding if is_small and config.num_hidden_layers else None
    readers = [prepare_reader(config, reader, None) for reader in weights.readers]
    return ModelArrays(
        config,
        quantise,
        readers[0].hidden_scale if readers else 1.0,
        embedding if folded is None else None,
        tuple(
            _reader(config, reader, own, lanes, quantise, folded if index < config.num_directions else None)
            for index, (reader, own) in enumerate(zip(readers, weights.readers, strict=True))
        ),
        (_float32(weights.classifier_weight), _float32(weights.classifier_bias)),
    )


def _reader(
    config: RuntimeConfig,
    reader: PreparedReader,
    weights: ReaderWeights,
    lanes: int,
    quantise: bool,
    embedding: Array | None,
) -> tuple[Any, ...]:
    big, scale, units = reader.cells[0], reader.hidden_scale, None
    if big is None:
        raise ValueError("Expected a full cell in every reader; one has none. Check its weights.")
    # Only policy `skim` lets the kernels choose among cells; the others read with the big one, or do not.
    chosen = reader.cells if config.policy == "skim" else reader.cells[:1]
    if config.policy == "selective":
        factors = np.array(_FACTORS[reader.kind], np.float32)
        chosen, units = (), arrange_units(big, weights, factors, lanes, scale, embedding)
    cells = tuple(_cell(reader.kind, cell, lanes, quantise, embedding) if cell else None for cell in chosen)
    decision = _decision(reader.decision, embedding) if reader.decision and config.policy == "skim" else None
    width = big.inputs.width if embedding is None else 0
    return width, cells, decision, arrange_parts(reader, units)


def _decision(decision: PreparedDecision, embedding: Array | None) -> tuple[Any, ...]:
    share, recurrent = decision.inputs, _float32(decision.recurrent.T)
    if embedding is None:
        return recurrent, None, _float32(share.weights.T), _float32(share.bias)
    return recurrent, _float32(embedding @ share.weights + share.bias), None, None


def _cell(
    kind: str, cell: PreparedCell, lanes: int, quantise: bool, embedding: Array | None
) -> tuple[Any, ...]:
    order = np.frombuffer(_runtime.order(KINDS[kind], cell.size, lanes), np.int32)
    factors = np.repeat(np.array(_FACTORS[kind], np.float32), cell.size)
    recurrent, weights, bias = (
        _columns(matrix * factors, order)
        for matrix in (cell.recurrent, cell.inputs.weights, cell.inputs.bias[None])
    )
    candidate = None if cell.candidate_bias is None else _float32(cell.candidate_bias * _TANH)
    same = (cell.size, len(cell.recurrent), recurrent, candidate)
    if embedding is None:
        return (*same, None, weights, bias[0])
    make_table = _byte_table if quantise else _float_table
    return (*same, make_table(embedding, weights, bias[0]), None, None)


def _float32(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


def _columns(matrix: Array, order: NDArray[np.int32]) -> Array:
    """The columns of a matrix in that order; -1 is a column of zeros."""
    arranged = np.zeros((len(matrix), len(order)), np.float32)
    real = order >= 0
    arranged[:, real] = matrix[:, order[real]]
    return arranged


def _float_table(embedding: Array, weights: Array, bias: Array) -> Array:
    """[V, columns] float32, `embedding @ weights + bias`."""
    table: Array = embedding @ weights
    table += bias
    return table


def _byte_table(embedding: Array, weights: Array, bias: Array) -> NDArray[np.uint8]:
    """[V, columns + 4] bytes: each row as int8, then the float32 that they are multiplied with."""
    columns = weights.shape[1]
    table = np.empty((len(embedding), columns + 4), np.uint8)
    for start in range(0, len(embedding), _ROWS):
        rows = embedding[start : start + _ROWS] @ weights + bias
        scales = np.abs(rows).max(1, keepdims=True) / np.float32(127)
        # A row of zeros has a scale of zero; any divisor gives its zeros.
        rounded = np.rint(rows / np.where(scales > 0, scales, 1))
        part = table[start : start + _ROWS]
        part[:, :columns] = rounded.astype(np.int8).view(np.uint8)
        part[:, columns:] = scales.astype(np.float32).view(np.uint8)
    return table


def _scoring(config: RuntimeConfig) -> int:
    """How logits become scores; `scores.final_scores` says the same."""
    if config.problem_type == "regression" and not config.labels_tokens:
        return _VALUES
    return _INDEPENDENT if has_independent_labels(config) else _SOFTMAX
