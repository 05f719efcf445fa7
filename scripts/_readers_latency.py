"""How long a trained reader takes per text, next to the plain LSTM of the same seed."""

from __future__ import annotations

from typing import Any

from _readers import PLAIN
from _readers_runs import Comparison, Run, load_reader

from skim_hf.results.turns import Contestant, ratios, summarise, take_turns

DTYPES = ("float32", "int8")


def time_reader(comparison: Comparison, name: str, seed: int, *, texts: int, rounds: int) -> Run:
    """Times a reader and the plain LSTM in turns, in one process and on one thread.

    Args:
        comparison: Holds both.
        name: Of the reader.
        seed: Of both.
        texts: The first so many test texts are read, one at a time.
        rounds: How often each.

    Returns:
        By dtype `backend`, median, 99th percentile and minimum in microseconds per text, the plain LSTM's
        `plain_median_us`, and `times_faster`, the median of the ratios within turns. A dtype that the engine
        does not offer for this reader holds the reason as `missing`.
    """
    inputs = comparison.splits["test"][0][:texts]
    found: Run = {}
    for dtype in DTYPES:
        try:
            runtimes = {each: load(comparison, each, seed, dtype) for each in dict.fromkeys((PLAIN, name))}
        except (ImportError, ValueError) as error:
            found[dtype] = {"missing": str(error)}
            continue
        contestants = {each: Contestant(runtime) for each, runtime in runtimes.items()}
        times = take_turns(contestants, inputs, rounds * len(inputs), f"{name} {seed} {dtype}")
        found[dtype] = {
            "backend": runtimes[name].backend,
            **summarise(times[name].values()),
            "plain_median_us": summarise(times[PLAIN].values())["median_us"],
            "times_faster": ratios(times, name, [PLAIN])[PLAIN],
        }
    return found


def load(comparison: Comparison, name: str, seed: int, dtype: str) -> Any:
    """The runtime of a finished run."""
    run = comparison.load(name, seed)
    if run is None:
        raise ValueError(f"{name} of seed {seed} is not finished.")
    return load_reader(comparison, name, seed, run["options"], dtype)
