"""Parameters of the policies, rearranged once at load as `prepare.py` does it with the cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skim_hf.runtime.weights import Array, Linear, ReaderWeights


@dataclass(frozen=True)
class PreparedHead:
    """An affine map of the state: the gate of Skip RNN, or the jump head.

    Attributes:
        weights: [d, w], contiguous.
        bias: [w].
    """

    weights: Array
    bias: Array


@dataclass(frozen=True)
class PreparedUnits:
    """What policy `selective` needs to decide on every unit, and to compute those that it selects.

    Attributes:
        recurrent: [G, d, d], a row for every gate of every unit, in the order of the loop's gates.
        inputs: [G, d, d_x], the same of the input's weights; None where they are folded into a table.
        own: [d], what a unit's likelihood gains with the loop's hidden state of its own.
    """

    recurrent: Array
    inputs: Array | None
    own: Array


def prepare_head(linear: Linear | None, scale: float) -> PreparedHead | None:
    """Turns a map of the state into one of the loop's state, which is the state divided by `scale`."""
    if linear is None:
        return None
    weights = np.ascontiguousarray(linear.weight.T) * linear.weight.dtype.type(scale)
    return PreparedHead(weights, linear.bias)


def prepare_units(
    weights: ReaderWeights, recurrent: Array, inputs: Array, scale: float, *, is_folded: bool
) -> PreparedUnits | None:
    """Lays the columns of the prepared big cell out as rows that can be picked.

    Args:
        weights: Of the reader.
        recurrent: [d, G * d], as in `PreparedCell`.
        inputs: [d_x, G * d], as in its `InputShare`.
        scale: What the loop's hidden state is multiplied with to give h.
        is_folded: Whether the input's products are in a table.
    """
    if weights.own is None:
        return None
    d = len(weights.own)
    return PreparedUnits(
        recurrent=np.ascontiguousarray(recurrent.T).reshape(-1, d, d),
        inputs=None if is_folded else np.ascontiguousarray(inputs.T).reshape(-1, d, len(inputs)),
        own=weights.own * weights.own.dtype.type(scale),
    )


def prepare_initial(weights: ReaderWeights, kind: str, scale: float) -> Array | None:
    """The learned initial state in the form that `BoundReader.save` gives; None for zeros."""
    if weights.initial_state is None:
        return None
    h = weights.initial_state[0] / weights.dtype.type(scale)
    return np.concatenate([h, weights.initial_state[1]]) if kind == "lstm" else h
