"""SA-RNN: every unit of the state takes over its new value or keeps the old one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .cells_skim_rnn import State
from .estimators_skim_rnn import hard_sigmoid, pass_gradient
from .policies_skim_rnn import Action, ReadingPolicy, Setting


class SelectivePolicy(ReadingPolicy):
    """SA-RNN (eq. 4 to 7): u_t = 1[hard_sigmoid(W x_t + b + w * h_{t-1}) > 0.5], one gate per unit.

    The recurrent weights are a diagonal, so a unit sees the token and itself. All parts of the state have
    one mask. The slope of the hard sigmoid changes gradients alone.

    Args:
        input_size: d_x.
        hidden_size: d.
        likelihoods: Whether the effort is the units' mean likelihood, and not the share that is updated.
    """

    num_choices = 2

    def __init__(self, input_size: int, hidden_size: int, *, likelihoods: bool = False) -> None:
        super().__init__()
        self.coordinator = nn.Linear(input_size, hidden_size)
        self.own = nn.Parameter(torch.zeros(hidden_size))
        self.likelihoods = likelihoods

    def project(self, inputs: Tensor) -> Tensor:
        """[N, d_x] to the input's share of the gates, [N, d]."""
        projected: Tensor = self.coordinator(inputs)
        return projected

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Updates the units whose gate is above 0, at inference above 1 - 2 threshold."""
        activation = torch.addcmul(projected, self.own, state[0])
        updates = activation > (0.0 if setting.relaxed else _bound(setting.threshold))
        mask = updates.to(activation.dtype)
        share = mask.mean(1)
        likelihood = None
        if setting.relaxed or self.likelihoods:
            likelihood = hard_sigmoid(activation, setting.slope)
        if setting.relaxed and likelihood is not None:
            mask = pass_gradient(mask, likelihood)
        counted = likelihood if self.likelihoods and likelihood is not None else mask
        probabilities = torch.stack((share, 1 - share), 1)
        return Action((share == 0).long(), mask=mask, probabilities=probabilities, effort=counted.mean(1))


def _bound(threshold: float) -> float:
    """What a gate has to exceed; a threshold of 1 updates every unit, one of 0 none."""
    if threshold >= 1:
        return -math.inf
    return 1 - 2 * threshold if threshold > 0 else math.inf
