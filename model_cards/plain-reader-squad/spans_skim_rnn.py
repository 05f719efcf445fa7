"""Spans of a context: the loss of their two ends, and whether they can be there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def check_spans(starts: Tensor | None, ends: Tensor | None, mask: Tensor) -> None:
    """Refuses answers that are not in their contexts; both positions below 0 say that there is none.

    Args:
        starts: [B] int64.
        ends: [B] int64, the last token of each answer.
        mask: [B, T] bool, real tokens.

    Raises:
        ValueError: Another shape, an end before its start, or a position that is no real token.
    """
    batch, length = mask.shape
    if starts is None or ends is None:
        raise ValueError("start_positions and end_positions go together: give both, or none for no loss.")
    for name, positions in (("start_positions", starts), ("end_positions", ends)):
        if positions.shape != (batch,):
            raise ValueError(f"{name} must have the shape [{batch}]; got {list(positions.shape)}.")
    absent = (starts < 0) & (ends < 0)
    inside = (starts >= 0) & (starts <= ends) & (ends < length)
    if length:
        places = torch.stack([starts, ends], 1).clamp(0, length - 1)
        inside = inside & mask.gather(1, places).all(1)
    wrong = ~(absent | inside)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(
            "start_positions and end_positions must be real tokens of the context, the start not after the "
            "end, or -100 both where the context has no answer; "
            f"got {int(starts[row])} and {int(ends[row])} in row {row}, which has "
            f"{int(mask[row].sum())} real tokens among {length}."
        )


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """-log p_start - log p_end, mean over the contexts that have an answer; 0 if none has (0-dim).

    Args:
        start_logits: [B, T].
        end_logits: [B, T].
        starts: [B] int64, below 0 without an answer.
        ends: [B] int64.
    """
    total = start_logits.new_zeros((), dtype=torch.promote_types(start_logits.dtype, torch.float32))
    for logits, positions in ((start_logits, starts), (end_logits, ends)):
        if logits.shape[1]:
            wanted = positions.clamp(min=-1)
            total = total + functional.cross_entropy(
                logits.to(total.dtype), wanted, ignore_index=-1, reduction="sum"
            )
    return total / (starts >= 0).sum().clamp(min=1)
