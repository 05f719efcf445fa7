"""LSTM+Attention: every context word next to what the question says about it, and two layers on top."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from .attention_skim_rnn import Similarity, masked_softmax
from .configuration_skim_rnn import SkimRNNConfig
from .context_skim_rnn import ContextWalk
from .layers_skim_rnn import SkimRNNLayer


class AttentionReader(nn.Module):
    """a_tj = softmax_j(w^T [x_t; q_j; x_t * q_j]), u_t = sum_j a_tj q_j; reads [x_t; u_t; x_t * u_t].

    Two linear maps of the last layer's outputs score where the answer starts and where it ends.

    Args:
        config: The model's configuration.
        width: Of a context word x_t and of a question word q_j.
    """

    def __init__(self, config: SkimRNNConfig, width: int) -> None:
        super().__init__()
        self.similarity = Similarity(width)
        first, states = 3 * width + config.exact_match, 2 * config.hidden_size
        self.layers = nn.ModuleList(
            SkimRNNLayer(config, first if layer == 0 else states) for layer in range(config.num_hidden_layers)
        )
        # No bias: it would add the same to all positions.
        self.start = nn.Linear(states, 1, bias=False)
        self.end = nn.Linear(states, 1, bias=False)

    @property
    def context_layers(self) -> list[SkimRNNLayer]:
        """In the order in which they read."""
        return [cast(SkimRNNLayer, layer) for layer in self.layers]

    def attend(self, context: Tensor, question: Tensor, question_mask: Tensor) -> Tensor:
        """a, [B, T, J]: sums to 1 over the real words of a question, all zeros of an empty one."""
        return masked_softmax(self.similarity(context, question), question_mask[:, None])

    def forward(
        self, context: Tensor, question: Tensor, match: list[Tensor], question_mask: Tensor, walk: ContextWalk
    ) -> tuple[Tensor, Tensor]:
        """Scores the start and the end at every place.

        Args:
            context: [B, T, width].
            question: [B, J, width].
            match: One [B, T, 1], or none without exact match.
            question_mask: [B, J] bool.
            walk: Reads the context.

        Returns:
            Start and end, [B, T] each; without meaning at padding.
        """
        summary = self.attend(context, question, question_mask) @ question
        hidden = torch.cat([context, summary, context * summary, *match], -1)
        for layer in self.context_layers:
            hidden = walk.read(layer, hidden)
        hidden = walk.dropout(hidden)
        return self.start(hidden).squeeze(-1), self.end(hidden).squeeze(-1)
