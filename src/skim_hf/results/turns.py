"""Contestants take turns on the same inputs, so that a busy moment of a shared machine hits all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skim_hf.results.progress import with_bar


@dataclass(frozen=True)
class Contestant:
    """One who takes turns.

    Attributes:
        run: Does the work on one input.
        every: How many rounds pass from one of its own to the next. Above 1 for a slow one, which then has
            one input per round.
    """

    run: Callable[[Any], object]
    every: int = 1


def take_turns(
    contestants: Mapping[str, Contestant],
    inputs: Sequence[Any],
    rounds: int,
    label: str,
    block: int = 1,
    *,
    progress: bool = True,
) -> dict[str, dict[int, float]]:
    """Seconds that every contestant took in its turns.

    In a round all contestants get the same block of inputs, one contestant after the other, in alternating
    order. Each of them first does as many inputs before the block, untimed: what it uses often is then in the
    caches as if it ran alone, while what only this input needs is not.

    Args:
        contestants: By name.
        inputs: Turn t has input t modulo their number.
        rounds: How many.
        label: Of the progress bar.
        block: Turns in a round.
        progress: Whether to show it.

    Returns:
        Per contestant and turn.
    """
    names = list(contestants)
    times: dict[str, dict[int, float]] = {name: {} for name in names}
    for number in with_bar(range(rounds), label, " rounds", shown=progress):
        # With the laps, or some inputs would meet the contestants in one order only.
        parity = number + number * block // len(inputs)
        for name in names if parity % 2 else reversed(names):
            contestant = contestants[name]
            if number % contestant.every:
                continue
            count = block if contestant.every == 1 else 1
            first = number * block
            for turn in range(first - count, first):
                contestant.run(inputs[turn % len(inputs)])
            for turn in range(first, first + count):
                given = inputs[turn % len(inputs)]
                started = time.perf_counter()
                contestant.run(given)
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
