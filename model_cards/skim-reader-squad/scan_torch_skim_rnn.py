"""The scan in plain PyTorch: any device and precision, and the truth for the C and Triton kernels.

One step is a single recurrent product for all branches and the decision, then in-place element-wise
work. What the backward pass needs and no later step changes is computed for all steps at once.
`read_relaxed` and `read_hard` in loop_skim_rnn.py are the readable truth for this in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .estimators_skim_rnn import hard_choice, one_hot
from .scan_cells_skim_rnn import CELL_STEPS, CellStep
from .scan_layout_skim_rnn import Relaxation, ScanBackend, ScanLayout

Advance = Callable[[int, Tensor, Tensor, list[Tensor], Tensor], None]
"""From (step, logits [n, k], old state [P, n, d], candidates of every cell, out): writes the new state."""

STEPS_AT_ONCE = 64
"""Steps whose intermediate results are kept together; bounds the memory of long texts."""


def forward(
    layout: ScanLayout,
    relaxation: Relaxation,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    batch_sizes: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Reads all tokens, mixing the branches.

    Args:
        layout: Of the columns.
        relaxation: How the branches are mixed.
        inputs: [N, d_x].
        weight_input: [W, d_x].
        bias: [W].
        recurrent: [W, d].
        noise: [N, k] Gumbel noise; None for k = 1.
        start: [P, B, d].
        batch_sizes: Texts still being read, per step.

    Returns:
        h [N, d], c [N, d] (no rows for P = 1), the activated gates with the logits [N, W], the logits alone
        [N, k] and the final state [P, B, d].
    """
    columns = functional.linear(inputs, weight_input, bias)
    noises = () if noise is None else noise.split(batch_sizes)

    def advance(t: int, logits: Tensor, old: Tensor, candidates: list[Tensor], out: Tensor) -> None:
        if noise is None:
            out.copy_(candidates[0])
        else:
            weights, _ = _mixing_weights(relaxation, logits, noises[t])
            _mix(candidates, old, weights, out)

    states = _run(layout, columns, recurrent, start, batch_sizes, advance)
    logits = columns[:, layout.num_gates :].clone()
    return (*_split(states), columns, logits, _final_state(states, start, batch_sizes))


