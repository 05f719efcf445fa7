"""Gradient estimators for discrete reading decisions."""

from __future__ import annotations

import torch
from torch import Tensor


def gumbel_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard Gumbel noise of the shape, dtype and device of `like`.

    Drawn as -log(Exponential(1)), which has no double logarithm to guard (eq. 6).
    """
    return -torch.empty_like(like).exponential_(generator=generator).log()


def gumbel_softmax(
    logits: Tensor, noise: Tensor, temperature: float, *, straight_through: bool = False
) -> Tensor:
    """Mixing weights of the branches (eq. 7): softmax((log p + g) / temperature).

    Args:
        logits: [n, k]; adding a constant per row changes nothing, so log p and logits serve alike.
        noise: [n, k] Gumbel noise.
        temperature: tau > 0.
        straight_through: Whether to return the one-hot sample with the gradient of the soft weights.

    Returns:
        [n, k], rows summing to one.
    """
    soft = torch.softmax((logits + noise) / temperature, dim=-1)
    return pass_gradient(one_hot(soft), soft) if straight_through else soft


def one_hot(weights: Tensor) -> Tensor:
    """The largest of the weights as 1, the others as 0; [n, k], without gradient."""
    return torch.zeros_like(weights).scatter_(-1, weights.argmax(-1, keepdim=True), 1.0)


def hard_choice(probabilities: Tensor, threshold: float) -> Tensor:
    """The decision at inference: which granularity each token gets.

    A token is skimmed if the probability of not reading it fully is above the threshold; among
    several small sizes the most probable one is taken. For k = 2 and a threshold of 0.5 this is the
    argmax of the paper (footnote 4), and for other thresholds its dial (section 4.2).

    Args:
        probabilities: [n, k].
        threshold: theta; at 1 or above everything is read.

    Returns:
        [n] int64 in 0..k-1, 0 for a full read.
    """
    if probabilities.shape[-1] == 1:
        return torch.zeros(probabilities.shape[:-1], dtype=torch.int64, device=probabilities.device)
    # Rounding may bring a sum above 1, where a threshold of 1 has to read.
    if probabilities.shape[-1] == 2:
        return (probabilities[..., 1].clamp(max=1) > threshold).long()
    small = probabilities[..., 1:]
    return torch.where(small.sum(-1).clamp(max=1) > threshold, small.argmax(-1) + 1, 0)


def pass_gradient(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of `hard` with the gradient of `soft`; in this order the values are exactly those."""
    return hard + (soft - soft.detach())


def hard_sigmoid(activation: Tensor, slope: float) -> Tensor:
    """clip((slope a + 1) / 2, 0, 1): slope / 2 is its gradient, and 0 where it is clipped (SA-RNN, eq. 5)."""
    return ((slope * activation + 1) / 2).clamp(0, 1)
