"""The training pass of LSTM readers with an explicit gradient.

Autograd over a step-by-step loop records some forty small operations per token. Here one step is a
single recurrent product for all branches and the decision, followed by in-place element-wise work,
and everything of the gradient that does not depend on the following step is computed for the whole
sequence at once. `read_relaxed` in reader_skim_rnn.py is the readable truth that this equals.

Layout of the W columns of a step, in this order: the gates i, f, g, o of the big cell (4 d), those of
each small cell (4 m each), and the k decision logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from .estimators_skim_rnn import one_hot


@dataclass(frozen=True)
class ScanShape:
    """What the scan has to know besides tensors.

    Attributes:
        batch_sizes: Rows still being read, per step.
        sizes: State size of every cell, the big one first.
        choices: Granularity (column of the mixing weights) of every cell.
        num_choices: k; 1 has no decision.
        temperature: Of the relaxation.
        straight_through: Whether the forward pass takes one branch.
    """

    batch_sizes: list[int]
    sizes: tuple[int, ...]
    choices: tuple[int, ...]
    num_choices: int
    temperature: float
    straight_through: bool

    @property
    def gate_columns(self) -> list[slice]:
        """Columns of the gates of every cell."""
        ends = [0]
        for size in self.sizes:
            ends.append(ends[-1] + 4 * size)
        return [slice(start, end) for start, end in pairwise(ends)]

    @property
    def num_gates(self) -> int:
        """Columns before the logits."""
        return 4 * sum(self.sizes)


@dataclass
class _Saved:
    """What the backward pass needs of every token.

    Attributes:
        gates: [N, W], activated, and the logits.
        candidates: [N, 2, m] of every cell.
        states: [N, 2, d].
        weights: [N, k] of the mixture.
        soft: [N, k], the weights before straight-through made them hard.
    """

    gates: Tensor
    candidates: list[Tensor]
    states: Tensor
    weights: Tensor
    soft: Tensor

    def tensors(self) -> list[Tensor]:
        return [self.gates, self.states, self.weights, self.soft, *self.candidates]

    @classmethod
    def from_tensors(cls, tensors: tuple[Tensor, ...]) -> _Saved:
        gates, states, weights, soft, *candidates = tensors
        return cls(gates, candidates, states, weights, soft)


def _activate(columns: Tensor, size: int) -> None:
    """Sigmoid of i, f, o and tanh of g, in place, with tanh(x) = 2 sigmoid(2 x) - 1 (one kernel for all)."""
    g = columns[:, 2 * size : 3 * size]
    g.mul_(2)
    columns.sigmoid_()
    g.mul_(2).sub_(1)


def _candidate(gates: Tensor, own: Tensor, out: Tensor) -> None:
    """Writes (h, c) of one cell to `out` [n, 2, m] from its activated gates and its own units [n, 2, m]."""
    i, f, g, o = gates.unflatten(1, (4, -1)).unbind(1)
    h, c = out.unbind(1)
    torch.mul(f, own[:, 1], out=c)
    c.addcmul_(i, g)
    torch.tanh(c, out=h)
    h.mul_(o)


def _mix_weights(scores: Tensor, shape: ScanShape) -> tuple[Tensor, Tensor]:
    """Mixing weights and soft weights [n, k] of one step from logits plus noise (eq. 7)."""
    soft = torch.softmax(scores / shape.temperature, 1)
    return (one_hot(soft) if shape.straight_through else soft), soft


def _forward(
    shape: ScanShape, gates: Tensor, recurrent: Tensor, noise: Tensor | None, start: Tensor
) -> _Saved:
    """Runs the sequence; `gates` [N, W] holds the input projections and is overwritten."""
    sizes = shape.batch_sizes
    states = gates.new_empty(len(gates), *start.shape[1:])
    candidates = [gates.new_empty(len(gates), 2, size) for size in shape.sizes]
    gate_steps, state_steps = gates.split(sizes), states.split(sizes)
    cell_steps = [
        (gates[:, columns].split(sizes), candidate.split(sizes))
        for columns, candidate in zip(shape.gate_columns, candidates, strict=True)
    ]
    logit_steps = gates[:, shape.num_gates :].split(sizes)
    noise_steps = noise.split(sizes) if noise is not None else None
    weights, softs = [], []
    state = start
    for t, n in enumerate(sizes):
        state = state[:n]
        gate_steps[t].addmm_(state[:, 0], recurrent)
        for size, (gate, candidate) in zip(shape.sizes, cell_steps, strict=True):
            _activate(gate[t], size)
            _candidate(gate[t], state[:, :, :size], candidate[t])
        if noise_steps is None:
            state_steps[t].copy_(cell_steps[0][1][t])
        else:
            weight, soft = _mix_weights(logit_steps[t] + noise_steps[t], shape)
            _mix(shape, [candidate[t] for _, candidate in cell_steps], state, weight, state_steps[t])
            weights.append(weight)
            softs.append(soft)
        state = state_steps[t]
    empty = gates.new_ones(len(gates), shape.num_choices)
    return _Saved(
        gates,
        candidates,
        states,
        torch.cat(weights) if weights else empty,
        torch.cat(softs) if softs else empty,
    )


def _mix(shape: ScanShape, candidates: list[Tensor], state: Tensor, weights: Tensor, out: Tensor) -> None:
    """S = S_prev + sum_j r_j (S_j - S_prev) on the units that branch j covers; the rest is copied (eq. 5)."""
    torch.lerp(state, candidates[0], weights[:, :1, None], out=out)
    for size, choice, candidate in zip(shape.sizes[1:], shape.choices[1:], candidates[1:], strict=True):
        change = candidate - state[:, :, :size]
        out[:, :, :size].addcmul_(change, weights[:, choice : choice + 1, None])


def _previous_states(shape: ScanShape, states: Tensor, start: Tensor) -> Tensor:
    """The state before every token, [N, 2, d]."""
    if not shape.batch_sizes:
        return states
    steps = [start, *states.split(shape.batch_sizes)[:-1]]
    return torch.cat([step[:n] for step, n in zip(steps, shape.batch_sizes, strict=True)])


def _final_states(shape: ScanShape, states: Tensor, start: Tensor) -> Tensor:
    """The state after the last token of every row, [B, 2, d]; rows without tokens keep their start."""
    sizes = shape.batch_sizes
    if not sizes:
        return start.clone()
    ended = [step[n:] for step, n in zip(states.split(sizes), [*sizes[1:], 0], strict=True)]
    return torch.cat([*reversed(ended), start[sizes[0] :]])


@dataclass
class _Factors:
    """Factors of the gradient of one cell that need no later step, split by step.

    Attributes:
        cell: [n, 3, m], d(i, f, g before activation) / d c.
        output: [n, 1, m], d(o before activation) / d h.
        through: [n, m], d c / d h, that is o (1 - tanh(c)^2).
        forget: [n, m], d c / d c_prev.
        change: [n, 2, m], candidate minus previous state: d S / d r.
        weight: [n, 1, 1], the mixing weight.
        grads: [n, 4, m], where the gradient of the gates goes.
    """

    cell: tuple[Tensor, ...]
    output: tuple[Tensor, ...]
    through: tuple[Tensor, ...]
    forget: tuple[Tensor, ...]
    change: tuple[Tensor, ...]
    weight: tuple[Tensor, ...]
    grads: tuple[Tensor, ...]


def _factors(
    batch_sizes: list[int], gates: Tensor, candidate: Tensor, previous: Tensor, weight: Tensor, grads: Tensor
) -> _Factors:
    i, f, g, o = gates.unflatten(1, (4, -1)).unbind(1)
    tanh_c = candidate[:, 1].tanh()
    cell = torch.stack((g * i * (1 - i), previous[:, 1] * f * (1 - f), i * (1 - g * g)), 1)
    output = (tanh_c * o * (1 - o))[:, None]
    through = o * (1 - tanh_c * tanh_c)
    change = candidate - previous
    whole = (cell, output, through, f, change, weight[:, None, None], grads.unflatten(1, (4, -1)))
    return _Factors(*(factor.split(batch_sizes) for factor in whole))


def _backward(
    shape: ScanShape, saved: _Saved, start: Tensor, recurrent: Tensor, grads: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the pre-activations [N, W] and the start [B, 2, d]; and every previous h [N, d]."""
    grad_hidden, grad_logits, grad_final = grads  # [N, d], [N, k], [B, 2, d]
    grad_state = grad_final.clone()
    grad_gates = torch.empty_like(saved.gates)
    grad_gates[:, shape.num_gates :] = grad_logits
    previous = _previous_states(shape, saved.states, start)
    sizes = shape.batch_sizes
    factors = [
        _factors(
            sizes, saved.gates[:, columns], candidate, previous[:, :, :size], weight, grad_gates[:, columns]
        )
        for columns, candidate, size, weight in zip(
            shape.gate_columns, saved.candidates, shape.sizes, _cell_weights(shape, saved), strict=True
        )
    ]
    transposed = recurrent.t().contiguous()
    whole = (
        grad_hidden,
        grad_gates,
        grad_gates[:, shape.num_gates :],
        saved.soft,
        saved.soft / shape.temperature,
    )
    steps = list(zip(*(t.split(sizes) for t in whole), strict=True)) if sizes else []
    for t in reversed(range(len(sizes))):
        hidden, gates, logits, soft, scaled = steps[t]
        grad = grad_state[: sizes[t]]
        grad_h = grad[:, 0]
        grad_h.add_(hidden)
        pulls = _backward_cells(shape, factors, t, grad)
        if shape.num_choices > 1:
            pulled = scaled * _spread(shape, pulls)
            logits.add_(pulled).sub_(soft * pulled.sum(1, keepdim=True))
        grad_h.addmm_(gates, transposed)
    return grad_gates, grad_state, previous[:, 0]


