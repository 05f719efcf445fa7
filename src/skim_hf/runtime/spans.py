"""The best spans of a text by the scores of their ends, in time linear in the text."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]

# Minus the score, start and end of a span; it is the best of those that end in the range that follows.
Candidate = tuple[float, int, int, int, int]


class Span(NamedTuple):
    """Some neighbouring tokens.

    Attributes:
        start: Number of the first token.
        end: Number of the last token, which belongs to the span.
        score: Score of its start plus score of its end.
    """

    start: int
    end: int
    score: float


def best_spans(
    start_scores: ArrayLike, end_scores: ArrayLike, *, max_length: int, count: int = 1
) -> list[Span]:
    """Finds the spans s <= e < s + `max_length` with the highest `start_scores[s] + end_scores[e]`.

    Time is that of T tokens plus, for each span, that of `max_length`.

    Args:
        start_scores: [T], a logit or log-probability of each token to begin the answer. Minus infinity
            forbids a token.
        end_scores: [T], the same to end it.
        max_length: Tokens that a span has at most.
        count: Spans to find.

    Returns:
        The best spans first, of equal ones the one that begins, then ends earlier; fewer than `count` if
        there are no more.

    Raises:
        ValueError: Scores of different or wrong shapes, NaN or infinite ones, or a number below 1.

    Example:
        >>> best_spans([0.0, 2.0, 1.0], [3.0, 0.0, 2.0], max_length=2, count=2)
        [Span(start=1, end=2, score=4.0), Span(start=0, end=0, score=3.0)]
    """
    starts, ends = _checked(start_scores, end_scores, max_length, count)
    best = starts + _window_maxima(ends, min(max_length, len(ends))) if len(ends) else starts
    heap: list[Candidate] = []
    for start in _highest(best, count).tolist():
        _push(heap, starts, ends, start, start, min(start + max_length, len(ends)))
    found: list[Span] = []
    while heap and len(found) < count:
        loss, start, end, first, stop = heapq.heappop(heap)
        found.append(Span(start, end, -loss))
        # The next best span of this start ends before or after this one.
        _push(heap, starts, ends, start, first, end)
        _push(heap, starts, ends, start, end + 1, stop)
    return found


def _push(heap: list[Candidate], starts: Scores, ends: Scores, start: int, first: int, stop: int) -> None:
    """Adds the best span of a start whose end is at least `first` and below `stop`, if one is allowed."""
    if first < stop:
        scores = starts[start] + ends[first:stop]
        at = int(scores.argmax())
        if scores[at] > -np.inf:
            heapq.heappush(heap, (-float(scores[at]), start, first + at, first, stop))


def _window_maxima(values: Scores, width: int) -> Scores:
    """[T], the maximum of `values[i : i + width]` for every i.

    Cut into blocks of `width`, every window is the end of a block and the beginning of the next, so running
    maxima from both sides are all that is needed: three steps per value, whatever the width.
    """
    count = len(values)
    blocks = np.full((-(-count // width) + 1, width), -np.inf)
    blocks.reshape(-1)[:count] = values
    from_left = np.maximum.accumulate(blocks, axis=1).reshape(-1)
    from_right = np.maximum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    maxima: Scores = np.maximum(from_right[:count], from_left[width - 1 : width - 1 + count])
    return maxima


def _highest(values: Scores, count: int) -> NDArray[np.intp]:
    """Places of the `count` highest values, of equal ones the first."""
    if count >= len(values):
        return np.arange(len(values))
    bound = np.partition(values, -count)[-count]
    above = np.flatnonzero(values > bound)
    return np.concatenate([above, np.flatnonzero(values == bound)[: count - len(above)]])


def _checked(start: ArrayLike, end: ArrayLike, max_length: int, count: int) -> tuple[Scores, Scores]:
    for name, number in (("max_length", max_length), ("count", count)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1; got {number}.")
    starts, ends = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise ValueError(
            "Expected one score per token for the start and one for the end, two arrays [T]; got shapes "
            f"{list(starts.shape)} and {list(ends.shape)}. Give one text at a time."
        )
    for name, scores in (("start_scores", starts), ("end_scores", ends)):
        wrong = np.flatnonzero(np.isnan(scores) | (scores == np.inf))
        if len(wrong):
            raise ValueError(
                f"{name} must be finite, or minus infinity where a token is forbidden; got "
                f"{scores[wrong[0]]} for token {wrong[0]}."
            )
    return starts, ends
