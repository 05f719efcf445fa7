"""Start, memory and threads: measurements that each need a process of their own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _ours import ENGINES, engine_name
from tqdm.auto import tqdm

# NumPy is there to be compared with, not to be run a million times.
NUMPY_SHARE = 100
_CHILD = Path(__file__).with_name("_latency_child.py")


def engines_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Our backends with a trained model, by name."""
    return {
        engine_name(backend, dtype): {"folder": str(folder), "backend": backend, "dtype": dtype}
        for backend, dtype in ENGINES
    }


def measure_start(who: dict[str, dict[str, Any]], text: str, repeats: int) -> dict[str, Any]:
    """From the start of Python to the first label, in fresh processes that take turns; medians.

    Args:
        who: What `_latency_child.load` takes, by name.
        text: What to predict.
        repeats: Processes for each.
    """
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in who}
    # One more than wanted: the first ones find the files outside of the system's caches.
    for turn in tqdm(range(-1, repeats), desc="Start", unit=" rounds", leave=False):
        for name, one in who.items():
            result = run_child("first", who=one, text=text, started=time.time())
            if turn >= 0 or "missing" in result:
                runs[name].append(result)
    return {name: _median(results) for name, results in runs.items()}


def measure_memory(who: dict[str, dict[str, Any]], texts: list[str], predictions: int) -> dict[str, Any]:
    """Resident memory over many predictions of one text each, and fewer by NumPy."""
    return {
        name: run_child(
            "memory",
            who=one,
            texts=texts,
            predictions=max(1, predictions // NUMPY_SHARE) if one["backend"] == "numpy" else predictions,
            # Every text twice: after that, nothing new has to be kept.
            warm_up=2 * len(texts),
        )
        for name, one in who.items()
    }


def measure_threads(
    who: dict[str, dict[str, Any]], texts: list[str], count: int, rounds: int, cores: list[int]
) -> dict[str, Any]:
    """Two threads against one, on the given cores."""
    if len(cores) == 1:
        return {"missing": "this machine has one core"}
    return {
        name: run_child("threads", cores, who=one, texts=texts, count=count, rounds=rounds)
        for name, one in who.items()
    }


def run_child(measurement: str, cores: list[int] | None = None, **options: Any) -> dict[str, Any]:
    """Runs one measurement in a new process; its progress bars come through.

    Args:
        measurement: A function of `_latency_child`.
        cores: Where it may run; None for where this process may.
        options: Its arguments.
    """
    before = os.sched_getaffinity(0) if cores else None
    if cores:
        # A child inherits what its parent has when it starts.
        os.sched_setaffinity(0, cores)
    try:
        done = subprocess.run(
            [sys.executable, str(_CHILD)],
            input=json.dumps({"measurement": measurement, **options}),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        if before:
            os.sched_setaffinity(0, before)
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results


def _median(results: list[dict[str, Any]]) -> dict[str, Any]:
    if "missing" in results[0]:
        return results[0]
    return {
        "seconds": statistics.median(result["seconds"] for result in results),
        "peak_megabytes": statistics.median(result["peak_megabytes"] for result in results),
        "torch_loaded": any(result["torch_loaded"] for result in results),
        "processes": len(results),
    }
