"""Time-major packing: only real tokens are computed, wherever the padding lies."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where the real tokens of a padded batch go when they are laid out step by step.

    Texts are ordered from long to short, so the texts still being read at a step are always the
    first rows, and a text that has ended is simply not touched any more: padding freezes the state,
    makes no decision and costs nothing.

    Attributes:
        index: [N] int64, position of each packed token in the flattened [B * T] batch.
        batch_sizes: [T] int64 on the CPU, texts still being read at every step; sums to N.
        order: [B] int64, the texts from long to short.
        shape: (B, T) of the padded batch.
    """

    index: Tensor
    batch_sizes: Tensor
    order: Tensor
    shape: tuple[int, int]

    @classmethod
    def from_mask(cls, mask: Tensor, *, reverse: bool = False) -> Packing:
        """Packs left-padded, right-padded or interrupted texts; `reverse` reads the real tokens backwards.

        Args:
            mask: [B, T] bool, true at real tokens.
            reverse: Whether the last real token of each text comes first.
        """
        batch, length = mask.shape
        lengths = mask.sum(1)
        order = torch.argsort(lengths, descending=True, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(batch, device=mask.device)
        rows, columns = mask.nonzero(as_tuple=True)
        steps = (mask.cumsum(1) - 1)[rows, columns]
        if reverse:
            steps = lengths[rows] - 1 - steps
        first_to_last = torch.argsort(steps * batch + rank[rows])
        batch_sizes = (lengths > torch.arange(length, device=mask.device)[:, None]).sum(1).cpu()
        return cls((rows * length + columns)[first_to_last], batch_sizes, order, (batch, length))

    @property
    def steps(self) -> list[int]:
        """`batch_sizes` as numbers, without the steps that no text reaches."""
        return [n for n in self.batch_sizes.tolist() if n]

    def select(self, kept: Tensor) -> tuple[Packing, Tensor, Tensor]:
        """The layout of some of the tokens, as if they were the whole texts.

        Args:
            kept: [N] bool, in packed order.

        Returns:
            The packing of the n kept tokens, whose texts b = 0..B-1 are those of this packing from long to
            short; the packed token that each of them is, [n] int64; and for each of the N tokens where in
            (B starts, n kept tokens) the last kept one up to it is, [N] int64: its text's start if none.
        """
        sizes, texts = self.batch_sizes.to(kept.device), len(self.order)
        steps = torch.arange(len(sizes), device=kept.device).repeat_interleave(sizes)
        rows = torch.arange(len(kept), device=kept.device) - (sizes.cumsum(0) - sizes)[steps]
        mask = kept.new_zeros(texts, len(sizes))
        mask[rows, steps] = kept
        packing = Packing.from_mask(mask)
        # Of every place [texts * steps]: the packed token there, and the kept token there.
        places = rows * len(sizes) + steps
        token = torch.zeros(mask.numel(), dtype=torch.int64, device=kept.device)
        token[places] = torch.arange(len(kept), device=kept.device)
        number = torch.zeros_like(token)
        number[packing.index] = torch.arange(len(packing.index), device=kept.device) + texts
        latest = torch.where(mask, torch.arange(len(sizes), device=kept.device), -1).cummax(1).values
        found = latest[rows, steps]
        last = torch.where(found < 0, rows, number[rows * len(sizes) + found.clamp(min=0)])
        return packing, token[packing.index], last

    def pack(self, padded: Tensor) -> Tensor:
        """[B, T, ...] to [N, ...]."""
        return padded.flatten(0, 1).index_select(0, self.index)

    def unpack(self, packed: Tensor, fill: float = 0.0) -> Tensor:
        """[N, ...] to [B, T, ...] with `fill` at padding."""
        batch, length = self.shape
        padded = packed.new_full((batch * length, *packed.shape[1:]), fill)
        return padded.index_copy_(0, self.index, packed).unflatten(0, self.shape)

    def restore_order(self, ordered: Tensor) -> Tensor:
        """[B, ...] from long-to-short order back to the batch's own order."""
        return torch.empty_like(ordered).index_copy_(0, self.order, ordered)
