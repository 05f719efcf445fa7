"""The characters of words as numbers, without a vocabulary to keep."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PADDING = 0


def character_ids(text: str, offsets: ArrayLike, *, width: int, rows: int) -> NDArray[np.int64]:
    """The first characters of every token, as they stand in the text, capitals included.

    A code point c has the id c + 1 as long as that is below `rows` - 1; all others share the last id. With
    258 rows every character of Latin-1 has its own, with 1,330 those of Greek and Cyrillic too.

    Args:
        text: The text.
        offsets: [T, 2], where each token begins and ends in it, in code points.
        width: Characters of a token that are kept, at least 1.
        rows: Rows of the table that the ids index: padding, characters and all others, so at least 3.

    Returns:
        [T, width]; 0 behind the end of a token.

    Raises:
        ValueError: A number out of range.

    Example:
        >>> character_ids("Ada", [(0, 3)], width=4, rows=258).tolist()
        [[66, 101, 98, 0]]
    """
    if width < 1 or rows < 3:
        raise ValueError(
            f"Expected at least 1 character per token and 3 rows of characters; got {width} and {rows}."
        )
    # A lone surrogate is a code point like any other here.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    places: NDArray[Any] = np.asarray(offsets, np.int64).reshape(-1, 2)
    at = places[:, :1] + np.arange(width)
    ids = np.minimum(codes[np.minimum(at, len(codes) - 1)] + 1, rows - 1) if len(codes) else np.zeros_like(at)
    return np.where(at < places[:, 1:], ids, PADDING)