def hard(
    layout: ScanLayout,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    start: Tensor,
    batch_sizes: list[int],
    threshold: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reads all tokens, one branch each: dense products, of which the chosen branch is kept.

    Args:
        layout: Of the columns.
        inputs: [N, d_x].
        weight_input: [W, d_x].
        bias: [W].
        recurrent: [W, d].
        start: [P, B, d].
        batch_sizes: Texts still being read, per step.
        threshold: The dial.

    Returns:
        h [N, d], logits [N, k], decisions [N] int64 and the final state [P, B, d].
    """
    choices: list[Tensor] = []
    hidden = start.new_empty(len(inputs), layout.hidden_size)
    logits = start.new_empty(len(inputs), layout.num_logits)
    advance = _choose(choices, threshold) if layout.num_logits else _take_first
    state, begin = start, 0
    for first in range(0, len(batch_sizes), STEPS_AT_ONCE):
        sizes = batch_sizes[first : first + STEPS_AT_ONCE]
        chunk = slice(begin, begin + sum(sizes))
        columns = functional.linear(inputs[chunk], weight_input, bias)
        states = _run(layout, columns, recurrent, state, sizes, advance)
        hidden[chunk], logits[chunk] = states[0], columns[:, layout.num_gates :]
        state, begin = _final_state(states, state, sizes), chunk.stop
    # Without decisions, or without tokens, nothing was noted.
    none = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    return hidden, logits, torch.cat(choices) if choices else none, state.clone()


def _take_first(t: int, logits: Tensor, old: Tensor, candidates: list[Tensor], out: Tensor) -> None:
    out.copy_(candidates[0])


def _choose(choices: list[Tensor], threshold: float) -> Advance:
    """Takes the chosen branch of every row, and notes the decisions of every step in `choices`."""

    def advance(t: int, logits: Tensor, old: Tensor, candidates: list[Tensor], out: Tensor) -> None:
        choices.append(hard_choice(torch.softmax(logits, 1), threshold))
        choice = choices[-1][:, None]
        torch.where(choice == 0, candidates[0], old, out=out)
        for j, candidate in enumerate(candidates[1:], 1):
            covered = out[:, :, : candidate.shape[2]]
            torch.where(choice == j, candidate, covered, out=covered)

    return advance


def _run(
    layout: ScanLayout,
    columns: Tensor,
    recurrent: Tensor,
    start: Tensor,
    batch_sizes: list[int],
    advance: Advance,
) -> Tensor:
    """The state after every token, [P, N, d]; `columns` are activated in place."""
    kernel = CELL_STEPS[layout.cell]
    states = columns.new_empty(layout.parts, len(columns), layout.hidden_size)
    if not batch_sizes:
        return states
    transposed = recurrent.t()
    column_steps, state_steps = columns.split(batch_sizes), states.split(batch_sizes, 1)
    cell_steps = [columns[:, own].split(batch_sizes) for own in layout.cell_columns]
    logit_steps = columns[:, layout.num_gates :].split(batch_sizes)
    state = start
    for t, n in enumerate(batch_sizes):
        state = state[:, :n]
        column_steps[t].addmm_(state[0], transposed)
        candidates = []
        for size, steps in zip(layout.sizes, cell_steps, strict=True):
            kernel.activate(steps[t])
            candidates.append(state.new_empty(layout.parts, n, size))
            kernel.propose(steps[t], state[:, :, :size], candidates[-1])
        advance(t, logit_steps[t], state, candidates, state_steps[t])
        state = state_steps[t]
    return states


def _mixing_weights(relaxation: Relaxation, logits: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Mixing weights and soft weights [n, k] from logits and noise (eq. 7)."""
    soft = torch.softmax((logits + noise) / relaxation.temperature, 1)
    return (one_hot(soft) if relaxation.straight_through else soft), soft


def _mix(candidates: list[Tensor], old: Tensor, weights: Tensor, out: Tensor) -> None:
    """S = S_prev + sum_j r_j (S_j - S_prev) on the units that branch j covers; the rest is copied (eq. 5)."""
    torch.lerp(old, candidates[0], weights[:, :1], out=out)
    for j, candidate in enumerate(candidates[1:], 1):
        size = candidate.shape[2]
        out[:, :, :size].addcmul_(candidate - old[:, :, :size], weights[:, j : j + 1])


def _split(states: Tensor) -> tuple[Tensor, Tensor]:
    """The parts h and c as tensors of their own; c without rows where there is none."""
    hidden = states[0].clone()
    return hidden, states[1].clone() if len(states) > 1 else hidden.new_empty(0, hidden.shape[1])


def _final_state(states: Tensor, start: Tensor, batch_sizes: list[int]) -> Tensor:
    """The state after the last token of every row, [P, B, d]; rows without tokens keep their start."""
    if not batch_sizes:
        return start.clone()
    steps = states.split(batch_sizes, 1)
    ended = [step[:, n:] for step, n in zip(steps, [*batch_sizes[1:], 0], strict=True)]
    return torch.cat([*reversed(ended), start[:, batch_sizes[0] :]], 1)


def backward(
    layout: ScanLayout,
    relaxation: Relaxation,
    gates: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    hidden: Tensor,
    cells: Tensor,
    batch_sizes: list[int],
    grad_hidden: Tensor | None,
    grad_logits: Tensor | None,
    grad_state: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of what `forward` got.

    Args:
        layout: Of the columns.
        relaxation: As in the forward pass.
        gates: [N, W], the result.
        recurrent: [W, d].
        noise: [N, k]; None for k = 1.
        start: [P, B, d].
        hidden: [N, d], the result.
        cells: [N, d], the result.
        batch_sizes: Texts still being read, per step.
        grad_hidden: [N, d]; None is zero.
        grad_logits: [N, k]; None is zero.
        grad_state: [P, B, d] of the final state; overwritten with the gradient of the start.

    Returns:
        The gradient of the columns [N, W], of the bias [W], and h before every token [N, d].
    """
    states = torch.stack((hidden, cells) if layout.parts > 1 else (hidden,))
    old = _previous_states(states, start, batch_sizes)
    grad_columns = torch.empty_like(gates)
    end = len(gates)
    for last in range(len(batch_sizes), 0, -STEPS_AT_ONCE):
        sizes = batch_sizes[max(last - STEPS_AT_ONCE, 0) : last]
        chunk = slice(end - sum(sizes), end)
        given = [None if t is None else t[chunk] for t in (noise, grad_hidden, grad_logits)]
        steps = _Steps(layout, relaxation, sizes, gates[chunk], old[:, chunk], grad_columns[chunk], *given)
        for t in reversed(range(len(sizes))):
            steps.back(t, grad_state[:, : sizes[t]], recurrent)
        end = chunk.start
    return grad_columns, grad_columns.sum(0), old[0]


def _previous_states(states: Tensor, start: Tensor, batch_sizes: list[int]) -> Tensor:
    """The state before every token, [P, N, d]."""
    if not batch_sizes:
        return states
    steps = [start, *states.split(batch_sizes, 1)[:-1]]
    return torch.cat([step[:, :n] for step, n in zip(steps, batch_sizes, strict=True)], 1)


@dataclass
class _Branch:
    """One cell's part of some steps; everything but `step` and `size` is split by step.

    Attributes:
        step: Its element-wise work.
        size: m.
        factors: What `CellStep.backward` asks for.
        change: [P, n, m], candidate minus old state: d S / d r.
        into: [n, G, m], where the gradient of the columns goes.
    """

    step: CellStep
    size: int
    factors: list[tuple[Tensor, ...]]
    change: tuple[Tensor, ...]
    into: tuple[Tensor, ...]


class _Steps:
    """Some successive steps of the backward pass, with all that can be computed ahead for all of them."""

    def __init__(
        self,
        layout: ScanLayout,
        relaxation: Relaxation,
        sizes: list[int],
        gates: Tensor,
        old: Tensor,
        grad_columns: Tensor,
        noise: Tensor | None,
        grad_hidden: Tensor | None,
        grad_logits: Tensor | None,
    ) -> None:
        self.columns = grad_columns.split(sizes)
        self.hidden = None if grad_hidden is None else grad_hidden.split(sizes)
        self.decides = noise is not None
        self.branches = []
        for own, size in zip(layout.cell_columns, layout.sizes, strict=True):
            step, before = CELL_STEPS[layout.cell], old[:, :, :size]
            new = old.new_empty(layout.parts, len(gates), size)
            step.propose(gates[:, own], before, new)
            factors = [f.split(sizes) for f in step.factors(gates[:, own], new, before)]
            into = grad_columns[:, own].unflatten(1, (-1, size))
            self.branches.append(
                _Branch(
                    step,
                    size,
                    list(zip(*factors, strict=True)),
                    (new - before).split(sizes, 1),
                    into.split(sizes),
                )
            )
        if noise is not None:
            logits = grad_columns[:, layout.num_gates :]
            logits.copy_(torch.zeros_like(logits) if grad_logits is None else grad_logits)
            weights, soft = _mixing_weights(relaxation, gates[:, layout.num_gates :], noise)
            self.logits, self.weights, self.soft = (
                logits.split(sizes),
                weights.split(sizes),
                soft.split(sizes),
            )
            self.scaled = (soft / relaxation.temperature).split(sizes)

    def back(self, t: int, grad: Tensor, recurrent: Tensor) -> None:
        """Turns `grad` [P, n, d] of the state after step t into that of the state before."""
        if self.hidden is not None:
            grad[0].add_(self.hidden[t])
        shares = [self._share(t, j, grad[:, :, : b.size]) for j, b in enumerate(self.branches)]
        if self.decides:
            pulled = self.scaled[t] * self._pulls(t, grad)
            self.logits[t].add_(pulled).sub_(self.soft[t] * pulled.sum(1, keepdim=True))
        for branch, share in zip(self.branches, shares, strict=True):
            kept = grad[:, :, : branch.size].sub_(share)
            branch.step.backward(branch.factors[t], share, branch.into[t], kept)
        grad[0].addmm_(self.columns[t], recurrent)

    def _share(self, t: int, j: int, arriving: Tensor) -> Tensor:
        return arriving * self.weights[t][:, j : j + 1] if self.decides else arriving.clone()

    def _pulls(self, t: int, grad: Tensor) -> Tensor:
        """Gradient of the mixing weights, [n, k]; a copy (size 0) has none."""
        pulls = torch.zeros_like(self.soft[t])
        for j, branch in enumerate(self.branches):
            pulls[:, j] = (grad[:, :, : branch.size] * branch.change[t]).sum((0, 2))
        return pulls


TORCH = ScanBackend("torch", lambda layout, like: None, forward, backward, hard)
