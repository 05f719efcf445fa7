"""Shares and counts of decisions.

Decisions are integers: 0 read, j >= 1 the j-th small cell or a copy, -1 padding or a token never visited.
They come as any nesting of sequences, or as an array or tensor with a `tolist` method. Rates here are shares
of the decisions that were made: a -1 says nothing of whether there was a token, so of a model that jumps take
the `skim_rate` that it returns, which counts every token passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from skim_hf.costs.shapes import check_size


def choice_counts(decisions: Any, num_choices: int | None = None) -> list[int]:
    """Counts how often each choice was taken.

    Args:
        decisions: Decisions of one reader, of any nesting; -1 is left out.
        num_choices: k, the length of the result; the largest choice seen decides where it is None.

    Returns:
        k counts, the full update first.

    Raises:
        TypeError: A decision that is not an integer.
        ValueError: A decision below -1, or one that a reader of k choices cannot take.

    Example:
        >>> choice_counts([0, 1, 1, 0, 1, -1])
        [2, 3]
    """
    highest = None
    if num_choices is not None:
        check_size("num_choices", num_choices, low=1)
        highest = num_choices - 1
    counts = [0] * (num_choices or 1)
    for decision in _flat(decisions):
        check_size("each decision", decision, low=-1, high=highest)
        if decision >= len(counts):
            counts += [0] * (decision + 1 - len(counts))
        if decision >= 0:
            counts[decision] += 1
    return counts


def skim_rate(decisions: Any) -> float:
    """Computes the skim rate of one text.

    Args:
        decisions: Decisions of the text: tokens, or tokens x readers.

    Returns:
        The share of its tokens that were not fully read, the mean over readers; 0.0 for a text
        without tokens.

    Raises:
        TypeError: A decision that is not an integer.
        ValueError: A decision below -1.
    """
    counts = choice_counts(decisions)
    tokens = sum(counts)
    return (tokens - counts[0]) / tokens if tokens else 0.0


def skim_rate_macro(texts: Any) -> float:
    """Averages the skim rates of texts, every text counting alike.

    Args:
        texts: Decisions of each text: texts x tokens, or texts x tokens x readers.

    Returns:
        The mean rate; 0.0 when there is no text.

    Raises:
        TypeError: A decision that is not an integer.
        ValueError: A decision below -1.
    """
    rates = [skim_rate(text) for text in _items(texts)]
    return sum(rates) / len(rates) if rates else 0.0


def skim_rate_micro(texts: Any) -> float:
    """Computes the skim rate over all tokens of all texts, every token counting alike.

    Args:
        texts: Decisions of each text: texts x tokens, or texts x tokens x readers.

    Returns:
        Skimmed tokens / all tokens; 0.0 when there is no token.

    Raises:
        TypeError: A decision that is not an integer.
        ValueError: A decision below -1.
    """
    return skim_rate(texts)


def _items(values: Any) -> Iterable[Any]:
    items = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(items, Iterable) or isinstance(items, (str, bytes)):
        raise TypeError(f"expected a sequence of decisions, got {values!r} of type {type(values).__name__}")
    return items


def _flat(values: Any) -> Iterator[Any]:
    for item in _items(values):
        # Arrays and their scalars both have tolist; only the scalars turn into a plain number.
        plain = item.tolist() if hasattr(item, "tolist") else item
        if isinstance(plain, Iterable):
            yield from _flat(plain)
        else:
            yield plain
