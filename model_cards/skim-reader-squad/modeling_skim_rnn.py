"""Adaptive-reading RNNs as transformers models: the encoder, and heads for texts and for tokens."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import utils

from .budgets_skim_rnn import budget_loss
from .cells_skim_rnn import CELLS, RecurrentCell
from .checks_question_skim_rnn import check_no_question
from .configuration_skim_rnn import SkimRNNConfig
from .exchange_skim_rnn import check_torch_module, copy_from_torch, copy_to_torch, new_torch_module
from .inputs_skim_rnn import check_device, check_embeds, check_state, real_tokens
from .jumps_skim_rnn import check_jumps, check_token_outputs
from .layers_skim_rnn import LayerReading, SkimRNNLayer, read_stacks
from .outputs_skim_rnn import COMMON_FIELDS, SkimRNNHeadOutput, SkimRNNModelOutput
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting
from .pooling_skim_rnn import pool
from .pretrained_skim_rnn import SkimRNNPreTrainedModel
from .question_skim_rnn import SkimRNNForQuestionAnswering
from .reader_skim_rnn import SkimRNNReader
from .readings_skim_rnn import draw_noises, gather_decisions, skim_rate, skimmed_tokens
from .reinforce_skim_rnn import (
    first_rows,
    label_rewards,
    policy_gradient_loss,
    repeat_rows,
    sampled_decisions,
    samples_decisions,
)


class SkimRNNModel(SkimRNNPreTrainedModel):
    """The encoder: word vectors and a stack of adaptive readers.

    With `policy="full"` it equals `torch.nn.LSTM`, `GRU` or `RNN`, and exchanges weights with them.
    """

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__(config)
        config.check_values()
        check_no_question(config)
        if config.vocab_size is not None:
            self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size, config.pad_token_id)
        self.input_widths = [
            config.input_width if layer == 0 else config.hidden_size * config.num_directions
            for layer in range(config.num_hidden_layers)
        ]
        last = config.num_hidden_layers - 1
        self.layers = nn.ModuleList(
            SkimRNNLayer(config, width, top=layer == last) for layer, width in enumerate(self.input_widths)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.gradient_checkpointing = False
        self.post_init()
        self.train()

    @property
    def parts(self) -> int:
        """State parts: 2 (h and c) for LSTM, else 1."""
        return CELLS[self.config.cell_type].parts

    @utils.can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        initial_state: Tensor | None = None,
        skim_threshold: float | None = None,
        temperature: float | None = None,
        slope: float | None = None,
        jump_every: int | None = None,
        jump_limit: int | None = None,
        generator: torch.Generator | None = None,
        output_hidden_states: bool | None = None,
        output_log_probabilities: bool = False,
        **kwargs: Any,
    ) -> SkimRNNModelOutput:
        """Reads a batch: relaxed in training mode, with hard decisions in evaluation mode.

        Args:
            input_ids: [B, T] int64.
            attention_mask: [B, T], non-zero at real tokens; padding may be on either side.
            inputs_embeds: [B, T, width], word vectors or continuous features, instead of `input_ids`.
            initial_state: [B, parts, R, d], the `final_state` of the piece before; if None, zeros or what was
                learned. What a policy remembers, and the count of jumps, start anew with every piece.
            skim_threshold: The dial, in [0, 1]; the configuration's if None.
            temperature: Of the Gumbel relaxation in training; the configuration's if None.
            slope: Of the hard sigmoid of `selective` in training; the configuration's if None.
            jump_every: R, tokens read before each decision to jump; the configuration's if None.
            jump_limit: N, jumps that a text may take; the configuration's if None.
            generator: Source of the noise; torch's global one if None.
            output_hidden_states: Whether to return the input and the output of every layer.
            output_log_probabilities: Whether to return what budget and policy loss are computed from.
            **kwargs: Ignored; what transformers passes to every model.

        Raises:
            ValueError: Inputs or options out of shape or range; says what was expected.
        """
        mask = real_tokens(input_ids, attention_mask, inputs_embeds, self.config.pad_token_id)
        check_jumps(self.config.jumps, jump_every, jump_limit)
        setting = self._setting(skim_threshold, temperature, slope)
        setting = replace(setting, jump_every=jump_every, jump_limit=jump_limit)
        hidden = self._embed(input_ids, inputs_embeds)
        packings = [Packing.from_mask(mask, reverse=bool(d)) for d in range(self.config.num_directions)]
        state = self._initial_state(initial_state, hidden)
        keep = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        layers = list(self._read(self.dropout(hidden), packings, state, generator, setting))
        if not layers:
            return self._words(hidden, mask, state, keep=bool(keep))
        found = gather_decisions(self.config, layers)
        asked = {}
        if output_log_probabilities:
            asked = {
                "log_probabilities": found.log_probabilities,
                "effort": found.effort,
                **(sampled_decisions(self.config, layers, found.log_probabilities) if self.training else {}),
            }
        return SkimRNNModelOutput(
            last_hidden_state=layers[-1].outputs,
            decisions=found.choices,
            probabilities=found.probabilities,
            skim_rate=skim_rate(skimmed_tokens(self.config, found, mask), mask),
            lengths=mask.sum(1),
            final_state=torch.cat([layer.state for layer in layers], 2),
            jumps=layers[-1].jumps,
            hidden_states=(hidden, *(layer.outputs for layer in layers)) if keep else None,
            **asked,
        )

    def _read(
        self,
        hidden: Tensor,
        packings: list[Packing],
        state: Tensor,
        generator: torch.Generator | None,
        setting: Setting,
    ) -> Iterator[LayerReading]:
        """Layer by layer; or, where one decision or one pointer serves all layers, token by token."""
        layers = [cast(SkimRNNLayer, layer) for layer in self.layers]
        tokens = hidden.new_empty(packings[0].index.shape[0], 0)
        # Drawn outside the layers, so that recomputation under checkpointing sees the same noise.
        silent: list[Tensor | None] = [None] * self.config.num_readers
        noises = draw_noises(layers, tokens, generator) if self.training else silent
        jump_noises = self._draw_jump_noise(tokens, generator)
        if len(layers) > 1 and (self.config.jumps or layers[-1].readers[0].policy.decides_for_stack):
            read: Callable[..., list[LayerReading]] = read_stacks
            if self.gradient_checkpointing and self.training:
                read = partial(self._gradient_checkpointing_func, read_stacks)
            yield from read(layers, hidden, packings, state, noises, jump_noises, setting, self.dropout)
            return
        directions = len(packings)
        for index, layer in enumerate(layers):
            readers = slice(index * directions, (index + 1) * directions)
            reading = layer(hidden, packings, state[:, :, readers], noises[readers], jump_noises, setting)
            # Checkpointing may lose the names of the tuple.
            yield LayerReading(*reading)
            hidden = self.dropout(reading[0]) if index + 1 < len(layers) else hidden

    def _words(self, hidden: Tensor, mask: Tensor, state: Tensor, *, keep: bool) -> SkimRNNModelOutput:
        """A model without layers: word vectors, which nobody reads."""
        rate = mask.new_zeros(len(mask), dtype=torch.float32)
        nobody = hidden.new_zeros(*mask.shape, 0, 1)
        return SkimRNNModelOutput(
            last_hidden_state=hidden.masked_fill(~mask[:, :, None], 0),
            decisions=nobody[..., 0].long(),
            probabilities=nobody,
            skim_rate=rate,
            lengths=mask.sum(1),
            final_state=state,
            log_probabilities=None,
            hidden_states=(hidden,) if keep else None,
        )

    def _embed(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        if inputs_embeds is not None:
            return check_embeds(inputs_embeds, self.config.input_width)
        if self.config.vocab_size is None:
            raise ValueError(
                "This model reads continuous features: pass them as inputs_embeds, not input_ids."
            )
        check_device(cast(Tensor, input_ids), self.embed_tokens.weight, "input_ids")
        return self.embed_tokens(input_ids)

    def _initial_state(self, given: Tensor | None, hidden: Tensor) -> Tensor:
        shape = (hidden.shape[0], self.parts, self.config.num_readers, self.config.hidden_size)
        if given is not None:
            return check_state(given, shape)
        if not self.config.learned_initial_state:
            return hidden.new_zeros(shape)
        learned = [reader.initial_state for layer in self.layers for reader in layer.readers]
        return torch.stack(learned, 1).to(hidden.dtype).expand(shape)

    def _draw_jump_noise(self, tokens: Tensor, generator: torch.Generator | None) -> list[Tensor | None]:
        """Of the jump head of each direction; None at inference, and without jumps."""
        if not self.training or not self.config.jumps:
            return [None] * self.config.num_directions
        return [reader.jump.draw_noise(tokens, generator) for reader in self.layers[-1].readers]

    def copy_from_torch(self, module: nn.RNNBase) -> None:
        """Takes over the weights of a `torch.nn.LSTM`, `GRU` or `RNN` (tanh) as the big cells.

        Raises:
            ValueError: The module has another kind or shape.
        """
        check_torch_module(module, self.config)
        for layer, direction, cell in self._big_cells():
            copy_from_torch(cell, module, layer, direction)

    def to_torch(self) -> nn.RNNBase:
        """A `torch.nn` module (batch first) with the weights of the big cells; exact for `policy="full"`.

        Raises:
            ValueError: There are no layers.
        """
        module = new_torch_module(self.config).to(self.device, self.dtype)
        for layer, direction, cell in self._big_cells():
            copy_to_torch(cell, module, layer, direction)
        return module

    def _big_cells(self) -> list[tuple[int, int, RecurrentCell]]:
        readers = [reader for layer in self.layers for reader in cast(SkimRNNLayer, layer).readers]
        cells = [cast(RecurrentCell, cast(SkimRNNReader, reader).cells[0]) for reader in readers]
        return [(*divmod(index, self.config.num_directions), cell) for index, cell in enumerate(cells)]


class _SkimRNNHead(SkimRNNPreTrainedModel):
    """An encoder, dropout and a linear classifier; a head says what is classified and what the loss is."""

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__(config)
        self.num_labels = int(config.num_labels or 0)
        self.skim_rnn = SkimRNNModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.output_width, self.num_labels)
        self.post_init()

    @utils.can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        budget_weight: float | None = None,
        **kwargs: Any,
    ) -> SkimRNNHeadOutput:
        """Classifies a batch.

        Args:
            input_ids: [B, T] int64.
            attention_mask: [B, T].
            inputs_embeds: [B, T, width], instead of `input_ids`.
            labels: As the class says; with them the output has the losses.
            budget_weight: gamma; the configuration's if None.
            **kwargs: Those of `SkimRNNModel.forward`.
        """
        mask = real_tokens(input_ids, attention_mask, inputs_embeds, self.config.pad_token_id)
        kwargs |= {"return_dict": True, "output_log_probabilities": labels is not None}
        batch, rollouts = mask.shape[0], 1
        if labels is not None and self.training and samples_decisions(self.config):
            rollouts = self.config.num_rollouts
            input_ids, inputs_embeds = repeat_rows(input_ids, rollouts), repeat_rows(inputs_embeds, rollouts)
            mask, labels = mask.repeat(rollouts, 1), repeat_rows(labels, rollouts)
            kwargs["initial_state"] = repeat_rows(kwargs.get("initial_state"), rollouts)
        encoded = self.skim_rnn(input_ids, mask, inputs_embeds, **kwargs)
        logits = self.classifier(self.dropout(self._features(encoded, mask)))
        losses: dict[str, Any] = (
            {} if labels is None else self._losses(encoded, logits, labels, budget_weight)
        )
        rows: dict[str, Any] = {"logits": logits, **{name: getattr(encoded, name) for name in COMMON_FIELDS}}
        if rollouts > 1:
            rows = {name: first_rows(value, batch) for name, value in rows.items()}
        return SkimRNNHeadOutput(**losses, **rows)

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        """What the classifier sees, [..., d * directions]."""
        raise NotImplementedError

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss without the budget, 0-dim."""
        raise NotImplementedError

    def _losses(
        self, encoded: SkimRNNModelOutput, logits: Tensor, labels: Tensor, budget_weight: float | None
    ) -> dict[str, Tensor]:
        """The loss and its parts."""
        task = self._task_loss(logits, labels)
        budget = self._budget_loss(encoded, budget_weight)
        losses = {"loss": task + budget, "task_loss": task.detach(), "budget_loss": budget.detach()}
        if self.training and samples_decisions(self.config):
            policy = policy_gradient_loss(self.config, encoded, label_rewards(logits, labels, self.config))
            losses |= {"loss": losses["loss"] + policy, "policy_loss": policy.detach()}
        return losses

    def _budget_loss(self, encoded: SkimRNNModelOutput, weight: float | None) -> Tensor:
        widths = [w for w in self.skim_rnn.input_widths for _ in range(self.config.num_directions)]
        visited = cast(Tensor, encoded.decisions) >= 0
        # Without layers there is none, and nothing is paid.
        effort = cast(Tensor, encoded.last_hidden_state if encoded.effort is None else encoded.effort)
        return budget_loss(self.config, weight, visited, encoded.log_probabilities, effort, widths)


class SkimRNNForSequenceClassification(_SkimRNNHead):
    """Labels a text: one label, several, or numbers (`config.problem_type`), from the pooled states.

    `labels` are [B] int64, or [B, labels] float for several labels, or [B] float for regression.
    """

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        return pool(self.config, encoded, mask)

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return loss


class SkimRNNForTokenClassification(_SkimRNNHead):
    """Labels every token of a text, from the state after it.

    `labels` are [B, T] int64; -100 is ignored. A token that a jump passes over has the state before it.
    """

    def __init__(self, config: SkimRNNConfig) -> None:
        check_token_outputs(config)
        super().__init__(config)

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        return cast(Tensor, encoded.last_hidden_state)

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(logits, labels, self.config)
        return loss


__all__ = [
    "SkimRNNForQuestionAnswering",
    "SkimRNNForSequenceClassification",
    "SkimRNNForTokenClassification",
    "SkimRNNModel",
    "SkimRNNPreTrainedModel",
]
