"""Extractive question answering: where in a context the answer starts and ends, and what of it was read."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import utils

from .attention_reader_skim_rnn import AttentionReader
from .bidaf_skim_rnn import BiDAFReader
from .budgets_skim_rnn import budget_loss
from .cells_skim_rnn import RecurrentCell
from .characters_skim_rnn import CharacterCNN
from .checks_question_skim_rnn import check_is_question
from .configuration_skim_rnn import SkimRNNConfig
from .context_skim_rnn import ContextWalk
from .highway_skim_rnn import Highway
from .inputs_skim_rnn import check_characters, check_device, real_question, real_tokens
from .layers_skim_rnn import SkimRNNLayer
from .outputs_skim_rnn import SkimRNNQuestionAnsweringOutput
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting
from .pretrained_skim_rnn import SkimRNNPreTrainedModel
from .reader_skim_rnn import SkimRNNReader
from .readings_skim_rnn import (
    Decisions,
    draw_noises,
    gather_decisions,
    layer_skim_rates,
    skim_rate,
    skimmed_tokens,
)
from .spans_skim_rnn import check_spans, span_loss

READERS: dict[str, type[AttentionReader] | type[BiDAFReader]] = {
    "attention": AttentionReader,
    "bidaf": BiDAFReader,
}
"""What brings question and context together, by `config.reader`."""


class SkimRNNForQuestionAnswering(SkimRNNPreTrainedModel):
    """Finds the answer to a question in a context: LSTM+Attention or BiDAF, with every policy.

    The question is always read in full. Every recurrent layer on the context's side is one of this library's,
    so a plain model (`policy="full"`) has the same big cells as a skimming one, which may start from it.
    Question and context share the big cells before the attention.
    """

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__(config)
        config.check_values()
        check_is_question(config)
        words = config.embedding_size
        self.embed_tokens = nn.Embedding(config.vocab_size or 0, words, config.pad_token_id)
        self.characters = None if config.char_vocab_size is None else CharacterCNN(config)
        width = words if self.characters is None else words + config.char_filters
        self.highway = Highway(width, config.num_highway_layers or 0)
        states = 2 * config.hidden_size
        self.encoder = nn.ModuleList(
            SkimRNNLayer(config, width if layer == 0 else states)
            for layer in range(config.num_encoder_layers or 0)
        )
        encoded = states if len(self.encoder) else width
        self.reader = READERS[str(config.reader)](config, encoded)
        self.dropout = nn.Dropout(config.dropout)
        self.gradient_checkpointing = False
        self.post_init()
        self.train()

    @property
    def context_layers(self) -> list[SkimRNNLayer]:
        """All layers that read the context, in the order in which they do."""
        return [*(cast(SkimRNNLayer, layer) for layer in self.encoder), *self.reader.context_layers]

    @utils.can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        question_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        question_mask: Tensor | None = None,
        char_ids: Tensor | None = None,
        question_char_ids: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        skim_threshold: float | None = None,
        temperature: float | None = None,
        slope: float | None = None,
        generator: torch.Generator | None = None,
        budget_weight: float | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> SkimRNNQuestionAnsweringOutput:
        """Reads a batch of questions and contexts.

        Args:
            input_ids: [B, T] int64, the contexts.
            question_ids: [B, J] int64.
            attention_mask: [B, T], non-zero at real tokens of the contexts; padding may be on either side.
            question_mask: [B, J], likewise of the questions.
            char_ids: [B, T, W] int64, characters of the context's words, 0 at padding; of a model that reads
                characters.
            question_char_ids: [B, J, W] int64.
            start_positions: [B] int64, the first token of the answer; -100 where the context has none. With
                both positions the output has the losses.
            end_positions: [B] int64, the last token of the answer.
            skim_threshold: The dial, in [0, 1]; the configuration's if None.
            temperature: Of the Gumbel relaxation in training; the configuration's if None.
            slope: Of the hard sigmoid of `selective` in training; the configuration's if None.
            generator: Source of the noise; torch's global one if None.
            budget_weight: gamma; the configuration's if None.
            output_hidden_states: Whether to return what every layer made of the context.
            **kwargs: Ignored; what transformers passes to every model.

        Raises:
            ValueError: Inputs or options out of shape or range; says what was expected.
        """
        mask = real_tokens(input_ids, attention_mask, None, self.config.pad_token_id)
        asked = real_question(question_ids, question_mask, len(mask), self.config.pad_token_id)
        input_ids, question_ids = cast(Tensor, input_ids), cast(Tensor, question_ids)
        context = self._embed(input_ids, char_ids, "char_ids")
        question = self._embed(question_ids, question_char_ids, "question_char_ids")
        match = self._exact_match(input_ids, question_ids, asked).to(context.dtype)
        walk = self._walk(mask, context, generator, self._setting(skim_threshold, temperature, slope))
        start, end = self._score(context, question, match, asked, walk)
        found = gather_decisions(self.config, walk.readings)
        skimmed = skimmed_tokens(self.config, found, mask)
        losses: dict[str, Tensor] = {}
        if start_positions is not None or end_positions is not None:
            check_spans(start_positions, end_positions, mask)
            task = span_loss(start, end, cast(Tensor, start_positions), cast(Tensor, end_positions))
            budget = self._budget_loss(found, budget_weight)
            losses = {"loss": task + budget, "task_loss": task.detach(), "budget_loss": budget.detach()}
        keep = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return SkimRNNQuestionAnsweringOutput(
            **losses,
            start_logits=start,
            end_logits=end,
            decisions=found.choices,
            probabilities=found.probabilities,
            skim_rate=skim_rate(skimmed, mask),
            layer_skim_rates=layer_skim_rates(skimmed, mask),
            lengths=mask.sum(1),
            hidden_states=(context, *(reading.outputs for reading in walk.readings)) if keep else None,
        )

    def _embed(self, ids: Tensor, char_ids: Tensor | None, name: str) -> Tensor:
        """[B, T] words, and their characters, to [B, T, width]."""
        check_device(ids, self.embed_tokens.weight, "input_ids and question_ids")
        check_characters(self.config, char_ids, ids, name)
        vectors = self.embed_tokens(ids)
        if self.characters is not None:
            vectors = torch.cat([vectors, self.characters(char_ids).to(vectors.dtype)], -1)
        return self.highway(vectors)

    def _exact_match(self, ids: Tensor, question_ids: Tensor, asked: Tensor) -> Tensor:
        """[B, T, 1] bool, context words that are in the question too."""
        match = ((ids[:, :, None] == question_ids[:, None]) & asked[:, None]).any(2)
        if self.config.unk_token_id is not None:
            match = match & (ids != self.config.unk_token_id)
        return match[:, :, None]

    def _walk(
        self, mask: Tensor, context: Tensor, generator: torch.Generator | None, setting: Setting
    ) -> ContextWalk:
        walk = ContextWalk(mask, setting, self.dropout)
        if self.training:
            tokens = context.new_empty(walk.packings[0].index.shape[0], 0)
            # Drawn outside the layers, so that recomputation under checkpointing sees the same noise.
            walk.noises = iter(draw_noises(self.context_layers, tokens, generator))
        return walk

    def _score(
        self, context: Tensor, question: Tensor, match: Tensor, asked: Tensor, walk: ContextWalk
    ) -> tuple[Tensor, Tensor]:
        """Start and end, [B, T] each, the lowest finite number at padding."""
        if asked.shape[1] == 0:
            # One word of padding: attention needs something that it may leave out.
            question, asked = functional.pad(question, (0, 0, 0, 1)), functional.pad(asked, (0, 1))
        packings = [Packing.from_mask(asked, reverse=reverse) for reverse in (False, True)]
        for layer in self.context_layers[: len(self.encoder)]:
            context = walk.read(layer, context)
            question = self.dropout(question)
            question = layer.read_in_full(question, packings, recompute=walk.setting.recompute)
        matches = [match] if self.config.exact_match else []
        start, end = self.reader(context, question, matches, asked, walk)
        lowest = torch.finfo(start.dtype).min
        return start.masked_fill(~walk.mask, lowest), end.masked_fill(~walk.mask, lowest)

    def _budget_loss(self, found: Decisions, weight: float | None) -> Tensor:
        readers = [cast(SkimRNNReader, reader) for layer in self.context_layers for reader in layer.readers]
        widths = [cast(RecurrentCell, reader.cells[0]).input_size for reader in readers]
        visited = found.choices >= 0
        return budget_loss(self.config, weight, visited, found.log_probabilities, found.effort, widths)


__all__ = ["SkimRNNForQuestionAnswering"]
