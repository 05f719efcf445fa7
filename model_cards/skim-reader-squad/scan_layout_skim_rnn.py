"""What the fused scan computes, and how the columns of a token are laid out.

A token has W columns: those of every cell (the big one first), then the k decision logits (none for
k = 1). The columns of a cell of m units are blocks of m:

| cell | blocks | new state |
| --- | --- | --- |
| lstm | i, f, g, o | c' = f c + i g, h' = o tanh(c') |
| gru | r, z, q, n | n = tanh(n + r q), h' = n + z (h - n); q sees h alone, n the input alone |
| tanh | a | h' = a |

Before activation they are `inputs @ weight_input.T + bias + h @ recurrent.T`, with weight_input [W, d_x],
bias [W] and recurrent [W, d]. A state has P parts: h, and for LSTM c. Tokens are packed as in
packing_skim_rnn.py. PyTorch, C and Triton all use this layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from torch import Tensor

BLOCKS = {"lstm": 4, "gru": 4, "tanh": 1}
"""Columns of a unit."""

PARTS = {"lstm": 2, "gru": 1, "tanh": 1}
"""Parts of a state."""


@dataclass(frozen=True)
class ScanLayout:
    """One reader, as a scan sees it.

    Attributes:
        cell: `lstm`, `gru` or `tanh`.
        sizes: State size of every cell that computes something, the big one (d) first. Granularity j
            is cell j; granularities beyond the cells copy the state.
        own_slice: Whether a small cell sees only its own units (the rest of its recurrent rows is zero).
        width: W.
    """

    cell: str
    sizes: tuple[int, ...]
    own_slice: bool
    width: int

    @property
    def hidden_size(self) -> int:
        """D."""
        return self.sizes[0]

    @property
    def parts(self) -> int:
        """P."""
        return PARTS[self.cell]

    @property
    def contexts(self) -> list[int]:
        """Units of h that each cell sees."""
        return [size if self.own_slice else self.hidden_size for size in self.sizes]

    @property
    def cell_columns(self) -> list[slice]:
        """Columns of every cell."""
        ends = [0, *accumulate(BLOCKS[self.cell] * size for size in self.sizes)]
        return [slice(start, end) for start, end in pairwise(ends)]

    @property
    def num_gates(self) -> int:
        """Columns before the logits."""
        return BLOCKS[self.cell] * sum(self.sizes)

    @property
    def num_logits(self) -> int:
        """Logits of a token: k, or 0 without a decision."""
        return self.width - self.num_gates


@dataclass(frozen=True)
class Relaxation:
    """How the branches are mixed in training (eq. 5 to 7).

    Attributes:
        temperature: tau.
        straight_through: Whether the forward pass takes one branch.
    """

    temperature: float
    straight_through: bool


@dataclass(frozen=True)
class ScanBackend:
    """One implementation of the scan.

    Attributes:
        name: `torch`, `native` or `triton`.
        declined: Why it cannot run a layout with tensors like the given one; None if it can.
        forward: As `forward` of scan_torch_skim_rnn.py.
        backward: As `backward` there.
        hard: As `hard` there.
    """

    name: str
    declined: Callable[[ScanLayout, Tensor], str | None]
    forward: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]
    backward: Callable[..., tuple[Tensor, Tensor, Tensor]]
    hard: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]
