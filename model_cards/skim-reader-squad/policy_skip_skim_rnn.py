"""Skip RNN: copies the state until a gate, driven by the state alone, has added up to one half."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .cells_skim_rnn import State
from .estimators_skim_rnn import pass_gradient
from .policies_skim_rnn import Action, ReadingPolicy, Setting


class UpdateGate(nn.Linear):
    """W_p and b_p of eq. 4; a class of its own, because its bias starts at 1: at first all is read."""


class SkipPolicy(ReadingPolicy):
    """Skip RNN (eq. 2 to 5): u_t = round(a_t), a_{t+1} = u_t D_t + (1 - u_t) (a_t + min(D_t, 1 - a_t)).

    D_t = sigmoid(W_p s_t + b_p) belongs to the state after the last update: c of an LSTM, h of the others. It
    stays while tokens are skipped, so what is skipped is known in advance. The first token is always read.
    A stack has one gate, which sees the top reader's state.

    The two gradients have the same forward values. That of the authors' code empties the accumulator after
    an update and takes D of the state that a token would give; that of the equation is literal.

    The memory [n, 2] holds what is accumulated and the D that comes on top at the next token.

    Args:
        hidden_size: d.
        equation: Whether training takes the gradient of the equation.
    """

    needs_input = False
    decides_for_stack = True
    num_choices = 2

    def __init__(self, hidden_size: int, *, equation: bool = False) -> None:
        super().__init__()
        self.gate = UpdateGate(hidden_size, 1)
        self.equation = equation

    def init_memory(self, like: Tensor) -> Tensor:
        """Nothing accumulated, and an increment of 1: the first token is read."""
        return like.new_tensor([0.0, 1.0]).expand(len(like), 2)

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Reads where the accumulator is above one half, at inference above 1 - threshold."""
        memory = self.init_memory(state[0]) if memory is None else memory
        accumulated, increment = memory.unbind(1)
        if self.equation and setting.relaxed:
            total = accumulated + increment
        else:
            total = accumulated + torch.minimum(increment, 1 - accumulated)
        reads = total > (0.5 if setting.relaxed else _bound(setting.threshold))
        update = reads.to(total.dtype)
        if setting.relaxed:
            update = pass_gradient(update, total)
        return Action(
            (~reads).long(),
            mask=update[:, None] if setting.relaxed else None,
            memory=torch.stack((total, increment), 1),
            probabilities=torch.stack((total.detach(), 1 - total.detach()), 1),
            effort=update,
        )

    def observe(self, action: Action, candidate: State, state: State, setting: Setting) -> Tensor | None:
        """Empties the accumulator after an update, and takes the increment of the new state."""
        if action.memory is None or action.effort is None:
            return action.memory
        total, before = action.memory.unbind(1)
        update = action.effort
        if not setting.relaxed:
            reads = action.choice == 0
            # Nothing has changed where nobody has read, so the gate need not be asked.
            after = torch.where(reads, self._increment(candidate), before) if bool(reads.any()) else before
            return torch.stack((total.masked_fill(reads, 0), after), 1)
        if self.equation:
            increment = self._increment(state)
            total = update * increment + (1 - update) * (total + torch.minimum(increment, 1 - total))
            return torch.stack((total, torch.zeros_like(total)), 1)
        increment = update * self._increment(candidate) + (1 - update) * before
        return torch.stack(((1 - update) * total, increment), 1)

    def _increment(self, state: State) -> Tensor:
        """D, [n]."""
        increment: Tensor = self.gate(state[-1]).sigmoid().squeeze(1)
        return increment.to(state[0].dtype)


def _bound(threshold: float) -> float:
    """What the accumulator has to exceed; a threshold of 1 reads everything, one of 0 nothing."""
    if threshold >= 1:
        return -math.inf
    return 1 - threshold if threshold > 0 else math.inf
