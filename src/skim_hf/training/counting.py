"""From what a model says about every token to the few numbers per text that evaluation gathers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def count_choices(decisions: Tensor, num_choices: int) -> Tensor:
    """Counts how often each way of processing a token was chosen.

    Args:
        decisions: `[B, T, R]`, the choice per token and reader, -1 for padding and for tokens that a jump
            passed over.
        num_choices: k; choice 0 is "read".

    Returns:
        `[B, R, k]` int64. A row sums to the number of tokens that the reader visited.
    """
    return torch.stack([(decisions == choice).sum(dim=1) for choice in range(num_choices)], dim=-1)


def needed_outputs(config: Any) -> tuple[str, ...]:
    """The outputs of a model that `count_reading` needs, in the order in which the model has them."""
    names = ["decisions"]
    if config.policy == "selective":
        names.append("probabilities")
    if len(names) > 1 or config.jumps or not config.num_hidden_layers:
        names.append("lengths")
    return (*names, "jumps") if config.jumps else tuple(names)


def count_reading(config: Any, outputs: Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
    """Counts how the texts of a batch were read.

    Args:
        config: Of the model.
        outputs: Those that `needed_outputs` names.

    Returns:
        Choice counts, `[B, R, k]`, where they say everything. Of selective readers, jumps and pooled
        embeddings an object as `skim_hf.results.counts.TextCounts` takes it: `choices`, `lengths` `[B]`,
        and, where they apply, `units` `[B, R]` and `jumps` `[B, directions]`.
    """
    choices = count_choices(outputs["decisions"], config.num_choices)
    if "lengths" not in outputs:
        return choices
    counts = {"choices": choices, "lengths": outputs["lengths"]}
    if "probabilities" in outputs:
        # The first of a selective reader's probabilities is the share of units that it updated.
        updated = outputs["probabilities"][..., 0].float() * config.hidden_size
        counts["units"] = updated.round().long().sum(dim=1)
    if "jumps" in outputs:
        counts["jumps"] = (outputs["jumps"] >= 0).sum(dim=1)
    return counts
