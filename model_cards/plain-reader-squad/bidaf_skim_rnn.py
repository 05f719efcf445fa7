"""BiDAF: attention from the context to the question and back, modelling layers, and an output layer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from .attention_skim_rnn import Similarity, masked_softmax
from .configuration_skim_rnn import SkimRNNConfig
from .context_skim_rnn import ContextWalk
from .layers_skim_rnn import SkimRNNLayer


class BiDAFReader(nn.Module):
    """Sections 4 to 6 of the paper; the layer for the end reads what its code gives it.

    p_start = softmax(w_1^T [G; M]) and p_end = softmax(w_2^T [G; M2]), where the output layer makes M2 of
    [G; M; m; M * m] with m = sum_t p_start,t M_t.

    Args:
        config: The model's configuration.
        width: Of a context word H_t and of a question word U_j.
    """

    def __init__(self, config: SkimRNNConfig, width: int) -> None:
        super().__init__()
        self.similarity = Similarity(width)
        merged, states = 4 * width, 2 * config.hidden_size
        first = merged + config.exact_match
        self.layers = nn.ModuleList(
            SkimRNNLayer(config, first if layer == 0 else states) for layer in range(config.num_hidden_layers)
        )
        self.output_layer = SkimRNNLayer(config, merged + 3 * states)
        # No bias: it would add the same to all positions.
        self.start = nn.Linear(merged + states, 1, bias=False)
        self.end = nn.Linear(merged + states, 1, bias=False)

    @property
    def context_layers(self) -> list[SkimRNNLayer]:
        """In the order in which they read."""
        return [*(cast(SkimRNNLayer, layer) for layer in self.layers), self.output_layer]

    def merge(self, context: Tensor, question: Tensor, mask: Tensor, question_mask: Tensor) -> Tensor:
        """G_t = [H_t; U~_t; H_t * U~_t; H_t * h~]: what the question says of t, and what it asks for.

        U~_t = sum_j softmax_j(S_tj) U_j; h~ = sum_t softmax_t(max_j S_tj) H_t. To an empty question all words
        of the context are alike.

        Args:
            context: [B, T, width].
            question: [B, J, width], J at least 1.
            mask: [B, T] bool.
            question_mask: [B, J] bool.

        Returns:
            [B, T, 4 width].
        """
        scores, real = self.similarity(context, question), question_mask[:, None]
        asked = masked_softmax(scores, real) @ question
        highest = scores.masked_fill(~real, torch.finfo(scores.dtype).min).amax(2)
        highest = highest.masked_fill(~question_mask.any(1)[:, None], 0)
        sought = masked_softmax(highest, mask)[:, None] @ context
        return torch.cat([context, asked, context * asked, context * sought], -1)

    def forward(
        self, context: Tensor, question: Tensor, match: list[Tensor], question_mask: Tensor, walk: ContextWalk
    ) -> tuple[Tensor, Tensor]:
        """Scores the start and the end at every place.

        Args:
            context: [B, T, width].
            question: [B, J, width], J at least 1.
            match: One [B, T, 1], or none without exact match.
            question_mask: [B, J] bool.
            walk: Reads the context.

        Returns:
            Start and end, [B, T] each; without meaning at padding.
        """
        merged = self.merge(context, question, walk.mask, question_mask)
        modelled = torch.cat([merged, *match], -1)
        for layer in self.layers:
            modelled = walk.read(cast(SkimRNNLayer, layer), modelled)
        start = self.start(walk.dropout(torch.cat([merged, modelled], -1))).squeeze(-1)
        guess = (masked_softmax(start, walk.mask)[:, None] @ modelled).expand_as(modelled)
        last = walk.read(self.output_layer, torch.cat([merged, modelled, guess, modelled * guess], -1))
        end = self.end(walk.dropout(torch.cat([merged, last], -1))).squeeze(-1)
        return start, end
