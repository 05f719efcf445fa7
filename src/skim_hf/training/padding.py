"""Arrays of uneven length as one tensor with a mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike


def pad_arrays(
    rows: Sequence[ArrayLike], *, dtype: torch.dtype, inner: Sequence[int] = (), fill: float = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pads arrays on the right to a common length of at least 1.

    Args:
        rows: B arrays of the shape [T, *inner], each with a T of its own, also 0.
        dtype: Of the tensor.
        inner: Shape of an entry.
        fill: What padding holds.

    Returns:
        The tensor `[B, T, *inner]`, and `[B, T]` int64 with 1 where it holds an entry, 0 for padding.
    """
    tensors = [torch.as_tensor(row, dtype=dtype).reshape(-1, *inner) for row in rows]
    longest = max([1, *map(len, tensors)])
    padded = torch.full((len(tensors), longest, *inner), fill, dtype=dtype)
    mask = torch.zeros(len(tensors), longest, dtype=torch.int64)
    for row, each in enumerate(tensors):
        padded[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return padded, mask
