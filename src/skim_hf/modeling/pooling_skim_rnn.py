"""From the states of a text to the one vector that its classifier sees."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from .configuration_skim_rnn import SkimRNNConfig
from .outputs_skim_rnn import SkimRNNModelOutput


def pool(config: SkimRNNConfig, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
    """Pools a batch as `config.pooling` says; tokens that a jump passed over have no part in it.

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
    seen = _seen(config, encoded, mask)
    count = seen.sum(1)
    if config.pooling == "mean":
        return torch.where(seen, hidden, 0).sum(1) / count.clamp(min=1)
    if hidden.shape[1] == 0:
        return hidden.new_zeros(len(hidden), hidden.shape[2])
    highest = hidden.masked_fill(~seen, float("-inf")).amax(1)
    return torch.where(count > 0, highest, 0.0)


def _seen(config: SkimRNNConfig, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
    """[B, T, d * directions] bool, the outputs at tokens that the top layer of a direction has visited."""
    hidden, decisions = cast(Tensor, encoded.last_hidden_state), cast(Tensor, encoded.decisions)
    if config.num_hidden_layers == 0:
        return mask[:, :, None].expand_as(hidden)
    visited = decisions[:, :, -config.num_directions :] >= 0
    return visited.repeat_interleave(config.hidden_size, 2)
