"""Recurrent cells: LSTM, GRU (reset-after) and tanh, with the equations and weights of torch.nn.

Gate order, row-major weights and two bias vectors are those of `torch.nn.LSTM`, `GRU` and `RNN`, so
weights move both ways without change. A cell of size m < d is a small cell: it reads and rewrites the
first m units of the state that the big cell uses (eq. 3 of Skim-RNN).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]
"""(h, c) of an LSTM, (h,) of the others; each [n, size]."""


class RecurrentCell(nn.Module):
    """One step of a recurrent network.

    Args:
        input_size: d_x, width of the input.
        size: m, units that the cell computes.
        context_size: Width of the hidden state that the cell sees: m (its own slice) or d (all).

    Attributes:
        weight_ih: [G * m, d_x].
        weight_hh: [G * m, context_size].
        bias_ih: [G * m].
        bias_hh: [G * m].
    """

    gates: ClassVar[int]
    parts: ClassVar[int] = 1

    def __init__(self, input_size: int, size: int, context_size: int) -> None:
        super().__init__()
        self.input_size, self.size, self.context_size = input_size, size, context_size
        rows = self.gates * size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, context_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one step (section 8.7 of the specification: G m (d_x + context))."""
        return self.gates * self.size * (self.input_size + self.context_size)

    def project(self, inputs: Tensor) -> Tensor:
        """[n, d_x] to the input's share of the gates, [n, G * m]."""
        return functional.linear(inputs, self.weight_ih, self.bias_ih)

    def forward(self, projected: Tensor, context: Tensor, own: State) -> State:
        """One step.

        Args:
            projected: [n, G * m], from `project`.
            context: [n, context_size], what the cell sees of the hidden state.
            own: The cell's own units of every state part, each [n, m].

        Returns:
            The new own units, each [n, m].
        """
        return self.update(projected, functional.linear(context, self.weight_hh, self.bias_hh), own)

    def update(self, projected: Tensor, recurrent: Tensor, own: State) -> State:
        """The element-wise part of the step, from both shares of the gates."""
        raise NotImplementedError

    def columns(self) -> tuple[Tensor, Tensor, Tensor]:
        """Input weights [W, d_x], bias [W] and recurrent weights [W, context] of scan_layout_skim_rnn.py."""
        return self.weight_ih, self.bias_ih + self.bias_hh, self.weight_hh


class LSTMCell(RecurrentCell):
    """c = f * c + i * g, h = o * tanh(c); gates i, f, g, o."""

    gates = 4
    parts = 2

    def update(self, projected: Tensor, recurrent: Tensor, own: State) -> State:
        """Gates, then c, then h."""
        i, f, g, o = (projected + recurrent).chunk(4, dim=-1)
        c = f.sigmoid() * own[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRUCell(RecurrentCell):
    """n = tanh(x_n + r * h_n), h = (1 - z) * n + z * h; gates r, z, n, the reset after the product."""

    gates = 3

    def update(self, projected: Tensor, recurrent: Tensor, own: State) -> State:
        """Gates r and z, then the candidate n, then h."""
        x_r, x_z, x_n = projected.chunk(3, dim=-1)
        h_r, h_z, h_n = recurrent.chunk(3, dim=-1)
        z = (x_z + h_z).sigmoid()
        n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
        return ((1 - z) * n + z * own[0],)

    def columns(self) -> tuple[Tensor, Tensor, Tensor]:
        """The candidate takes two blocks: what it gets from h, which the reset scales, and from the input."""
        m = self.size
        weight = torch.cat(
            (self.weight_ih[: 2 * m], torch.zeros_like(self.weight_ih[:m]), self.weight_ih[2 * m :])
        )
        both = self.bias_ih[: 2 * m] + self.bias_hh[: 2 * m]
        bias = torch.cat((both, self.bias_hh[2 * m :], self.bias_ih[2 * m :]))
        return weight, bias, functional.pad(self.weight_hh, (0, 0, 0, m))


class TanhCell(RecurrentCell):
    """h = tanh(W x + U h + b)."""

    gates = 1

    def update(self, projected: Tensor, recurrent: Tensor, own: State) -> State:
        """The new h."""
        return ((projected + recurrent).tanh(),)


CELLS: dict[str, type[RecurrentCell]] = {"lstm": LSTMCell, "gru": GRUCell, "tanh": TanhCell}
