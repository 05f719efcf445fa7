"""Schedules of training, as pure functions of the global step or of the epoch.

Nothing is stored between steps: a resumed run asks for the same step and gets the same number.
"""

from __future__ import annotations

import math


def gumbel_temperature(step: int, *, start: float = 1.0, floor: float = 0.5, rate: float = 1e-4) -> float:
    """Temperature tau of the Gumbel-softmax relaxation (Skim-RNN, section 4.1).

    tau(n) = max(floor, start * exp(-rate * n)); with the defaults it reaches the floor at step 6932.

    Args:
        step: Number n of optimizer updates made so far, 0 for the first.
        start: Temperature at step 0, above 0.
        floor: Lowest temperature, above 0 and at most `start`.
        rate: Decay per step, 0 for a constant temperature.

    Returns:
        The temperature for this step.

    Raises:
        ValueError: A negative step or an argument out of its range.

    Example:
        >>> gumbel_temperature(0), gumbel_temperature(6932)
        (1.0, 0.5)
    """
    _check_step(step)
    if not (math.isfinite(start) and math.isfinite(floor) and 0.0 < floor <= start):
        raise ValueError(
            "A temperature schedule needs 0 < floor <= start: "
            f"got start={start!r}, floor={floor!r}. Raise the start or lower the floor."
        )
    if not (math.isfinite(rate) and rate >= 0.0):
        raise ValueError(f"The decay rate of the temperature must be a number of at least 0; got {rate!r}.")
    return max(floor, start * math.exp(-rate * step))


def budget_weight(step: int, *, weight: float, warmup_steps: int = 0) -> float:
    """Weight gamma of the budget term (eq. 8) after a linear warm-up from 0.

    Args:
        step: Number of optimizer updates made so far, 0 for the first.
        weight: The full weight, at least 0.
        warmup_steps: Steps until the full weight is reached; 0 gives a constant weight.

    Returns:
        The weight for this step.

    Raises:
        ValueError: A negative step, weight or number of warm-up steps.

    Example:
        >>> [budget_weight(step, weight=0.02, warmup_steps=2) for step in range(4)]
        [0.0, 0.01, 0.02, 0.02]
    """
    _check_step(step)
    if not (math.isfinite(weight) and weight >= 0.0):
        raise ValueError(f"The budget weight must be a number of at least 0; got {weight!r}.")
    if warmup_steps < 0:
        raise ValueError(f"The warm-up of the budget weight must be 0 steps or more; got {warmup_steps!r}.")
    if step >= warmup_steps:
        return float(weight)
    return weight * step / warmup_steps


def slope(epoch: float, *, start: float = 1.0, rate: float = 0.04, limit: float = 5.0) -> float:
    """Slope alpha of the hard sigmoid of SA-RNN: min(limit, start + rate * epoch), constant within an epoch.

    With the defaults it reaches the limit at epoch 100.

    Args:
        epoch: Epochs made so far, with a fraction, 0 at the first step.
        start: Slope in the first epoch, above 0.
        rate: Rise per epoch, 0 for a constant slope.
        limit: Highest slope, at least `start`.

    Returns:
        The slope for this epoch.

    Raises:
        ValueError: A negative epoch or an argument out of its range.

    Example:
        >>> slope(0.9), slope(25.5), slope(1000)
        (1.0, 2.0, 5.0)
    """
    if not (math.isfinite(epoch) and epoch >= 0.0):
        raise ValueError(f"The epoch must be a number of at least 0; got {epoch!r}.")
    if not (math.isfinite(limit) and 0.0 < start <= limit):
        raise ValueError(
            f"A slope schedule needs 0 < start <= limit: got start={start!r}, limit={limit!r}. Lower the "
            "start or raise the limit."
        )
    if not (math.isfinite(rate) and rate >= 0.0):
        raise ValueError(f"The rise of the slope must be a number of at least 0; got {rate!r}.")
    return min(limit, start + rate * math.floor(epoch))


def _check_step(step: int) -> None:
    if step < 0:
        raise ValueError(f"The global step must be 0 or more; got {step!r}.")
