"""From a budget, a share of tokens to be read at most, to the threshold that keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.protocols import Engine
from skim_hf.runtime.workers import Workers

STEPS = 16
"""Readings of all texts during a search."""

# What models do whose policy makes no use of a threshold.
_WITHOUT_DIAL = {
    "full": "reads every token",
    "random": "skips tokens at random",
    "periodic": "skips tokens at a fixed rate",
}
_FURTHEST = 17.0  # log-odds; beyond, a threshold is 0 or 1 in single precision


def calibrate(
    config: RuntimeConfig, engine: Engine, workers: Workers, texts: Sequence[NDArray[np.int32]], budget: float
) -> float:
    """The threshold that reads most of some texts within a budget.

    Args:
        config: Of the model.
        engine: Runs it.
        workers: Read texts side by side.
        texts: Token ids of each.
        budget: Largest share of decisions that may be full reads, in [0, 1].

    Raises:
        ValueError: The model reads everything, the texts have no tokens, or no threshold will do.
    """
    check_dial(config.policy)
    return find_threshold(lambda t: share_read(engine.with_threshold(t), workers, texts), budget)


def share_read(engine: Engine, workers: Workers, texts: Sequence[NDArray[np.int32]]) -> float:
    """Share of all decisions on texts, given as token ids, that are full reads.

    Raises:
        ValueError: The texts have no tokens.
    """

    def counts(ids: NDArray[np.int32]) -> tuple[int, float]:
        reading = engine.read(ids)
        made = reading.decisions.size
        # Not from the rate, whose rounding could pass a budget that is kept exactly.
        if reading.units is not None:
            return made, float(reading.units.sum()) / reading.hidden.shape[1]
        return made, int(np.count_nonzero(reading.decisions == 0))

    made, read = np.array([(0.0, 0.0), *workers.map(counts, texts)]).sum(axis=0).tolist()
    if not made:
        raise ValueError(
            "Expected texts with words to calibrate on; got none. "
            "Pass some hundred that are like those to be read later."
        )
    return float(read / made)


def has_dial(policy: str) -> bool:
    """Whether a threshold changes how a model with this policy reads."""
    return policy not in _WITHOUT_DIAL


def check_dial(policy: str) -> None:
    """Refuses a budget for a policy whose reading no threshold changes.

    Raises:
        ValueError: Such a policy.
    """
    if not has_dial(policy):
        raise ValueError(
            f"This model {_WITHOUT_DIAL[policy]}: it has policy {policy!r} and decides nothing that a budget "
            "could change. Train one with policy='skim'."
        )


def find_threshold(share: Callable[[float], float], budget: float) -> float:
    """The threshold that reads most and no more than the budget.

    A search by halves over log-odds. The share need not grow with the threshold, because what is
    skimmed changes the states that later decisions are made on: so every candidate is read with, and
    the best one that keeps the budget is taken, wherever the search ends.

    Args:
        share: The share of tokens that is read with a threshold.
        budget: In [0, 1].

    Raises:
        ValueError: Not even a threshold of 0 keeps the budget.
    """
    if budget >= 1:
        return 1.0
    least = share(0.0)
    if least > budget:
        raise ValueError(
            f"No threshold keeps the budget of {budget:.1%}: with threshold=0 the model still reads "
            f"{least:.1%} of these texts. Allow more, or train with a stronger budget term."
        )
    best, low, high = (least, 0.0), -_FURTHEST, _FURTHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        threshold = 1 / (1 + math.exp(-middle))
        found = share(threshold)
        if found > budget:
            high = middle
            continue
        low, best = middle, max(best, (found, threshold))
    return best[1]
