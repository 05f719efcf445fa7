"""Where in its texts a model reads, and which words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from skim_hf.results.progress import with_bar
from skim_hf.results.schema import Block
from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.classifier import SkimRuntime

PARTS = 10


def where_read(
    runtime: SkimRuntime, texts: str | Iterable[str], *, words: int = 20, progress: bool = False
) -> Block:
    """Which parts of texts, and which tokens, a model reads in full.

    Args:
        runtime: The model.
        texts: At least one with words.
        words: How many tokens are listed.
        progress: Whether to show a progress bar.

    Returns:
        `texts`, `tokens`, `read` (share of the tokens that were read in full), `tenths` (the same share in
        each tenth of the texts, from their beginnings to their ends; None for one without tokens), and
        `words`: the tokens that were read most often, each with `token`, `read` and `seen`, how often. With
        several readers a token counts as read where at least half of them read it; a selective one reads
        where it updates any unit.

    Raises:
        TypeError: Not text.
        ValueError: No text with words.
    """
    read, seen = Counter[str](), Counter[str]()
    places = np.zeros((PARTS, 2), np.int64)
    texts = check_texts(texts)
    for text in with_bar(texts, "Reading", " texts", shown=progress):
        tokens = runtime.trace(text).tokens
        seen.update(token.token for token in tokens)
        read.update(token.token for token in tokens if token.is_read)
        for place, token in enumerate(tokens):
            places[PARTS * place // len(tokens)] += token.is_read, 1
    if not seen:
        raise ValueError("Expected at least one text with words; got none.")
    return {
        "texts": len(texts),
        "tokens": seen.total(),
        "read": read.total() / seen.total(),
        "tenths": [number / total if total else None for number, total in places.tolist()],
        "words": [
            {"token": token, "read": number, "seen": seen[token]} for token, number in read.most_common(words)
        ],
    }