def _cell_weights(shape: ScanShape, saved: _Saved) -> list[Tensor]:
    return [saved.weights[:, choice] for choice in shape.choices]


def _spread(shape: ScanShape, pulls: list[Tensor]) -> Tensor:
    """Gradient of the mixing weights [n, k] from that of every cell; a copy (size 0) has none."""
    if len(pulls) < shape.num_choices:
        pulls = pulls + [torch.zeros_like(pulls[0])] * (shape.num_choices - len(pulls))
    return torch.stack(pulls, 1)


def _backward_cells(shape: ScanShape, factors: list[_Factors], t: int, grad: Tensor) -> list[Tensor]:
    """Turns `grad` [n, 2, d] of the state after step t into that of the state before, but for the product.

    Returns:
        Per cell the gradient of its mixing weight, [n]; nothing for a reader without decisions.
    """
    pulls, shares = [], []
    for size, factor in zip(shape.sizes, factors, strict=True):
        arriving = grad[:, :, :size]
        if shape.num_choices > 1:
            pulls.append((arriving * factor.change[t]).sum((1, 2)))
            shares.append(arriving * factor.weight[t])
        else:
            shares.append(arriving.clone())
    for size, factor, share in zip(shape.sizes, factors, shares, strict=True):
        kept = grad[:, :, :size].sub_(share)
        grad_h, grad_c = share.unbind(1)
        grad_c.addcmul_(grad_h, factor.through[t])
        into = factor.grads[t]
        torch.mul(factor.cell[t], share[:, 1:], out=into[:, :3])
        torch.mul(factor.output[t], share[:, :1], out=into[:, 3:])
        kept[:, 1].addcmul_(grad_c, factor.forget[t])
    return pulls


