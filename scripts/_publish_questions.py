"""Hub folders of two question readers: threshold, slim weights, everything measured anew, code and card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from _ours import load_ours
from _pair_results import LICENSE, PREDICTED_TEXTS, TIMED_TEXTS, spread
from _question_study import QuestionStudy, TrainedReader
from _reproduce_latency import BACKEND, DTYPES, contestant, time_all
from _reproduce_publish import KINDS, complete
from question_curve import measure_point

from skim_hf import SkimRuntime
from skim_hf.hub import SlimModel, slim_model
from skim_hf.results import (
    ADAPTIVE,
    DENSE,
    ModelResults,
    describe_answer,
    describe_found_answers,
    evaluate_answers,
    measure_answer_latency,
    write_json,
)
from skim_hf.runtime import ModelFolder
from skim_hf.tables import Questions
from skim_hf.training import load_word_vectors

DENSE_TITLE = "plain reader trained alike"

Figures = dict[str, Any]
Pair = tuple[str, str]


def publish_readers(
    study: QuestionStudy,
    readers: Mapping[str, TrainedReader],
    folders: Mapping[str, Path],
    splits: Mapping[str, Questions],
    command: str,
    *,
    glove: str,
    timed: int,
    rounds: int,
) -> Figures:
    """Writes the folders of both models.

    Args:
        study: Says how.
        readers: The trained models, `plain` and `skim`.
        folders: Where each goes; what is there is replaced.
        splits: Questions of each part.
        command: What made them, for the result files.
        glove: The word vectors that the plain one started from.
        timed: Test questions that are timed.
        rounds: How often each.

    Returns:
        How the threshold was chosen; of each model what slimming changed, with figures of the test questions
        before and after, the latter in every number format; and times of all.
    """
    runtimes = {kind: SkimRuntime.from_pretrained(readers[kind].folder) for kind in KINDS}
    threshold = choose_threshold(study, runtimes, splits["validation"])
    runtimes["skim"] = runtimes["skim"].with_threshold(threshold["chosen"])
    before = {kind: measure_point(runtime, splits["test"]) for kind, runtime in runtimes.items()}
    # Both have the words of the plain one, from which the other started.
    order = words_by_rank(readers["plain"].folder, load_word_vectors(glove).words)
    slim = {
        kind: slim_model(readers[kind].folder, folder, most_words=study.most_words, order=order)
        for kind, folder in folders.items()
    }
    set_threshold(folders["skim"], threshold["chosen"])
    measure_folders(study, readers, folders, splits)
    for folder in folders.values():
        complete(folder, command)
    after = {kind: measure_dtypes(folders[kind], splits["test"]) for kind in KINDS}
    whole = before["plain"]["macs_per_question"]
    for point in (*before.values(), *(each for kind in KINDS for each in after[kind].values())):
        point["cost"] = point["macs_per_question"] / whole
    return {
        "threshold": threshold,
        "readers": {
            kind: {**_made(readers[kind], slim[kind]), "before": before[kind], "after": after[kind]}
            for kind in KINDS
        },
        "latency": time_readers(folders, splits["test"], count=timed, rounds=rounds),
    }


def words_by_rank(folder: Path, vectors: Sequence[str]) -> list[str]:
    """The words of a reader, those first that are frequent in its training or in that of its word vectors.

    Most of them are known from word vectors alone, or occur once; among these the vocabulary has no order.
    """
    content = json.loads((folder / ModelFolder.TOKENIZER).read_text(encoding="utf-8"))
    known: dict[str, int] = content["model"]["vocab"]
    ranks = {word: rank for rank, word in enumerate(vectors)}
    return sorted(known, key=lambda word: min(known[word], ranks.get(word, len(ranks))))


def choose_threshold(
    study: QuestionStudy, runtimes: Mapping[str, SkimRuntime], questions: Questions
) -> Figures:
    """The threshold that skims most of those that cost little F1, or that of the best F1 if all cost more."""
    runtime, plain = runtimes["skim"], measure_point(runtimes["plain"], questions)
    values = sorted({*study.thresholds, runtime.threshold})
    points = [measure_point(runtime.with_threshold(value), questions) for value in values]
    least = plain["metrics"]["f1"] - study.most_lost
    enough = [point for point in points if point["metrics"]["f1"] >= least]
    best = (
        max(enough, key=lambda point: point["skim_rate_micro"])
        if enough
        else max(points, key=lambda point: point["metrics"]["f1"])
    )
    return {
        "chosen": best["threshold"],
        "trained_with": runtime.threshold,
        "most_lost": study.most_lost,
        "plain": plain,
        "split": "validation",
        "questions": len(questions),
        "points": points,
    }


def set_threshold(folder: Path, threshold: float) -> None:
    """Makes a threshold a saved model's own."""
    path = folder / ModelFolder.CONFIG
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), "skim_threshold": threshold})


