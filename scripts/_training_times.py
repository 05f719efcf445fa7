"""Times of the contestants of bench_training.py, which take turns."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch
from _training_contestants import STEPWISE, Contestant, scan_by

LOOP_EVERY = 3
"""Rounds from one turn of those that go step by step to their next."""
PHASES = {"forward": "forward", "forward_backward": "forward + backward", "evaluation": "evaluation"}


def take_turns(
    contestants: dict[str, Contestant], rounds: int, device: str, advance: Callable[[], object]
) -> dict[str, dict[str, dict[int, float]]]:
    """Lets the contestants take turns in rounds of alternating order, after a round to warm up.

    Args:
        contestants: By name.
        rounds: How many; those that go step by step have a turn in every third.
        device: `cpu` or `cuda`.
        advance: Called after every round.

    Returns:
        Seconds by phase, contestant and round.
    """
    runs: dict[str, dict[str, Callable[[], object]]] = {
        "forward": {name: c.train for name, c in contestants.items()},
        "forward_backward": {name: c.forward_backward for name, c in contestants.items()},
        "evaluation": {name: c.evaluate for name, c in contestants.items() if c.evaluate is not None},
    }
    times: dict[str, dict[str, dict[int, float]]] = {
        phase: {name: {} for name in those} for phase, those in runs.items()
    }
    for turn in range(-1, rounds):
        for phase, those in runs.items():
            names = [name for name in those if name not in STEPWISE or turn % LOOP_EVERY == 0]
            for name in names if turn % 2 else reversed(names):
                with scan_by(contestants[name].backend):
                    elapsed = clock(those[name], device)
                if turn >= 0:
                    times[phase][name][turn] = elapsed
        advance()
    return times


def clock(run: Callable[[], object], device: str) -> float:
    """Seconds that a run takes, until its results are there."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    # Held until the clock has stopped: taking a graph apart is no part of a forward pass.
    results = run()
    if device == "cuda":
        torch.cuda.synchronize()
    elapsed = time.perf_counter() - started
    del results
    return elapsed


def summarise(seconds: dict[int, float], base: dict[int, float]) -> dict[str, float]:
    """Milliseconds over rounds, and two ratios to the base; the first compares within rounds."""
    ordered = sorted(1000 * value for value in seconds.values())
    median = statistics.median(ordered)
    return {
        "median_ms": median,
        "p90_ms": ordered[math.ceil(0.9 * len(ordered)) - 1],
        "min_ms": ordered[0],
        "rounds": len(ordered),
        "ratio": statistics.median(value / base[turn] for turn, value in seconds.items()),
        "ratio_of_medians": median / (1000 * statistics.median(base.values())),
    }


def recurrent_nodes(contestant: Contestant) -> list[str]:
    """Names of the autograd nodes that stand for a whole network; none if torch runs it step by step."""
    seen, nodes = set(), [output.grad_fn for output in contestant.train()]
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [following for following, _ in node.next_functions]
    return sorted({node.name() for node in seen if "Rnn" in node.name()})
