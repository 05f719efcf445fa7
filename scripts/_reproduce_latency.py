"""How long a text takes with the published models and with the baselines, all in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _gather import gather
from _latency_texts import peer_loader
from _ours import engine_name, load_ours

from skim_hf.results.turns import Contestant, ratios, summarise, take_turns

DTYPES = ("float32", "int8")
BACKEND = "native"


def contestant(kind: str, dtype: str) -> str:
    """What the results call one of our models in a number format."""
    return f"{engine_name(BACKEND, dtype)}_{kind}"


def times_faster(contestants: Mapping[str, Any], dtype: str) -> float | None:
    """How many times faster than the plain model the skimming one is, turn by turn; None if not timed so."""
    skim, plain = (contestant(kind, dtype) for kind in ("skim", "plain"))
    ratio: float | None = contestants.get(skim, {}).get("times_faster_than", {}).get(plain)
    return ratio


def time_models(
    folders: Mapping[str, Path],
    peers: Mapping[str, Path],
    texts: Sequence[str],
    *,
    count: int,
    rounds: int,
    seed: int,
) -> dict[str, Any]:
    """Times string to label, one text at a time, on one thread.

    Args:
        folders: Our models by kind, `plain` and `skim`.
        peers: Trained baselines by name.
        texts: The test texts.
        count: How many of them are timed, chosen by chance.
        rounds: How often each.
        seed: Of the choice.

    Returns:
        Per contestant median, 99th percentile and minimum in microseconds and how many times faster than each
        other one it is; the length of the texts, and who is missing and why.
    """
    chosen = [texts[row] for row in np.random.default_rng(seed).permutation(len(texts))[:count]]
    makers = _makers(folders, peers)
    return time_all(
        makers, chosen, rounds=rounds, what="string to label", words=lambda text: len(text.split())
    )


def time_all(
    makers: Mapping[str, Callable[[], Callable[[Any], object]]],
    inputs: Sequence[Any],
    *,
    rounds: int,
    what: str,
    words: Callable[[Any], int],
) -> dict[str, Any]:
    """Times everybody on some inputs, one at a time, on one thread, in turns.

    Args:
        makers: What loads each contestant, by name.
        inputs: What each gets.
        rounds: How often.
        what: From what to what is timed.
        words: Gives the words of the text of an input.

    Returns:
        As `time_models`.
    """
    made, missing = gather(dict(makers))
    contestants = {name: Contestant(run) for name, run in made.items()}
    times = take_turns(contestants, inputs, rounds * len(inputs), "Latency")
    return {
        "what": f"{what}, one text at a time, one thread, in turns",
        "texts": len(inputs),
        "rounds": rounds,
        "threads": 1,
        "words_per_text": statistics.fmean(map(words, inputs)),
        "contestants": {
            name: {**summarise(seconds.values()), "times_faster_than": ratios(times, name, times)}
            for name, seconds in times.items()
        },
        "missing": missing,
    }


def _makers(folders: Mapping[str, Path], peers: Mapping[str, Path]) -> dict[str, Callable[[], Any]]:
    """What loads each contestant."""
    ours = {
        contestant(kind, dtype): partial(load_ours, folder, BACKEND, dtype)
        for kind, folder in folders.items()
        for dtype in DTYPES
    }
    return {**ours, **{name: partial(peer_loader, name, folder) for name, folder in peers.items()}}
