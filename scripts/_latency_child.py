"""What has to be measured in a process of its own; _latency_processes.py runs it, with JSON on stdin."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Runs one measurement and prints its results as JSON."""
    options = json.load(sys.stdin)
    measurement = options.pop("measurement")
    try:
        results = _MEASUREMENTS[measurement](**options)
    except ImportError as error:
        results = {"missing": str(error)}
    print(json.dumps(results))


def first(who: dict[str, Any], text: str, started: float) -> dict[str, Any]:
    """Loads and predicts once; `started` is when the parent started this process, by `time.time`."""
    import _one_core

    _one_core.pin()
    run = load(who)
    run(text)
    done = time.time()
    return {
        "seconds": done - started,
        "peak_megabytes": _status("VmHWM"),
        "torch_loaded": "torch" in sys.modules,
    }


def memory(who: dict[str, Any], texts: list[str], predictions: int, warm_up: int) -> dict[str, Any]:
    """Resident memory while one text after the other is predicted, at eleven moments."""
    import _one_core
    from tqdm.auto import tqdm

    _one_core.pin()
    run = load(who)
    for number in range(warm_up):
        run(texts[number % len(texts)])
    resident = [_status("VmRSS")]
    started = time.perf_counter()
    part = max(1, predictions // 10)
    for start in tqdm(range(0, predictions, part), desc="Memory", leave=False):
        for number in range(start, min(start + part, predictions)):
            run(texts[number % len(texts)])
        resident.append(_status("VmRSS"))
    return {
        "predictions": predictions,
        "warm_up": warm_up,
        "seconds": time.perf_counter() - started,
        "resident_megabytes": resident,
        "growth_megabytes": resident[-1] - resident[0],
        "peak_megabytes": _status("VmHWM"),
    }


def threads(who: dict[str, Any], texts: list[str], count: int, rounds: int) -> dict[str, Any]:
    """Two threads against one on the same list of texts, taking turns."""
    import statistics

    from tqdm.auto import tqdm

    texts = [texts[number % len(texts)] for number in range(count)]
    runtimes = {number: load_runtime(who, threads=number) for number in (1, 2)}
    times: dict[int, list[float]] = {1: [], 2: []}
    found: dict[int, list[str]] = {}
    for turn in tqdm(range(-1, rounds), desc="Threads", leave=False):
        for number in (1, 2) if turn % 2 else (2, 1):
            started = time.perf_counter()
            found[number] = runtimes[number].predict(texts)
            if turn >= 0:
                times[number].append(time.perf_counter() - started)
    if found[1] != found[2]:
        raise ValueError("Two threads give other labels than one.")
    return {
        "texts": count,
        "rounds": rounds,
        "one_thread_seconds": statistics.median(times[1]),
        "two_threads_seconds": statistics.median(times[2]),
        "times_faster": statistics.median(a / b for a, b in zip(times[1], times[2], strict=True)),
    }


def load(who: dict[str, Any]) -> Callable[[str], object]:
    """A runtime of ours, which has a backend, or a peer."""
    if "backend" in who:
        return load_runtime(who)
    # Each peer's module imports what it needs, and nothing of the others.
    if who["name"].startswith("onnx_"):
        import _peers_onnx

        return _peers_onnx.load_classifier(Path(who["folder"]))
    if who["name"].startswith("fasttext"):
        import _peers_fasttext

        return _peers_fasttext.load(Path(who["folder"]), who["name"])
    import _peers_model2vec

    return _peers_model2vec.load(Path(who["folder"]))


def load_runtime(who: dict[str, Any], threads: int = 1) -> Any:
    """A runtime of ours."""
    from _ours import load_ours

    return load_ours(who["folder"], who["backend"], who["dtype"], threads=threads)


def _status(name: str) -> float:
    """Megabytes by Linux; NaN elsewhere. Not ru_maxrss: that starts at the size of the parent."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


_MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "first": first,
    "memory": memory,
    "threads": threads,
}

if __name__ == "__main__":
    main()
