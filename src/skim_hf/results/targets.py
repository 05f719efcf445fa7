"""Labels of a data set as the numbers that a model's outputs are scored against."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.results.scores import IGNORED_LABEL, MULTI, REGRESSION, problem_type
from skim_hf.runtime.config import RuntimeConfig


def kind_of(config: RuntimeConfig) -> str:
    """What kind of labels a model has, by its configuration; those of tokens are single labels."""
    return problem_type(None if config.labels_tokens else config.problem_type, len(config.labels))


def targets(config: RuntimeConfig, labels: Iterable[Any], lengths: Sequence[int]) -> NDArray[Any]:
    """Turns the labels of texts into numbers.

    Args:
        config: Of the model.
        labels: One per text. A label is named or given by its id. Several labels per text come as a list
            of names, or of a 0 or 1 for every label; a regression takes numbers; where every token gets a
            label, a list with one for each token that the model reads (-100 is left out of the scores).
        lengths: Tokens of each text.

    Returns:
        [N] ids or numbers, [N, labels] of 0 and 1 or of numbers, or the ids of all tokens, [sum of lengths].

    Raises:
        ValueError: Not one label per text (or token), or one that the model does not have.
    """
    rows = list(labels)
    if len(rows) != len(lengths):
        raise ValueError(f"Expected one label per text; got {len(rows)} for {len(lengths)} texts.")
    if config.labels_tokens:
        return _of_tokens(config.labels, rows, lengths)
    kind = kind_of(config)
    if kind == REGRESSION:
        return _numbers(config, rows)
    if kind == MULTI:
        return np.array([_several(config.labels, row, place) for place, row in enumerate(rows)])
    return np.array([_one(config.labels, row, f"text {place}") for place, row in enumerate(rows)])


def _of_tokens(names: tuple[str, ...], rows: list[Any], lengths: Sequence[int]) -> NDArray[Any]:
    found = []
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        if isinstance(row, str) or len(row) != length:
            raise ValueError(
                f"Expected a label for each of the {length} tokens of text {place}; got {row!r:.80}. "
                "Tokens are those of the model's own tokenizer: see clf.trace(text).tokens."
            )
        found += [_one(names, label, f"text {place}", (IGNORED_LABEL,)) for label in row]
    return np.array(found, dtype=np.int64)


def _one(names: tuple[str, ...], label: Any, place: str, others: tuple[int, ...] = ()) -> int:
    # As in training, a label is its name written out; ids are for data whose labels have become numbers.
    if str(label) in names:
        return names.index(str(label))
    try:
        number = operator.index(label)
    except TypeError:
        number = -1
    if number not in others and not 0 <= number < len(names):
        known = ", ".join(map(repr, names))
        raise ValueError(f"Expected one of the labels {known}, or its id, for {place}; got {label!r}.")
    return number


def _several(names: tuple[str, ...], row: Any, place: int) -> list[int]:
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise ValueError(f"Expected a list of labels for text {place}; got {row!r:.80}.")
    row = list(row)
    if len(row) == len(names) and all(not isinstance(item, str) and item in (0, 1) for item in row):
        return [int(item) for item in row]
    ids = {_one(names, item, f"text {place}") for item in row}
    return [int(number in ids) for number in range(len(names))]


def _numbers(config: RuntimeConfig, rows: list[Any]) -> NDArray[Any]:
    try:
        numbers = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected a number for every text, as this model is a regression: {error}."
        ) from error
    width = len(config.labels)
    if numbers.shape not in [(len(rows), width), *([(len(rows),)] if width == 1 else [])]:
        raise ValueError(f"Expected {width} number(s) for every text; got the shape {list(numbers.shape)}.")
    if not np.isfinite(numbers).all():
        raise ValueError("Expected finite numbers for every text; got NaN or infinity.")
    return numbers
