"""Answers in long texts: windows, and one list of answers out of the scores of all windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.spans import best_spans


def window_bounds(length: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Cuts a text into windows that overlap.

    Together they cover all tokens, and every span of up to `stride` + 1 tokens lies within one of them.

    Args:
        length: Tokens of the text.
        size: Tokens of a window; the last may have fewer.
        stride: Tokens that two neighbouring windows share, as `stride` of the tokenizers of transformers.

    Returns:
        First token of each window and the one behind its last. An empty text has one empty window.

    Raises:
        ValueError: A size below 1, or a stride that is negative or not below the size.

    Example:
        >>> window_bounds(10, 5, 2)
        [(0, 5), (3, 8), (6, 10)]
    """
    if size < 1 or not 0 <= stride < size:
        raise ValueError(
            "A window needs at least 1 token, and neighbours must share fewer tokens than a window has; got "
            f"windows of {size} and a stride of {stride}."
        )
    return [(first, min(first + size, length)) for first in range(0, max(length - stride, 1), size - stride)]


@dataclass(frozen=True)
class WindowScores:
    """What a model says about one window of a text.

    Attributes:
        start_logits: [T], of each token to begin the answer.
        end_logits: [T], of each token to end it.
        offsets: [T, 2] int, where each token begins and ends in the whole text, in code points.
    """

    start_logits: NDArray[Any]
    end_logits: NDArray[Any]
    offsets: NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """An answer and its place.

    Attributes:
        text: The answer; empty if the text has none.
        score: Probability of its start times that of its end, softmax over the tokens of all windows.
        start: Where it begins in the text, in code points.
        end: Where it ends; `context[start:end]` is the answer.
    """

    text: str
    score: float
    start: int
    end: int


NO_ANSWER = Answer("", 0.0, 0, 0)


def find_answers(
    context: str,
    windows: Iterable[WindowScores],
    *,
    max_length: int,
    count: int = 1,
    null_answers: bool = False,
    null_threshold: float = 0.0,
) -> list[Answer]:
    """Finds the best answers in a text by the scores of its windows.

    A span is worth the sum of its logits, in the window where that is highest.

    Args:
        context: The text.
        windows: Their scores; see `WindowScores`.
        max_length: Tokens that an answer has at most.
        count: Answers to return.
        null_answers: Whether the first token of each window is the one that says "no answer here". The text
            has no answer if no window says otherwise, so the lowest of these scores counts.
        null_threshold: By how much this score has to exceed that of the best span.

    Returns:
        The best answers first, of equal ones the one that begins, then ends earlier; at least one, which is
        empty with score 0 where there are no tokens.

    Raises:
        ValueError: See `best_spans`.
    """
    parts = list(windows)
    norm = sum(
        _log_sum_exp([getattr(part, name) for part in parts]) for name in ("start_logits", "end_logits")
    )
    skipped = int(null_answers)
    # Negated, so that the smallest comes first; of places that several windows see, the best stays.
    losses: dict[tuple[int, int], float] = {}
    for part in parts:
        spans = best_spans(
            part.start_logits[skipped:], part.end_logits[skipped:], max_length=max_length, count=count
        )
        for span in spans:
            place = int(part.offsets[span.start + skipped, 0]), int(part.offsets[span.end + skipped, 1])
            losses[place] = min(losses.get(place, np.inf), -span.score)
    ranked = [
        (loss, Answer(context[start:end], float(np.exp(-loss - norm)), start, end))
        for (start, end), loss in losses.items()
    ]
    if null_answers:
        null = _null_score(parts)
        ranked.append((null_threshold - null, Answer("", float(np.exp(null - norm)), 0, 0)))
    # A span as good as the null answer comes first, since the latter has to exceed it.
    ranked.sort(key=lambda item: (item[0], item[1].text == "", item[1].start, item[1].end))
    return [answer for _, answer in ranked[:count]] or [NO_ANSWER]


def null_margin(windows: Iterable[WindowScores], *, max_length: int) -> float:
    """By how much the null answer is better than the best span; see `find_answers` with `null_answers`.

    Args:
        windows: The scores of a text, with a null token in front of each window.
        max_length: Tokens that an answer has at most.

    Returns:
        The null score minus that of the best span; infinity where there is no span.
    """
    parts = list(windows)
    found = [best_spans(part.start_logits[1:], part.end_logits[1:], max_length=max_length) for part in parts]
    best = max((span.score for spans in found for span in spans), default=-np.inf)
    return _null_score(parts) - best


def _null_score(windows: Sequence[WindowScores]) -> float:
    """The lowest of all windows, since one that sees an answer is enough."""
    return min(float(part.start_logits[0]) + float(part.end_logits[0]) for part in windows)


def _log_sum_exp(arrays: Sequence[NDArray[Any]]) -> float:
    values = np.concatenate([np.zeros(0), *arrays]).astype(np.float64)
    if not len(values) or values.max() == -np.inf:
        return 0.0
    return float(values.max() + np.log(np.exp(values - values.max()).sum()))
