"""Questions and contexts as token ids with places, and the tokens of an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from skim_hf.runtime.splitting import printable
from skim_hf.tables import Question

Array = NDArray[Any]

TEXTS_AT_ONCE = 1000


def answer_tokens(question: Question, offsets: Array) -> tuple[int, int] | None:
    """Finds the tokens of the first answer whose place is known.

    Args:
        question: The question.
        offsets: [T, 2], where each token of its context begins and ends.

    Returns:
        First and last token that has a character of the answer. None if no place is known, or if no token
        has one, as in an answer of blanks.
    """
    place = next(((text, start) for text, start in question.answers if text and start is not None), None)
    if place is None:
        return None
    text, start = place
    first = int(np.searchsorted(offsets[:, 1], start, side="right"))
    last = int(np.searchsorted(offsets[:, 0], start + len(text), side="left")) - 1
    return (first, last) if first <= last else None


def encode_texts(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, limit: int | None = None
) -> dict[str, tuple[Array, Array]]:
    """Tokenizes texts of any length.

    Args:
        texts: Any texts, also with lone surrogates; one that comes often, as a context of several questions
            does, is tokenized once.
        tokenizer: A fast tokenizer.
        limit: Tokens that are kept; None for all.

    Returns:
        By text the ids, [T] int32, and where each token begins and ends in code points, [T, 2] int32.
    """
    distinct = list(dict.fromkeys(texts))
    encoded: dict[str, tuple[Array, Array]] = {}
    for at in range(0, len(distinct), TEXTS_AT_ONCE):
        some = distinct[at : at + TEXTS_AT_ONCE]
        # Long texts are meant to be cut later, which is nothing to warn of.
        found = tokenizer(
            [printable(text) for text in some],
            add_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        for text, ids, offsets in zip(some, found["input_ids"], found["offset_mapping"], strict=True):
            places = np.array(offsets, np.int32).reshape(-1, 2)
            encoded[text] = np.array(ids, np.int32)[:limit], places[:limit]
    return encoded
