"""REINFORCE: the gradient of discrete reading decisions by their score function, and its rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from .configuration_skim_rnn import SkimRNNConfig
from .layers_skim_rnn import LayerReading
from .outputs_skim_rnn import SkimRNNModelOutput


def reinforce_loss(log_probabilities: Tensor, baselines: Tensor, taken: Tensor, rewards: Tensor) -> Tensor:
    """The loss whose gradient is that of the negative expected reward (Williams, 1992).

    Per text -sum_i log p_i (reward - b_i), with the difference held constant, plus the mean over the
    decisions of (reward - b_i)^2, from which alone the baseline learns. As a mean, and not as a sum, it
    does not outweigh everything else in a clipped gradient where there are many decisions.

    Args:
        log_probabilities: [B, ...], of the decisions that were sampled.
        baselines: [B, ...], the rewards expected before each decision.
        taken: [B, ...] bool, where a decision was taken at all.
        rewards: [B].

    Returns:
        0-dim, mean over the texts; 0 for an empty batch.
    """
    logs, baselines, taken = (tensor.flatten(1) for tensor in (log_probabilities, baselines, taken))
    # Selected before multiplying, so that what was not decided adds no gradient either.
    logs = torch.where(taken, logs, 0)
    advantage = torch.where(taken, rewards.detach()[:, None] - baselines, 0)
    policy = -logs * advantage.detach()
    regression = advantage.square().sum(1) / taken.sum(1).clamp(min=1)
    return (policy.sum(1) + regression).sum() / max(len(rewards), 1)


def label_rewards(logits: Tensor, labels: Tensor, config: SkimRNNConfig) -> Tensor:
    """[B], `token_rewards` of logits [B, T, labels], `text_rewards` of logits [B, labels]."""
    if logits.dim() == 3:
        return token_rewards(logits, labels)
    return text_rewards(logits, labels, config.problem_type)


def text_rewards(logits: Tensor, labels: Tensor, problem_type: str | None) -> Tensor:
    """[B], how well each text was labelled.

    1 for the right label and -1 for a wrong one; for several labels the mean of that over the labels; for
    numbers minus their squared error.

    Args:
        logits: [B, labels].
        labels: [B] int64, or [B, labels] float, or [B] float for one number.
        problem_type: As in the configuration.
    """
    logits = logits.detach()
    if problem_type == "regression":
        return -(logits - labels.view_as(logits)).square().mean(1)
    if problem_type == "multi_label_classification":
        return _signs((logits > 0) == (labels > 0.5), logits).mean(1)
    return _signs(logits.argmax(-1) == labels.view(-1), logits)


def token_rewards(logits: Tensor, labels: Tensor, ignored: int = -100) -> Tensor:
    """[B], mean over the labelled tokens of 1 for a right label and -1 for a wrong one; 0 without any.

    Args:
        logits: [B, T, labels].
        labels: [B, T] int64.
        ignored: The label of tokens that do not count.
    """
    counted = labels != ignored
    signs = _signs(logits.detach().argmax(-1) == labels, logits)
    return torch.where(counted, signs, 0).sum(1) / counted.sum(1).clamp(min=1)


def _signs(right: Tensor, like: Tensor) -> Tensor:
    return torch.where(right, 1.0, -1.0).to(like.dtype)


def samples_decisions(config: SkimRNNConfig) -> bool:
    """Whether training samples decisions that learn from the reward alone."""
    return config.estimator == "reinforce" or config.jumps


def sampled_decisions(
    config: SkimRNNConfig, layers: Sequence[LayerReading], log_probabilities: Tensor | None
) -> dict[str, Tensor]:
    """What the score function needs of a pass, as fields of `SkimRNNModelOutput`.

    Args:
        config: Says what was sampled.
        layers: What the layers read.
        log_probabilities: [B, T, R, k], of the granularities; None of a policy without.
    """
    logs, baselines = [], []
    if config.estimator == "reinforce":
        choices = torch.cat([layer.choices for layer in layers], 2)
        taken = cast(Tensor, log_probabilities).gather(-1, choices.clamp(min=0)[..., None]).squeeze(-1)
        logs.append(torch.where(choices >= 0, taken, 0))
        baselines += [layer.baselines for layer in layers]
    if config.jumps:
        logs.append(cast(Tensor, layers[-1].jump_logs))
        baselines.append(cast(Tensor, layers[-1].jump_baselines))
    if not logs:
        return {}
    return {"sampled_log_probabilities": torch.cat(logs, 2), "baselines": torch.cat(baselines, 2)}


def policy_gradient_loss(config: SkimRNNConfig, encoded: SkimRNNModelOutput, rewards: Tensor) -> Tensor:
    """The weighted `reinforce_loss` of all decisions that a batch sampled, 0-dim.

    Args:
        config: Says what was sampled.
        encoded: What the encoder returned in training, asked for log-probabilities.
        rewards: [B].
    """
    taken = []
    if config.estimator == "reinforce":
        taken.append(cast(Tensor, encoded.decisions) >= 0)
    if config.jumps:
        taken.append(cast(Tensor, encoded.jumps) >= 0)
    logs, baselines = cast(Tensor, encoded.sampled_log_probabilities), cast(Tensor, encoded.baselines)
    return config.reinforce_weight * reinforce_loss(logs, baselines, torch.cat(taken, 2), rewards)


def repeat_rows(value: Tensor | None, rollouts: int) -> Tensor | None:
    """[B, ...] as [rollouts * B, ...], the whole batch again and again; None stays None."""
    return value if value is None or rollouts == 1 else torch.cat([value] * rollouts)


def first_rows(value: Any, rows: int) -> Any:
    """The first rows of a tensor or of each tensor of a tuple; None stays None."""
    if isinstance(value, tuple):
        return tuple(tensor[:rows] for tensor in value)
    return None if value is None else value[:rows]
