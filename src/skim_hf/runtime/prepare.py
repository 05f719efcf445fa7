"""Weights rearranged once at load, so that the loop over tokens does as little as possible.

Three rearrangements, none of which changes a result by more than rounding:

- sigmoid(x) = (1 + tanh(x / 2)) / 2: rows of sigmoid gates are halved, so that one tanh serves all gates;
- an LSTM's loop keeps 2h, its output gate being left doubled: what multiplies h is halved, which is exact;
- softmax does not change when one logit is subtracted from all: the full read's is, and k - 1 remain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.prepare_policies import (
    PreparedHead,
    PreparedUnits,
    prepare_head,
    prepare_initial,
    prepare_units,
)
from skim_hf.runtime.weights import Array, CellWeights, ReaderWeights

FOLD_LIMIT = 1 << 30
"""Bytes that the tables of folded input products may take; above, the products are done per token."""

# Order of the gates in the loop, as positions in torch's order, each with the factor of its input.
_GATES = {
    "lstm": ((2, 1.0), (1, 0.5), (0, 0.5), (3, 0.5)),  # g, f, i, o
    "gru": ((0, 0.5), (1, 0.5), (2, 1.0)),  # r, z, n
    "tanh": ((0, 1.0),),
}


@dataclass(frozen=True)
class InputShare:
    """What the input adds to the gates of a cell, or to the logits of a decision.

    Attributes:
        weights: [d_x, w], contiguous.
        bias: [w], of both biases where they may be added.
        table: [V, w], `embedding @ weights + bias`; None if that is computed token by token.
    """

    weights: Array
    bias: Array
    table: Array | None = None

    @property
    def width(self) -> int:
        """d_x."""
        return len(self.weights)


@dataclass(frozen=True)
class PreparedCell:
    """One cell of size m.

    Attributes:
        size: m.
        is_big: Whether it is the one that reads; a small cell may be as large.
        recurrent: [ctx, G * m], contiguous, so that `context @ recurrent` runs along whole rows.
        candidate_bias: [m], a GRU's bias inside the reset gate, halved; None for other cells.
        inputs: The input's share of the G * m gates.
    """

    size: int
    is_big: bool
    recurrent: Array
    candidate_bias: Array | None
    inputs: InputShare


@dataclass(frozen=True)
class PreparedDecision:
    """The decision's k - 1 logits, relative to the full read's.

    Attributes:
        recurrent: [d, k - 1], contiguous.
        inputs: The input's share of the logits.
    """

    recurrent: Array
    inputs: InputShare


@dataclass(frozen=True)
class PreparedReader:
    """One directional layer.

    Attributes:
        kind: `lstm`, `gru` or `tanh`.
        hidden_size: d.
        hidden_scale: What the loop's hidden state is multiplied with to give h.
        cells: One per choice; None for a size of 0.
        decision: Of policy `skim`.
        dtype: Of all arrays.
        is_folded: Whether the input products are in tables.
        coordinator: Of policy `selective`, the input's share of the d units' likelihoods.
        units: Of policy `selective`, what its units need one by one.
        gate: Of the top layer of policy `skip`, d to 1; sees c of an LSTM, else the loop's hidden state.
        jump: Of the top layer of a model that jumps, d to K + 1; sees the loop's hidden state.
        initial: The learned initial state as the loop keeps it; None for zeros.
    """

    kind: str
    hidden_size: int
    hidden_scale: float
    cells: tuple[PreparedCell | None, ...]
    decision: PreparedDecision | None
    dtype: np.dtype[Any]
    is_folded: bool
    coordinator: InputShare | None
    units: PreparedUnits | None
    gate: PreparedHead | None
    jump: PreparedHead | None
    initial: Array | None


def prepare_reader(config: RuntimeConfig, weights: ReaderWeights, embedding: Array | None) -> PreparedReader:
    """Rearranges one directional layer.

    Args:
        config: Of the model.
        weights: Of the layer.
        embedding: [V, d_x], to fold the input products into tables (see `table_bytes`); None to leave
            them to be done while reading.
    """
    kind, is_folded = config.cell_type, embedding is not None
    scale = 0.5 if kind == "lstm" else 1.0
    cells = [
        _prepare_cell(kind, cell, scale, is_big=choice == 0) if cell else None
        for choice, cell in enumerate(weights.cells)
    ]
    units = None
    if cells[0] is not None:
        recurrent, inputs = cells[0].recurrent, cells[0].inputs.weights
        units = prepare_units(weights, recurrent, inputs, scale, is_folded=is_folded)
    decision, coordinator = _prepare_decision(weights, config.hidden_size, scale), None
    if weights.coordinator is not None:
        coordinator = InputShare(np.ascontiguousarray(weights.coordinator.weight.T), weights.coordinator.bias)
    if embedding is not None:
        cells = [replace(cell, inputs=_fold(embedding, cell.inputs)) if cell else None for cell in cells]
        decision = replace(decision, inputs=_fold(embedding, decision.inputs)) if decision else None
        coordinator = _fold(embedding, coordinator) if coordinator else None
    return PreparedReader(
        kind=kind,
        hidden_size=config.hidden_size,
        hidden_scale=scale,
        cells=tuple(cells),
        decision=decision,
        dtype=weights.dtype,
        is_folded=is_folded,
        coordinator=coordinator,
        units=units,
        # The gate of an LSTM sees c, which the loop keeps as it is.
        gate=prepare_head(weights.gate, 1.0),
        jump=prepare_head(weights.jump, scale),
        initial=prepare_initial(weights, kind, scale),
    )


def table_bytes(config: RuntimeConfig, itemsize: int) -> int:
    """Memory of the folded tables of the first layer's readers.

    One row per vocabulary entry: G numbers per unit of every cell, and k - 1 of the decision, or d of
    policy `selective`. An LSTM with d = 100 and d' = 10 takes 53 MB for 30,000 words in float32.
    """
    row = config.num_gates * sum(config.sizes) + len(config.skim_sizes)
    if config.policy == "selective":
        row += config.hidden_size
    return (config.vocab_size or 0) * row * config.num_directions * itemsize


def _prepare_cell(kind: str, cell: CellWeights, scale: float, *, is_big: bool) -> PreparedCell:
    size = len(cell.bias_ih) // len(_GATES[kind])
    rows = np.concatenate([np.arange(gate * size, (gate + 1) * size) for gate, _ in _GATES[kind]])
    factors = np.repeat(np.array([factor for _, factor in _GATES[kind]], dtype=cell.bias_ih.dtype), size)
    bias, candidate_bias = cell.bias_ih + cell.bias_hh, None
    recurrent_factors = factors * factors.dtype.type(scale)
    if kind == "gru":
        # r * (U h + b) with 2r at hand: the halves go to the product and to its bias, which cannot leave.
        bias[2 * size :] = cell.bias_ih[2 * size :]
        candidate_bias = cell.bias_hh[2 * size :] / 2
        recurrent_factors[2 * size :] /= 2
    return PreparedCell(
        size=size,
        is_big=is_big,
        recurrent=_columns(cell.weight_hh, rows, recurrent_factors),
        candidate_bias=candidate_bias,
        inputs=InputShare(_columns(cell.weight_ih, rows, factors), bias[rows] * factors),
    )


def _columns(weight: Array, rows: Array, factors: Array) -> Array:
    """[G * m, n] with its rows ordered and scaled, as a contiguous [n, G * m]."""
    return np.ascontiguousarray((weight[rows] * factors[:, None]).T)


def _prepare_decision(weights: ReaderWeights, hidden_size: int, scale: float) -> PreparedDecision | None:
    weight, bias = weights.decision_weight, weights.decision_bias
    if weight is None or bias is None:
        return None
    relative = weight[1:] - weight[0]
    split = weight.shape[1] - hidden_size
    return PreparedDecision(
        recurrent=np.ascontiguousarray(relative[:, split:].T) * weight.dtype.type(scale),
        inputs=InputShare(np.ascontiguousarray(relative[:, :split].T), bias[1:] - bias[0]),
    )


def _fold(embedding: Array, share: InputShare) -> InputShare:
    """Adds the share of every word of the vocabulary.

    A table of its own for each share: those of small cells and decisions then fit into the caches, where
    columns of one large table would be spread over all of it.
    """
    table = embedding @ share.weights
    table += share.bias
    return replace(share, table=table)
