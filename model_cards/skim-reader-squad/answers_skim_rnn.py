"""From a question's texts to what its model takes, and from the scores of tokens to answers.

The same windows, characters and answers as `skim_hf.runtime.answers`, `characters` and `spans`, which do
not travel with the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_NO_ANSWER: dict[str, Any] = {"score": 0.0, "start": 0, "end": 0, "answer": ""}


def window_bounds(length: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Cuts a text into windows that overlap by `stride` tokens; together they cover it.

    Args:
        length: Tokens of the text.
        size: Tokens of a window.
        stride: Tokens that neighbours share, below `size`.

    Returns:
        First token of each window and the one behind its last. An empty text has one empty window.
    """
    return [(first, min(first + size, length)) for first in range(0, max(length - stride, 1), size - stride)]


def character_ids(text: str, offsets: Tensor, *, width: int, rows: int) -> Tensor:
    """The first characters of every token: code point c is c + 1, or the last row beyond the table.

    Args:
        text: The text.
        offsets: [T, 2] int64, where each token begins and ends in it, in code points.
        width: Characters of a token that are kept.
        rows: Rows of the table that the ids index.

    Returns:
        [T, width] int64; 0 behind the end of a token.
    """
    # One more, so that an empty text has something to index.
    codes = torch.tensor([*map(ord, text), 0])
    places = offsets[:, :1] + torch.arange(width)
    ids = (codes[places.clamp(max=len(codes) - 1)] + 1).clamp(max=rows - 1)
    return ids.masked_fill(places >= offsets[:, 1:], 0)


class WindowScores(NamedTuple):
    """What a model says about the T tokens of a window.

    Attributes:
        start: [T] float64, logits to begin the answer.
        end: [T] float64, logits to end it.
        offsets: [T, 2] int64, where each token begins and ends in the whole text.
    """

    start: Tensor
    end: Tensor
    offsets: Tensor


def best_spans(start: Tensor, end: Tensor, max_length: int, count: int) -> list[tuple[float, int, int]]:
    """The spans s <= e < s + `max_length` with the highest `start[s] + end[e]`, by looking at all of them.

    Args:
        start: [T].
        end: [T].
        max_length: Tokens that a span has at most.
        count: Spans to find.

    Returns:
        Score, first and last token, the best first, of equal ones the one that begins, then ends earlier.
    """
    tokens = len(start)
    width = min(max_length, tokens)
    if not tokens:
        return []
    ends = torch.cat([end, end.new_full((width - 1,), -torch.inf)]).unfold(0, width, 1)
    scores, order = (start[:, None] + ends).flatten().sort(descending=True, stable=True)
    found = zip(scores[:count].tolist(), order[:count].tolist(), strict=True)
    return [(score, at // width, at // width + at % width) for score, at in found if score > -torch.inf]


def find_answers(
    context: str,
    windows: Sequence[WindowScores],
    *,
    max_length: int,
    count: int = 1,
    null_answers: bool = False,
    null_threshold: float = 0.0,
) -> list[dict[str, Any]]:
    """The best answers in a text by the scores of its windows.

    Args:
        context: The text.
        windows: At least one.
        max_length: Tokens that an answer has at most.
        count: Answers to return.
        null_answers: Whether the first token of each window says "no answer here".
        null_threshold: By how much its score has to exceed that of the best span.

    Returns:
        Dictionaries with `score`, `start`, `end` and `answer`, the best first; at least one, which is empty
        with score 0 where there are no tokens. The score is the product of the probabilities of both ends,
        softmax over the tokens of all windows.
    """
    if not any(len(window.start) for window in windows):
        return [dict(_NO_ANSWER)]
    norm = sum(float(torch.cat([w[side] for w in windows]).logsumexp(0)) for side in (0, 1))
    skipped = int(null_answers)
    # Of places that several windows see, the best stays.
    best: dict[tuple[int, int], float] = {}
    for start, end, offsets in windows:
        for score, first, last in best_spans(start[skipped:], end[skipped:], max_length, count):
            place = int(offsets[first + skipped, 0]), int(offsets[last + skipped, 1])
            best[place] = max(best.get(place, -torch.inf), score)
    # Whether a span is the null answer comes second: that one has to exceed all others.
    ranked = [(-score, False, place, score) for place, score in best.items()]
    if null_answers:
        null = min(float(window.start[0] + window.end[0]) for window in windows)
        ranked.append((null_threshold - null, True, (0, 0), null))
    scores = torch.tensor([score for *_, score in sorted(ranked)[:count]], dtype=torch.float64) - norm
    return [
        {"score": score, "start": start, "end": end, "answer": context[start:end]}
        for (_, _, (start, end), _), score in zip(sorted(ranked), scores.exp().tolist(), strict=False)
    ]
