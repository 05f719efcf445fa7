"""What the layers of a model decided, put together: for its outputs, its skim rate and its budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .configuration_skim_rnn import SkimRNNConfig
from .layers_skim_rnn import LayerReading, SkimRNNLayer


class Decisions(NamedTuple):
    """How every token was read by all R readers.

    Attributes:
        choices: [B, T, R] int64, -1 at padding and where a jump passed over.
        probabilities: [B, T, R, k], without a gradient, zeros at padding.
        log_probabilities: [B, T, R, k]; None of policies without logits.
        effort: [B, T, R], share of a full read; zeros of policies with logits.
    """

    choices: Tensor
    probabilities: Tensor
    log_probabilities: Tensor | None
    effort: Tensor


def draw_noises(
    layers: Sequence[SkimRNNLayer], tokens: Tensor, generator: torch.Generator | None
) -> list[Tensor | None]:
    """The noise of the policy of every reader, [N, any] each, in their order; None if it has none.

    Args:
        layers: From bottom to top.
        tokens: [N, any]; its length, dtype and device count.
        generator: Source of the noise; torch's global one if None.
    """
    noises: list[Tensor | None] = []
    for layer in layers:
        directions = len(layer.readers)
        for reader in layer.readers:
            if reader.policy.shares_noise and len(noises) >= directions:
                noises.append(noises[-directions])
            else:
                noises.append(reader.policy.draw_noise(tokens, generator))
    return noises


def gather_decisions(config: SkimRNNConfig, layers: Sequence[LayerReading]) -> Decisions:
    """The decisions of one layer after the other."""
    choices = torch.cat([layer.choices for layer in layers], 2)
    score = torch.cat([layer.scores for layer in layers], 2)
    # Two policies give logits, and the others what their decisions were taken from.
    log_probabilities = score.log_softmax(-1) if config.policy in ("full", "skim") else None
    if log_probabilities is None:
        probabilities = score.detach()
    elif score.shape[-1] == 0:
        probabilities = (choices >= 0).to(score.dtype)[..., None]
    else:
        probabilities = log_probabilities.detach().exp() * (choices >= 0)[..., None]
    effort = torch.cat([layer.effort for layer in layers], 2)
    return Decisions(choices, probabilities, log_probabilities, effort)


def skimmed_tokens(config: SkimRNNConfig, decisions: Decisions, mask: Tensor) -> Tensor:
    """[B, T, R], 1 at real tokens that were not read in full, 0 elsewhere; of `selective` the share of units.

    Args:
        config: Names the policy.
        decisions: Of all readers.
        mask: [B, T] bool, real tokens.
    """
    selective = config.policy == "selective"
    read = decisions.probabilities[..., 0] if selective else (decisions.choices == 0).float()
    return (1 - read) * mask[:, :, None]


def skim_rate(skimmed: Tensor, mask: Tensor) -> Tensor:
    """[B], share of the real tokens that were skimmed, mean over readers; 0 for a text without tokens.

    Args:
        skimmed: [B, T, R] of `skimmed_tokens`.
        mask: [B, T] bool, real tokens.
    """
    return skimmed.sum((1, 2)).float() / (mask.sum(1) * skimmed.shape[2]).clamp(min=1)


def layer_skim_rates(skimmed: Tensor, mask: Tensor) -> Tensor:
    """[B, R], the same for each reader on its own."""
    return skimmed.sum(1).float() / mask.sum(1).clamp(min=1)[:, None]


def how_read(decisions: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Whether tokens were read, and how probable it was that they would not be.

    Args:
        decisions: [T, R].
        probabilities: [T, R, k].

    Returns:
        [T] bool, read by at least half of the readers, and [T], the mean over the readers of the
        probability not to, 1 where the token was passed over. Without a reader every token counts as read.
    """
    if not decisions.shape[1]:
        return decisions.new_ones(len(decisions)).bool(), probabilities.new_zeros(len(decisions))
    p_skim = torch.where(decisions < 0, 1.0, probabilities.float()[..., 1:].sum(-1))
    return (decisions == 0).float().mean(-1) >= 0.5, p_skim.mean(-1)
