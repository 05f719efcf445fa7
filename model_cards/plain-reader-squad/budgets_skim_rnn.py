"""Budget terms: what a reader pays for reading, added to the task loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .cells_skim_rnn import CELLS
from .configuration_skim_rnn import SkimRNNConfig


def neg_log_skim(log_probabilities: Tensor) -> Tensor:
    """Negative log probability of skimming, per token (eq. 8 without the mean).

    For k > 2 the sizes are weighted by rank, the smallest most:
    -sum_i i (log p^{i+1} + log(k-1)) / (k (k-1) / 2), which is eq. 8 for k = 2.

    Args:
        log_probabilities: [..., k], natural logarithms.

    Returns:
        [...].
    """
    k = log_probabilities.shape[-1]
    rank = torch.arange(1, k, dtype=log_probabilities.dtype, device=log_probabilities.device)
    shift = torch.log(torch.tensor(float(k - 1), dtype=log_probabilities.dtype))
    return -((log_probabilities[..., 1:] + shift) * rank).sum(-1) / (k * (k - 1) / 2)


def relative_costs(config: SkimRNNConfig, input_size: int) -> list[float]:
    """Multiply-adds of each granularity relative to a full read (section 8.7 of the specification)."""
    cell = CELLS[config.cell_type]
    costs = []
    for size in [config.hidden_size, *(config.skim_sizes or [])]:
        context = config.hidden_size if config.small_input == "full_h" else size
        costs.append(float(cell.gates * size * (input_size + context)))
    return [cost / costs[0] for cost in costs]


def expected_cost(log_probabilities: Tensor, costs: list[float]) -> Tensor:
    """Expected cost of each token relative to a full read, [...]: sum_j p_j c_j / c_read."""
    weights = torch.tensor(costs, dtype=log_probabilities.dtype, device=log_probabilities.device)
    return log_probabilities.exp() @ weights


def text_mean(per_token: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each text that were decided on; 0 for a text without any.

    Args:
        per_token: [B, T].
        mask: [B, T] bool.
    """
    total = torch.where(mask, per_token, 0).sum(1)
    return total / mask.sum(1).clamp(min=1)


def budget_term(
    config: SkimRNNConfig, log_probabilities: Tensor, decided: Tensor, widths: list[int]
) -> Tensor:
    """The unweighted budget term of a batch: mean over readers, penalty per text, mean over texts (0-dim).

    Args:
        config: Names the budget and its target.
        log_probabilities: [B, T, R, k], of every reader.
        decided: [B, T, R] bool, the tokens that each reader decided on.
        widths: Input width of each of the R readers, for the costs.
    """
    per_reader = []
    for reader, width in enumerate(widths):
        scores = log_probabilities[:, :, reader]
        if config.budget_type == "neg_log_skim":
            per_token = neg_log_skim(scores)
        else:
            per_token = expected_cost(scores, relative_costs(config, width))
        per_reader.append(text_mean(per_token, decided[:, :, reader]))
    return _penalty(config, torch.stack(per_reader).mean(0)).mean()


def effort_term(config: SkimRNNConfig, effort: Tensor, visited: Tensor, widths: list[int]) -> Tensor:
    """The unweighted budget term of a policy whose price is a share of a full read (0-dim).

    `updates` (eq. 8 of Skip RNN) and `gates` (the code of SA-RNN) add up the tokens of a text; `likelihoods`
    (eq. 9 of SA-RNN) the units too. The others are the mean relative cost of a text's tokens. All are means
    over readers and texts.

    Args:
        config: Names the budget and its target.
        effort: [B, T, R].
        visited: [B, T, R] bool, the tokens that each reader visited.
        widths: Input width of each of the R readers, for the costs.
    """
    if config.budget_type in ("updates", "gates", "likelihoods"):
        units = config.hidden_size if config.budget_type == "likelihoods" else 1
        return units * torch.where(visited, effort, 0).sum(1).mean()
    # A stack has one gate, above; the layers of a question reader have one each.
    first_gate = 0 if config.reader else len(widths) - config.num_directions
    per_reader = []
    for reader, width in enumerate(widths):
        fixed, per_update = _prices(config, width, top=reader >= first_gate)
        per_reader.append(text_mean(fixed + per_update * effort[:, :, reader], visited[:, :, reader]))
    return _penalty(config, torch.stack(per_reader).mean(0)).mean()


def budget_loss(
    config: SkimRNNConfig,
    weight: float | None,
    visited: Tensor,
    log_probabilities: Tensor | None,
    effort: Tensor,
    widths: list[int],
) -> Tensor:
    """The weighted budget term of a batch (0-dim); zero of readers that decide nothing.

    Args:
        config: Names the budget.
        weight: gamma; the configuration's if None.
        visited: [B, T, R] bool, the tokens that each reader visited.
        log_probabilities: [B, T, R, k] of a policy with logits, else None.
        effort: [B, T, R], of a policy without.
        widths: Input width of each of the R readers, for the costs.

    Raises:
        ValueError: A weight below 0.
    """
    weight = config.budget_weight if weight is None else weight
    if weight < 0:
        raise ValueError(f"budget_weight must be at least 0; got {weight!r}.")
    if config.policy == "full" or config.budget_type is None:
        return effort.new_zeros(())
    if log_probabilities is None:
        return weight * effort_term(config, effort, visited, widths)
    return weight * budget_term(config, log_probabilities, visited, widths)


def _prices(config: SkimRNNConfig, width: int, *, top: bool) -> tuple[float, float]:
    """Of a token and of its full update, relative to the cell's full read (section 8.7)."""
    size = config.hidden_size
    full = CELLS[config.cell_type].gates * size * (width + size)
    if config.policy == "selective":
        return (size * width + size) / full, 1.0
    # The gate is computed after updates alone.
    return 0.0, 1.0 + (size / full if top else 0.0)


def _penalty(config: SkimRNNConfig, per_text: Tensor) -> Tensor:
    """The cost of each text, or what is due for missing the target cost."""
    if not (config.budget_type or "").startswith("cost_target"):
        return per_text
    over = per_text - float(config.budget_target or 0.0)
    return over.square() if config.budget_type == "cost_target_square" else functional.relu(over)
