"""From the states of a text to the one vector that its classifier sees."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from .configuration_skim_rnn import SkimRNNConfig
from .outputs_skim_rnn import SkimRNNModelOutput


def pool(config: SkimRNNConfig, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
    """Pools a batch as `config.pooling` says; tokens that a jump passed over do not count.

    Args:
        config: The model's configuration.
        encoded: What the encoder returned.
        mask: [B, T] bool, real tokens.

    Returns:
        [B, d * directions]. For a text without tokens: the initial state (`last`), or zeros.
    """
    final, hidden = cast(Tensor, encoded.final_state), cast(Tensor, encoded.last_hidden_state)
    if config.pooling == "last":
        return final[:, 0, -config.num_directions :].flatten(1)
    visited = mask[:, :, None]
    if config.jumps:
        own = cast(Tensor, encoded.decisions)[:, :, -config.num_directions :] >= 0
        visited = own.repeat_interleave(config.hidden_size, 2)
    lengths = visited.sum(1)
    if config.pooling == "mean":
        return hidden.masked_fill(~visited, 0).sum(1) / lengths.clamp(min=1)
    if hidden.shape[1] == 0:
        return hidden.new_zeros(len(hidden), hidden.shape[2])
    highest = hidden.masked_fill(~visited, float("-inf")).amax(1)
    return torch.where(lengths > 0, highest, 0.0)
