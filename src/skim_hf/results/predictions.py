"""Predictions of some texts, kept beside a model so that whoever loads it can see that it does the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from skim_hf.results.files import ModelResults
from skim_hf.results.schema import Block
from skim_hf.runtime.classifier import SkimRuntime

TOLERANCE = 1e-4
"""How far scores may differ where the order of summation does; decisions and labels may not."""


def describe_predictions(runtime: SkimRuntime, texts: Iterable[str]) -> Block:
    """What a model makes of some texts.

    Args:
        runtime: The model; one that labels texts.
        texts: At least one.

    Returns:
        The block `predictions` of a result file: of every text its label and score, and how many of its
        tokens were read in full by at least half of the readers.

    Raises:
        TypeError: Not texts.
        ValueError: No texts, or a model that labels tokens or answers questions.
    """
    if runtime.config.labels_tokens or runtime.config.reader is not None:
        raise ValueError("Expected a model that labels texts; questions go to describe_found_answers.")
    return _block(runtime, "texts", [_labelled(runtime, text) for text in texts])


def describe_found_answers(
    runtime: SkimRuntime, questions: Iterable[tuple[str, str]], **options: Any
) -> Block:
    """What a model answers to some questions.

    Args:
        runtime: The model; one that answers questions.
        questions: Pairs of a question and its context; at least one.
        **options: Of `SkimRuntime.answer`.

    Returns:
        The block `predictions` of a result file: of every question its answer with score and place.

    Raises:
        TypeError: Not texts.
        ValueError: No questions, a model that labels texts, or an impossible option.
    """
    found = [_answered(runtime, question, context, options) for question, context in questions]
    return _block(runtime, "questions", found) | ({"options": options} if options else {})


def check_predictions(
    model: SkimRuntime | str | os.PathLike[str],
    stored: Block | str | os.PathLike[str] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> list[str]:
    """Compares what a model makes of texts with what was stored.

    Args:
        model: A folder, or a runtime however it is run; the threshold is the stored one.
        stored: The block `predictions`, or the result file, or folder, that holds it; of a folder its own if
            None.
        tolerance: How far scores may differ. The default is for the dtype that the predictions were made in.

    Returns:
        The differences, as sentences; none if the model does the same.

    Raises:
        FileNotFoundError: There are no results.
        ValueError: A damaged result file, or one without predictions, or a runtime with nothing to compare.

    Example:
        >>> check_predictions("model_cards/skim-lstm-imdb")  # doctest: +SKIP
        []
    """
    if isinstance(model, SkimRuntime):
        runtime = model
    else:
        runtime, stored = SkimRuntime.from_pretrained(model), model if stored is None else stored
    if stored is None:
        raise ValueError("Give what a runtime is to be compared with: a block of predictions, or its folder.")
    block = stored if isinstance(stored, dict) else ModelResults.load(stored).predictions or {}
    texts, questions = block.get("texts", []), block.get("questions", [])
    if not texts and not questions:
        raise ValueError(f"{stored!r:.80} holds no predictions. Make them with describe_predictions.")
    runtime = runtime.with_threshold(block["threshold"])
    found = [_labelled(runtime, entry["text"]) for entry in texts]
    options = block.get("options", {})
    found += [_answered(runtime, entry["question"], entry["context"], options) for entry in questions]
    return prediction_differences([*texts, *questions], found, tolerance=tolerance)


def prediction_differences(
    stored: Sequence[Block], found: Sequence[Block], *, tolerance: float = TOLERANCE
) -> list[str]:
    """Compares entries of two lists of predictions, whatever made them.

    Args:
        stored: Entries of the block `predictions`.
        found: As many, each with some of the keys of a stored one.
        tolerance: How far scores may differ; all else must be equal.

    Returns:
        The differences, as sentences.

    Raises:
        ValueError: Lists of different lengths.
    """
    if len(stored) != len(found):
        raise ValueError(f"Expected {len(stored)} predictions, as many as are stored; got {len(found)}.")
    return [
        f"{name} of {_name(entry)!r:.60} is {value!r}; stored was {entry[name]!r}"
        for entry, other in zip(stored, found, strict=True)
        for name, value in other.items()
        if (abs(value - entry[name]) > tolerance if name == "score" else value != entry[name])
    ]


def _block(runtime: SkimRuntime, name: str, entries: list[Block]) -> Block:
    if not entries:
        raise ValueError(f"Expected at least one of the {name}; got none.")
    settings = {
        "threshold": runtime.threshold,
        "backend": runtime.backend,
        "dtype": runtime.options.dtype,
    }
    return {**settings, name: entries}


def _labelled(runtime: SkimRuntime, text: str) -> Block:
    trace = runtime.trace(text)
    read = sum(token.is_read for token in trace.tokens)
    return {
        "text": text,
        "label": trace.label,
        "score": trace.score,
        "read": read,
        "tokens": len(trace.tokens),
    }


def _answered(runtime: SkimRuntime, question: str, context: str, options: Block) -> Block:
    return {"question": question, "context": context, **runtime.answer(question, context, **options)}


def _name(entry: Block) -> str:
    name: str = entry["text"] if "text" in entry else entry["question"]
    return name
