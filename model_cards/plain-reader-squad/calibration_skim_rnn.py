"""From a budget, a share of tokens to be read at most, to the threshold that keeps it.

The same search as `skim_hf.runtime.calibration`, which does not travel with the models.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

STEPS = 16
"""Readings of all texts during a search."""

# What models do whose policy makes no use of a threshold.
_WITHOUT_DIAL = {
    "full": "reads every token",
    "random": "skips tokens at random",
    "periodic": "skips tokens at a fixed rate",
}
_FURTHEST = 17.0  # log-odds; beyond, a threshold is 0 or 1 in single precision


def check_calibration(threshold: Any, budget: Any, texts: Any) -> None:
    """Refuses a budget that is no share, comes together with a threshold, or comes without texts.

    Raises:
        ValueError: Says what goes together.
    """
    if budget is not None and threshold is not None:
        raise ValueError(
            f"Expected threshold or budget; got both ({threshold!r} and {budget!r}). "
            "A budget is turned into a threshold."
        )
    if (budget is None) != (texts is None):
        raise ValueError(
            "A budget and the texts to find its threshold with go together: pass budget=... and "
            "calibration_texts=[...], some hundred like those to be read later."
        )
    is_number = isinstance(budget, Real) and not isinstance(budget, bool)
    if budget is not None and not (is_number and 0 <= budget <= 1):
        raise ValueError(
            "budget must be a number in [0, 1]: the largest share of the tokens that may be read in full. "
            f"Got {budget!r}."
        )


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
