"""The element-wise part of every cell, forward and backward, for the scan in plain PyTorch.

Columns are laid out as scan_layout_skim_rnn.py says; states are [P, n, m], the first m units of every part.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class CellStep(Protocol):
    """One cell of m units on n rows."""

    def activate(self, gates: Tensor) -> None:
        """Activates `gates` [n, G m] in place."""

    def propose(self, gates: Tensor, old: Tensor, out: Tensor) -> None:
        """Writes the new state to `out` [P, n, m] from activated gates and the old state [P, n, m]."""

    def factors(self, gates: Tensor, new: Tensor, old: Tensor) -> tuple[Tensor, ...]:
        """What `backward` needs of n tokens and no later step changes; each [n, ...]."""

    def backward(self, factors: tuple[Tensor, ...], share: Tensor, into: Tensor, kept: Tensor) -> None:
        """One step back.

        Args:
            factors: Of the step's tokens.
            share: [P, n, m], this cell's share of the arriving gradient; may be overwritten.
            into: [n, G, m], where the gradient of the columns goes.
            kept: [P, n, m], to which the gradient of the old state is added.
        """


class LSTMStep:
    """c' = f c + i g, h' = o tanh(c')."""

    def activate(self, gates: Tensor) -> None:
        """tanh(x) = 2 sigmoid(2 x) - 1, so that all four blocks are one call."""
        g = gates.unflatten(1, (4, -1))[:, 2]
        g.mul_(2)
        gates.sigmoid_()
        g.mul_(2).sub_(1)

    def propose(self, gates: Tensor, old: Tensor, out: Tensor) -> None:
        """c', then h'."""
        i, f, g, o = gates.unflatten(1, (4, -1)).unbind(1)
        h, c = out.unbind(0)
        torch.mul(f, old[1], out=c)
        c.addcmul_(i, g)
        torch.tanh(c, out=h)
        h.mul_(o)

    def factors(self, gates: Tensor, new: Tensor, old: Tensor) -> tuple[Tensor, ...]:
        """d(i, f, g before activation) / d c', d(o before it) / d h', d c' / d h', d c' / d c."""
        i, f, g, o = gates.unflatten(1, (4, -1)).unbind(1)
        t = new[1].tanh()
        cell = torch.stack((g * i * (1 - i), old[1] * f * (1 - f), i * (1 - g * g)), 1)
        return cell, (t * o * (1 - o))[:, None], o * (1 - t * t), f

    def backward(self, factors: tuple[Tensor, ...], share: Tensor, into: Tensor, kept: Tensor) -> None:
        """Through h' to c', then to the gates and c."""
        cell, output, through, forget = factors
        h, c = share.unbind(0)
        c.addcmul_(h, through)
        torch.mul(cell, c[:, None], out=into[:, :3])
        torch.mul(output, h[:, None], out=into[:, 3:])
        kept[1].addcmul_(c, forget)


class GRUStep:
    """n = tanh(n + r q), h' = n + z (h - n)."""

    def activate(self, gates: Tensor) -> None:
        """R and z, then n; q stays as it is."""
        r, _, q, n = gates.unflatten(1, (4, -1)).unbind(1)
        gates[:, : 2 * r.shape[1]].sigmoid_()
        n.addcmul_(r, q).tanh_()

    def propose(self, gates: Tensor, old: Tensor, out: Tensor) -> None:
        """H'."""
        _, z, _, n = gates.unflatten(1, (4, -1)).unbind(1)
        torch.addcmul(n, z, old[0] - n, out=out[0])

    def factors(self, gates: Tensor, new: Tensor, old: Tensor) -> tuple[Tensor, ...]:
        """d(all four columns) / d h', and d h' / d h but for the product."""
        r, z, q, n = gates.unflatten(1, (4, -1)).unbind(1)
        to_n = (1 - z) * (1 - n * n)
        return torch.stack((to_n * q * r * (1 - r), (old[0] - n) * z * (1 - z), to_n * r, to_n), 1), z

    def backward(self, factors: tuple[Tensor, ...], share: Tensor, into: Tensor, kept: Tensor) -> None:
        """Everything is a multiple of the gradient of h'."""
        columns, z = factors
        torch.mul(columns, share[0][:, None], out=into)
        kept[0].addcmul_(share[0], z)


class TanhStep:
    """h' = a."""

    def activate(self, gates: Tensor) -> None:
        """Tanh."""
        gates.tanh_()

    def propose(self, gates: Tensor, old: Tensor, out: Tensor) -> None:
        """H'."""
        out[0].copy_(gates)

    def factors(self, gates: Tensor, new: Tensor, old: Tensor) -> tuple[Tensor, ...]:
        """d(a before activation) / d h'."""
        return ((1 - gates * gates)[:, None],)

    def backward(self, factors: tuple[Tensor, ...], share: Tensor, into: Tensor, kept: Tensor) -> None:
        """The old state matters through the product alone."""
        torch.mul(factors[0], share[0][:, None], out=into)


CELL_STEPS: dict[str, CellStep] = {"lstm": LSTMStep(), "gru": GRUStep(), "tanh": TanhStep()}
