"""How the policies other than Skim-RNN decide, in plain equations; see `reference.py`.

- `skip`: "Skip RNN: Learning to Skip State Updates" (Campos et al., ICLR 2018);
- `selective`: SA-RNN, "Learning to Selectively Update State Neurons" (Hartvigsen et al., 2020);
- jumps: "Learning to Skim Text" (Yu, Lee and Le, ACL 2017).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.weights import Array, Linear, ReaderWeights

_WORD = (1 << 64) - 1


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that it cannot overflow."""
    result: Array = 0.5 * np.tanh(0.5 * x) + 0.5
    return result


def skip_reads(accumulator: np.floating[Any], threshold: float) -> bool:
    """Whether Skip RNN reads: its u_t = round(accumulator) (eq. 2), where a threshold of 0.5 is the rounding.

    Exactly 0.5 is not read, as in the official code.

    Args:
        accumulator: What `accumulate` gave; 1 before the first token.
        threshold: 1 reads everything, 0 nothing.
    """
    if threshold >= 1 or threshold <= 0:
        return threshold >= 1
    return bool(accumulator > accumulator.dtype.type(1 - threshold))


def increment(gate: Linear, state: Array) -> np.floating[Any]:
    """Skip RNN's sigmoid(w s + b) (eq. 4), of the top layer's c (LSTM) or h after an update."""
    result: np.floating[Any] = sigmoid(gate.weight @ state + gate.bias)[0]
    return result


def accumulate(accumulator: np.floating[Any], increment: np.floating[Any], is_read: bool) -> np.floating[Any]:
    """Skip RNN's next accumulator (eq. 5): the increment after an update, else as much more of it as fits."""
    result: np.floating[Any] = (
        increment if is_read else accumulator + min(increment, accumulator.dtype.type(1) - accumulator)
    )
    return result


def select(reader: ReaderWeights, x: Array, h: Array, threshold: float) -> NDArray[np.bool_]:
    """The units that SA-RNN updates, [d] (eq. 4 to 6): those with W x + b + own * h above a bound.

    The bound of a threshold of 0.5 is 0, where the hard sigmoid of any slope is 0.5.
    """
    if reader.coordinator is None or reader.own is None or threshold >= 1 or threshold <= 0:
        return np.full(len(h), threshold >= 1)
    a = reader.coordinator.weight @ x + reader.coordinator.bias + reader.own * h
    mask: NDArray[np.bool_] = a > a.dtype.type(1 - 2 * threshold)
    return mask


def coin(position: int) -> float:
    """A number in [0, 1) for a position, from 0 in reading order: the splitmix64 generator's."""
    z = (position + 1) * 0x9E3779B97F4A7C15 & _WORD
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _WORD
    return ((z ^ z >> 31) >> 11) * 2.0**-53


def control_reads(config: RuntimeConfig, position: int) -> bool:
    """Whether a policy without parameters, `random` or `periodic`, reads the token at a position."""
    if config.policy == "random":
        return coin(position) >= config.skip_rate
    keep = 1 - config.skip_rate
    return math.floor(position * keep) > math.floor((position - 1) * keep)


def step_after(
    config: RuntimeConfig, head: Linear | None, h: Array, processed: int, taken: int, left: int
) -> tuple[int, bool]:
    """How far the pointer moves after a token (section 2.1 of the paper of jumps).

    Args:
        config: Of the model.
        head: The jump head; None without jumps.
        h: [d], the top layer's hidden state after the token.
        processed: Tokens processed so far, this one included.
        taken: Jump decisions so far.
        left: Tokens from this one to the end.

    Returns:
        Steps, of which `left` end the reading, and whether a jump was decided on.
    """
    if head is None or config.jump_every is None or processed % config.jump_every or left == 1:
        return 1, False
    if taken == config.jump_limit:
        return left, False
    steps = int(np.argmax(head.weight @ h + head.bias))
    return min(steps or left, left), True