class LSTMScan(torch.autograd.Function):
    """Relaxed reading of packed sequences by an LSTM with any number of small cells.

    `apply(shape, inputs, weight_input, bias, recurrent, noise, start)` takes packed inputs [N, d_x],
    weights [d_x, W], bias [W], recurrent weights [d, W] (zero rows where a small cell sees only its
    own slice), Gumbel noise [N, k] (None for k = 1) and the start [B, 2, d] (h, c), and returns hidden
    states [N, d], logits [N, k] (width 0 for k = 1) and final states [B, 2, d].
    """

    @staticmethod
    def forward(
        ctx: Any,
        shape: ScanShape,
        inputs: Tensor,
        weight_input: Tensor,
        bias: Tensor,
        recurrent: Tensor,
        noise: Tensor | None,
        start: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Runs all steps."""
        saved = _forward(shape, torch.addmm(bias, inputs, weight_input), recurrent, noise, start)
        ctx.shape = shape
        ctx.save_for_backward(inputs, weight_input, recurrent, start, *saved.tensors())
        final = _final_states(shape, saved.states, start)
        return saved.states[:, 0].contiguous(), saved.gates[:, shape.num_gates :].clone(), final

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of inputs, weights, bias, recurrent weights and start."""
        inputs, weight_input, recurrent, start, *rest = ctx.saved_tensors
        saved = _Saved.from_tensors(tuple(rest))
        grad_gates, grad_start, previous = _backward(ctx.shape, saved, start, recurrent, grads)
        grad_inputs = grad_gates @ weight_input.t() if ctx.needs_input_grad[1] else None
        return (
            None,
            grad_inputs,
            inputs.t() @ grad_gates,
            grad_gates.sum(0),
            previous.t() @ grad_gates,
            None,
            grad_start,
        )
