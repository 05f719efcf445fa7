"""Attention between the words of a context and those of a question."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over those of the last dimension that count; the others get 0, all of them if none counts.

    Args:
        scores: [..., n].
        mask: bool, of a shape that goes with it.
    """
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(-1).masked_fill(~mask, 0)


class Similarity(nn.Module):
    """s_tj = w^T [x_t; q_j; x_t * q_j], without ever holding the [B, T, J, 3 width] it multiplies.

    Args:
        width: Of a word of the context and of one of the question.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        # No bias: it would add the same to all scores, which no softmax sees.
        self.scores = nn.Linear(3 * width, 1, bias=False)

    def forward(self, context: Tensor, question: Tensor) -> Tensor:
        """[B, T, width] and [B, J, width] to [B, T, J]."""
        own, other, both = self.scores.weight[0].split(self.width)
        alone = (context @ own)[:, :, None] + (question @ other)[:, None]
        return alone + (context * both) @ question.transpose(1, 2)