def measure_folders(
    study: QuestionStudy,
    readers: Mapping[str, TrainedReader],
    folders: Mapping[str, Path],
    splits: Mapping[str, Questions],
) -> None:
    """Writes `results.json` into the folders of both models, all of it measured on test questions."""
    test, pairs = splits["test"], _pairs(splits["test"])
    runtimes = {kind: SkimRuntime.from_pretrained(folders[kind]) for kind in KINDS}
    # Without the name on the Hub, where these would pass for figures of the official test part.
    data = {name: value for name, value in study.data.items() if name != "hub_id"}
    scores = {
        kind: evaluate_answers(runtime, test, data=data, split="test", progress=True)
        for kind, runtime in runtimes.items()
    }
    scores["skim"]["dense"] = {"what": DENSE_TITLE, "metrics": scores["plain"]["metrics"]}
    timed = {"plain": {ADAPTIVE: runtimes["plain"]}}
    timed["skim"] = {ADAPTIVE: runtimes["skim"], DENSE: runtimes["plain"]}
    for kind, runtime in runtimes.items():
        sizes = {name: len(questions) for name, questions in splits.items()}
        results = ModelResults.of(
            folders[kind],
            training={**readers[kind].training, "data": dict(study.data), "splits": sizes},
            evaluation=scores[kind],
            latency=measure_answer_latency(timed[kind], spread(pairs, TIMED_TEXTS), rounds=1, progress=True),
            answer=describe_answer(runtime, study.question, study.context),
            predictions=describe_found_answers(runtime, spread(pairs, PREDICTED_TEXTS)),
        )
        licensed = {**results.model, "license": LICENSE}
        dataclasses.replace(results, model=licensed).save(folders[kind])


def measure_dtypes(folder: Path, questions: Questions) -> dict[str, Figures]:
    """A published model in every number format."""
    return {
        dtype: measure_point(SkimRuntime.from_pretrained(folder, dtype=dtype), questions) for dtype in DTYPES
    }


def time_readers(
    folders: Mapping[str, Path], questions: Questions, *, count: int, rounds: int
) -> dict[str, Any]:
    """Times question and context to answer of the published models, in turns; see `time_all`."""
    makers = {
        contestant(kind, dtype): partial(_answerer, folder, dtype)
        for kind, folder in folders.items()
        for dtype in DTYPES
    }
    return time_all(
        makers,
        spread(_pairs(questions), count),
        rounds=rounds,
        what="question and context to answer",
        words=lambda pair: len(pair[1].split()),
    )


def _answerer(folder: Path, dtype: str) -> Callable[[Pair], Any]:
    runtime = load_ours(folder, BACKEND, dtype)
    return lambda pair: runtime.answer(*pair)


def _pairs(questions: Questions) -> list[Pair]:
    return [(each.question, each.context) for each in questions]


def _made(reader: TrainedReader, slim: SlimModel) -> Figures:
    """How a model was trained, and what slimming cut."""
    told = ("command", "seed", "seconds", "recipe", "machine")
    return {
        **{name: reader.training[name] for name in told if name in reader.training},
        "words": slim.words,
        "words_cut": slim.words_cut,
        "bytes": slim.size,
        "bytes_before": slim.size_before,
    }
