"""Token ids and frames of features as they come from callers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def check_ids(ids: ArrayLike, vocab_size: int) -> NDArray[np.int64]:
    """Token ids of one text as an array, [T].

    Args:
        ids: Integers.
        vocab_size: What they have to be below.

    Raises:
        ValueError: Not a list of integers from 0 to `vocab_size` - 1.
    """
    tokens = np.asarray(ids)
    if tokens.size == 0:
        return np.zeros(0, np.int64)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise ValueError(
            "Expected one text as a list of token ids (integers); "
            f"got {tokens.dtype} of shape {tokens.shape}."
        )
    numbers = tokens.astype(np.int64, copy=False)
    # Seen as unsigned, negative numbers are the largest of all: one comparison catches both ends.
    if numbers.view(np.uint64).max() >= vocab_size:
        raise ValueError(
            f"Token ids must be from 0 to {vocab_size - 1}, the rows of the embedding table; "
            f"got {tokens.min()} to {tokens.max()}."
        )
    return numbers


def check_frames(frames: ArrayLike, width: int, dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Frames of one sequence of features as an array, [T, width].

    What they hold is not looked at, because frames that are skipped may hold anything.

    Args:
        frames: Numbers.
        width: Features per frame, the configuration's `input_size`.
        dtype: Of the result.

    Raises:
        ValueError: Not such numbers, or frames of another width.
    """
    array = np.asarray(frames)
    if array.size == 0 and array.ndim < 2:
        return np.zeros((0, width), dtype)
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind not in "iuf":
        raise ValueError(
            f"Expected one sequence of features as numbers of shape [frames, {width}] (input_size={width}); "
            f"got {array.dtype} of shape {list(array.shape)}."
        )
    return np.ascontiguousarray(array, dtype)
