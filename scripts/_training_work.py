"""What the contestants of bench_training.py are given.

All read the same packed tensor. With rows of one length it is T steps of B rows, which is what
`torch.nn.LSTM` takes by default, so nobody has to transpose anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from skim_hf.modeling.estimators_skim_rnn import gumbel_noise
from skim_hf.modeling.packing_skim_rnn import Packing


class Size(NamedTuple):
    """What is read: `batch` rows of `length` tokens; inputs and state are `width` wide."""

    batch: int
    length: int
    width: int


@dataclass(frozen=True)
class Work:
    """What every contestant is given.

    Attributes:
        size: B, T and d.
        inputs: [N, d], packed; they want a gradient.
        packing: Of B rows of T tokens.
        start: Zeros, two parts [B, d].
        noise: [N, 2] Gumbel noise.
        arriving: Gradients of the hidden states [N, d] and of the decision logits [N, 2], which get one
            from a budget in training.
    """

    size: Size
    inputs: Tensor
    packing: Packing
    start: tuple[Tensor, ...]
    noise: Tensor
    arriving: tuple[Tensor, Tensor]

    @classmethod
    def draw(cls, size: Size, seed: int, device: str, dtype: torch.dtype) -> Work:
        """Random numbers of a size, the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        batch, length, width = size

        def normal(columns: int) -> Tensor:
            return torch.randn(batch * length, columns, generator=generator, dtype=dtype).to(device)

        return cls(
            size=size,
            inputs=normal(width).requires_grad_(),
            packing=Packing.from_mask(torch.ones(batch, length, dtype=torch.bool, device=device)),
            start=torch.zeros(2, batch, width, dtype=dtype, device=device).unbind(),
            noise=gumbel_noise(torch.empty(batch * length, 2, dtype=dtype), generator).to(device),
            arriving=(normal(width), normal(2)),
        )
