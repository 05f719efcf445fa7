"""What bench_question.py measures of one model: agreement first, then times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _gather import gather
from _question_contestants import TORCH, Asked, Contender, encode, makers

from skim_hf.results.answering import answer_all
from skim_hf.results.effort import layer_skim_rates, reading_scores
from skim_hf.results.turns import Contestant, ratios, summarise, take_turns
from skim_hf.runtime import SkimRuntime
from skim_hf.tables import Questions

TOLERANCE = 1e-3
"""Largest difference of float32 scores, as a share of the largest score."""
FEW = 1e-3
"""Share of decisions that may differ in float32, since two of a sum's orders may lie beside a threshold."""
EAGER_EVERY = 4
"""Rounds from one turn to the next of the slowest by far."""

Figures = dict[str, Any]


def measure(folder: Path, questions: Questions, rounds: int) -> Figures:
    """What a model is, how it reads these questions, and how long everybody takes for them.

    Raises:
        SystemExit: Two that should agree do not: a time of something else would be worthless.
    """
    runtime = SkimRuntime.from_pretrained(folder, backend="numpy")
    config = runtime.config
    contenders, missing = gather(makers(folder, config.policy), folder.name)
    pairs = [(each.question, each.context) for each in questions]
    asked = [encode(runtime, pair) for pair in pairs]
    agreement = compare(contenders, pairs, asked)
    counts = answer_all(runtime, questions, folder.name).counts
    fields = ("reader", "policy", "hidden_size", "skim_sizes", "num_hidden_layers", "char_vocab_size")
    return {
        **{name: getattr(config, name) for name in fields},
        "threshold": runtime.threshold,
        **reading_scores(counts, config),
        **layer_skim_rates(counts, config),
        "questions": len(questions),
        "words_per_context": statistics.fmean(len(each.context.split()) for each in questions),
        "tokens_per_context": counts.tokens / len(questions),
        "answer": time_all({name: each.answer for name, each in contenders.items()}, pairs, rounds, "answer"),
        "engine": time_all({name: each.ask for name, each in contenders.items()}, asked, rounds, "engine"),
        "agreement": agreement,
        "missing": missing,
    }


def time_all(runs: dict[str, Any], inputs: Sequence[Any], rounds: int, label: str) -> Figures:
    """Times of all, and how many times faster than those in torch they are."""
    contestants = {name: Contestant(run, EAGER_EVERY if name == TORCH else 1) for name, run in runs.items()}
    times = take_turns(contestants, inputs, rounds, label)
    bases = [name for name in times if name.startswith("torch")]
    return {
        name: {**summarise(seconds.values()), "times_faster_than": ratios(times, name, bases)}
        for name, seconds in times.items()
    }


def compare(
    contenders: dict[str, Contender], pairs: list[tuple[str, str]], asked: list[Asked]
) -> dict[str, Figures]:
    """Holds everybody to our NumPy engine.

    Returns:
        By name, `largest_difference` of scores, and shares of answers and decisions that differ.

    Raises:
        SystemExit: Differences above what float32 explains.
    """
    truth = contenders["numpy_float32"]
    wanted, places = [truth.ask(each) for each in asked], [truth.answer(pair) for pair in pairs]
    scale = max(float(np.abs(window.logits).max()) for windows in wanted for window in windows)
    found = {}
    for name, contender in contenders.items():
        windows = [
            pair
            for each, true in zip(asked, wanted, strict=True)
            for pair in zip(contender.ask(each), true, strict=True)
        ]
        others = np.concatenate([(one.decisions != true.decisions).ravel() for one, true in windows])
        answers = [contender.answer(pair) != place for pair, place in zip(pairs, places, strict=True)]
        found[name] = {
            "largest_difference": max(float(np.abs(one.logits - true.logits).max()) for one, true in windows),
            "answers_differing": float(np.mean(answers)),
            "decisions_differing": float(others.mean()),
        }
        if "int8" not in name:
            _check(name, found[name], scale)
    return found


def _check(name: str, found: Figures, scale: float) -> None:
    if found["decisions_differing"] > FEW:
        raise SystemExit(f"{name} decides otherwise than NumPy; nothing was measured.")
    # Where one decided otherwise it read something else, and its scores say nothing.
    difference = found["largest_difference"]
    if not found["decisions_differing"] and difference > TOLERANCE * scale:
        raise SystemExit(f"{name} differs from NumPy by {difference:.1e}; nothing was measured.")
