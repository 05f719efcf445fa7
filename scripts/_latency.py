"""Latency of several runtimes on the same texts, one text at a time, side by side."""

from __future__ import annotations

import statistics
import time
from typing import Any

from tqdm.auto import tqdm

from skim_hf import SkimRuntime

ROUNDS = 5


def compare_latency(runtimes: dict[str, SkimRuntime], texts: list[str]) -> dict[str, Any]:
    """Times string to label, one text after the other, the runtimes taking turns on each text.

    A text's time is its median over the rounds; turns are taken in alternating order, so that a busy
    moment of a shared machine hits all alike.

    Args:
        runtimes: What to compare, by name; the first is what the others are compared with.
        texts: At least one.

    Returns:
        Per runtime the median and 90th percentile in microseconds per text and the mean per token;
        and the median over texts of the first runtime's time divided by its own.
    """
    names = list(runtimes)
    times: dict[str, list[list[float]]] = {name: [[] for _ in texts] for name in names}
    for turn in tqdm(range(ROUNDS), desc="Latency", unit=" rounds"):
        for row, text in enumerate(texts):
            for name in names if (turn + row) % 2 else reversed(names):
                started = time.perf_counter()
                runtimes[name](text)
                times[name][row].append(1e6 * (time.perf_counter() - started))
    medians = {name: [statistics.median(row) for row in rows] for name, rows in times.items()}
    first = names[0]
    tokens = sum(len(runtimes[first].encode(text)) for text in texts)
    return {
        "what": "string to label, one text at a time, one thread",
        "backend": runtimes[first].backend,
        "texts": len(texts),
        "tokens_per_text": tokens / len(texts),
        "rounds": ROUNDS,
        **{
            name: {
                "median_us": statistics.median(rows),
                "p90_us": sorted(rows)[int(0.9 * (len(rows) - 1))],
                "us_per_token": sum(rows) / tokens,
                f"times_faster_than_{first}": statistics.median(
                    a / b for a, b in zip(medians[first], rows, strict=True)
                ),
            }
            for name, rows in medians.items()
        },
    }
