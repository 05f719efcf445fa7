"""Contestants take turns on the same inputs, so that a busy moment of a shared machine hits all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

WARM_UP = 3


class Missing(Exception):
    """Why a contestant cannot take part."""


@dataclass(frozen=True)
class Contestant:
    """One who takes turns.

    Attributes:
        run: Does the work on one input.
        every: How many turns pass from one of its own to the next; above 1 for a slow one.
    """

    run: Callable[[Any], object]
    every: int = 1


def gather(
    makers: dict[str, Callable[[], Contestant]], label: str = "Loading"
) -> tuple[dict[str, Contestant], dict[str, str]]:
    """Makes the contestants that can be made.

    Args:
        makers: By name. One raises ImportError or Missing if something is not installed here; any other
            error is a defect and passes.
        label: Of the progress bar.

    Returns:
        The contestants, and for each that is missing the reason.
    """
    made, missing = {}, {}
    bar = tqdm(makers.items(), desc=label, unit=" contestants", leave=False)
    for name, make in bar:
        bar.set_postfix_str(name)
        try:
            made[name] = make()
        except (ImportError, Missing) as error:
            missing[name] = str(error)
    return made, missing


def take_turns(
    contestants: dict[str, Contestant], inputs: Sequence[Any], turns: int, label: str
) -> dict[str, dict[int, float]]:
    """Seconds that every contestant took in its turns.

    A turn is one input, which all contestants get one after the other, in alternating order. Each of them
    first does the input before, untimed: its model is then in the caches as if it ran alone, while
    what this input needs of it is not.

    Args:
        contestants: By name.
        inputs: Turn t has input t modulo their number.
        turns: How many.
        label: Of the progress bar.

    Returns:
        Per contestant and turn.
    """
    names = list(contestants)
    times: dict[str, dict[int, float]] = {name: {} for name in names}
    for name in names:
        for number in range(WARM_UP if contestants[name].every == 1 else 1):
            contestants[name].run(inputs[number % len(inputs)])
    for turn in tqdm(range(turns), desc=label, unit=" turns", leave=False):
        lap, place = divmod(turn, len(inputs))
        # With the lap, or an even number of inputs would meet each contestant in one order only.
        for name in names if (turn + lap) % 2 else reversed(names):
            contestant = contestants[name]
            if (turn + lap) % contestant.every:
                continue
            contestant.run(inputs[place - 1])
            started = time.perf_counter()
            contestant.run(inputs[place])
            times[name][turn] = time.perf_counter() - started
    return times


def summarise(seconds: Iterable[float], per: float = 1.0) -> dict[str, float]:
    """Median, 99th percentile and minimum in microseconds, each divided by `per`, and their number."""
    ordered = sorted(1e6 * value / per for value in seconds)
    return {
        "median_us": statistics.median(ordered),
        "p99_us": ordered[math.ceil(0.99 * len(ordered)) - 1],
        "min_us": ordered[0],
        "turns": len(ordered),
    }


def ratios(times: dict[str, dict[int, float]], name: str, bases: Iterable[str]) -> dict[str, float]:
    """How many times faster one was than each base: medians of the ratios within turns that both took."""
    found = {}
    for base in bases:
        common = times[base].keys() & times[name].keys() if base in times else set()
        if common:
            found[base] = statistics.median(times[base][turn] / times[name][turn] for turn in common)
    return found
