"""How long a text takes from string to label, or a question from strings to answer."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from skim_hf.results.machine import command_line, describe_machine
from skim_hf.results.schema import Block
from skim_hf.results.turns import Contestant, ratios, summarise, take_turns
from skim_hf.runtime.answering import pair_texts
from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.classifier import SkimRuntime

ADAPTIVE, DENSE = "adaptive", "dense"
"""Contestants of a result file's block: the model itself, and one that reads everything."""


def measure_latency(
    runtimes: Mapping[str, SkimRuntime],
    texts: Any,
    *,
    rounds: int = 5,
    progress: bool = False,
) -> Block:
    """Times runtimes in turns on the same texts, one text at a time, on one thread.

    Args:
        runtimes: By name; `adaptive` and `dense` where the block is meant for a result file.
        texts: At least one; for models of features, arrays of the shape [steps, input_size].
        rounds: How often every text is read.
        progress: Whether to show a progress bar.

    Returns:
        Per runtime median, 99th percentile and minimum over all turns in microseconds per text, and how
        many times faster than each other one it was, as the median of the ratios within turns; the length
        of the texts, and machine and command. Words are what stands between blanks, tokens what is read;
        of features both are steps.

    Raises:
        TypeError: Not text.
        ValueError: Nothing to time or to read, or runtimes of several threads, backends or dtypes.
    """
    first = next(iter(runtimes.values()), None)
    texts = check_texts(texts, first.encoder if first else None)
    contestants = {name: Contestant(runtime) for name, runtime in runtimes.items()}
    return _measure(runtimes, contestants, texts, texts, rounds, progress)


def measure_answer_latency(
    runtimes: Mapping[str, SkimRuntime],
    questions: Iterable[tuple[str, str]],
    *,
    rounds: int = 5,
    progress: bool = False,
    **options: Any,
) -> Block:
    """Times runtimes that answer questions, as `measure_latency` does those that label texts.

    Args:
        runtimes: By name.
        questions: Pairs of a question and its context; at least one.
        rounds: How often every question is answered.
        progress: Whether to show a progress bar.
        **options: Of `SkimRuntime.answer`.

    Returns:
        The block of `measure_latency`; texts are the contexts.

    Raises:
        TypeError: Not texts, or no such option.
        ValueError: Nothing to time or to read, a model that labels texts, an impossible option, or runtimes
            of several threads, backends or dtypes.
    """
    given = list(questions)
    pairs = pair_texts([question for question, _ in given], [context for _, context in given])

    def answering(runtime: SkimRuntime) -> Contestant:
        return Contestant(lambda pair: runtime.answer(*pair, **options))

    contestants = {name: answering(runtime) for name, runtime in runtimes.items()}
    return _measure(runtimes, contestants, pairs, [context for _, context in pairs], rounds, progress)


def _measure(
    runtimes: Mapping[str, SkimRuntime],
    contestants: Mapping[str, Contestant],
    inputs: Sequence[Any],
    texts: Sequence[Any],
    rounds: int,
    progress: bool,
) -> Block:
    """The block of contestants who take turns on inputs, which are these texts or about them."""
    first = next(iter(runtimes.values()), None)
    if first is None or not texts or rounds < 1:
        raise ValueError(
            "Expected at least one runtime, one text and one round; "
            f"got {len(runtimes)}, {len(texts)} and {rounds}."
        )
    times = take_turns(contestants, inputs, rounds * len(inputs), "Latency", progress=progress)
    return {
        "what": _what(first),
        "backend": _common("backends", {runtime.backend for runtime in runtimes.values()}),
        "dtype": _common("dtypes", {runtime.options.dtype for runtime in runtimes.values()}),
        "threads": 1,
        "texts": len(texts),
        "words_per_text": statistics.fmean(map(_words, texts)),
        "tokens_per_text": statistics.fmean(len(first.encode(text)) for text in texts),
        "rounds": rounds,
        "contestants": {
            name: {
                **summarise(times[name].values()),
                "times_faster_than": ratios(times, name, [other for other in runtimes if other != name]),
            }
            for name in runtimes
        },
        "machine": describe_machine(),
        "command": command_line(),
    }


def _what(runtime: SkimRuntime) -> str:
    if runtime.config.reader is not None:
        return "question and context to answer, one question at a time, one thread"
    return f"{_inputs(runtime)} to label, one text at a time, one thread"


def _inputs(runtime: SkimRuntime) -> str:
    return "features" if runtime.config.reads_features else "string"


def _words(text: Any) -> int:
    return len(text.split() if isinstance(text, str) else text)


def _common(what: str, found: set[str]) -> str:
    if len(found) > 1:
        raise ValueError(f"Expected runtimes of one kind; got the {what} {', '.join(sorted(found))}.")
    return found.pop()
