"""Adaptive-reading RNNs as transformers models: the encoder, and heads for texts and for tokens."""

import os
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import GradientCheckpointingLayer, PreTrainedModel
from transformers import initialization as init
from transformers.utils import can_return_tuple

from .auto_map_skim_rnn import AUTO_MAP
from .budgets_skim_rnn import budget_term
from .cells_skim_rnn import LSTMCell, RecurrentCell
from .configuration_skim_rnn import SkimRNNConfig
from .exchange_skim_rnn import check_torch_module, copy_from_torch, copy_to_torch, new_torch_module
from .inputs_skim_rnn import (
    check_device,
    check_embeds,
    check_state,
    check_temperature,
    check_threshold,
    real_tokens,
)
from .outputs_skim_rnn import COMMON_FIELDS, SkimRNNHeadOutput, SkimRNNModelOutput
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting, SkimPolicy
from .pooling_skim_rnn import pool
from .reader_skim_rnn import SkimRNNReader
from .reinforce_skim_rnn import (
    first_rows,
    policy_gradient_loss,
    repeat_rows,
    samples_decisions,
    text_rewards,
    token_rewards,
)


class SkimRNNLayer(GradientCheckpointingLayer):
    """One layer: a forward reader and, if bidirectional, a backward one; each decides on its own."""

    def __init__(self, config: SkimRNNConfig, input_size: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(SkimRNNReader(config, input_size) for _ in range(config.num_directions))

    def forward(
        self,
        hidden: Tensor,
        packings: list[Packing],
        state: Tensor,
        noises: list[Tensor | None],
        setting: Setting,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Reads a padded batch.

        Args:
            hidden: [B, T, d_x].
            packings: One per direction.
            state: [B, parts, directions, d] before the first token.
            noises: One [N, k] per direction; None at inference.
            setting: How decisions are made.

        Returns:
            Outputs [B, T, d * directions], choices [B, T, directions], logits [B, T, directions, k]
            (k = 0 without a decision) and the final state [B, parts, directions, d].
        """
        outputs, choices, logits, finals = [], [], [], []
        for direction, reader in enumerate(self.readers):
            packing = packings[direction]
            start = state[:, :, direction].index_select(0, packing.order).unbind(1)
            reading = reader(packing.pack(hidden), packing, start, noises[direction], setting)
            scores = (
                reading.hidden.new_empty(reading.hidden.shape[0], 0)
                if reading.logits is None
                else reading.logits
            )
            outputs.append(packing.unpack(reading.hidden))
            choices.append(packing.unpack(reading.choices, fill=-1))
            logits.append(packing.unpack(scores))
            finals.append(packing.restore_order(torch.stack(reading.state, 1)))
        return torch.cat(outputs, -1), torch.stack(choices, 2), torch.stack(logits, 2), torch.stack(finals, 2)


class SkimRNNPreTrainedModel(PreTrainedModel):
    """Weight initialisation, loading and saving for all models of this family."""

    config: SkimRNNConfig
    config_class = SkimRNNConfig
    base_model_prefix = "skim_rnn"
    supports_gradient_checkpointing = True
    # The budget term is a mean over the batch, so the Trainer has to divide by the accumulation steps.
    accepts_loss_kwargs = False
    _no_split_modules = ["SkimRNNLayer"]  # noqa: RUF012 - transformers reads this class constant as a list

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, RecurrentCell):
            self._init_cell(module)
        elif isinstance(module, SkimPolicy):
            # Comes after its linear layer, so this is what stays: probabilities near one half at the start.
            init.xavier_uniform_(module.decision.weight)
            init.zeros_(module.decision.bias)
        else:
            super()._init_weights(module)

    def _init_cell(self, cell: RecurrentCell) -> None:
        """Xavier for the input weights, orthogonal for the recurrent ones, gate by gate."""
        rows = cell.size
        gates_ih, gates_hh = torch.empty_like(cell.weight_ih), torch.empty_like(cell.weight_hh)
        for gate in range(cell.gates):
            nn.init.xavier_uniform_(gates_ih[gate * rows : (gate + 1) * rows])
            nn.init.orthogonal_(gates_hh[gate * rows : (gate + 1) * rows])
        init.copy_(cell.weight_ih, gates_ih)
        init.copy_(cell.weight_hh, gates_hh)
        bias = torch.zeros_like(cell.bias_ih)
        if isinstance(cell, LSTMCell):
            bias[rows : 2 * rows] = float(self.config.forget_bias)
        init.copy_(cell.bias_ih, bias)
        init.zeros_(cell.bias_hh)

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Saves weights, configuration and the code that loads them, with its full map of classes."""
        if self._auto_class is not None:
            # Not above: transformers copies what such a line names, and only saving has a use for pipelines.
            from .pipeline_skim_rnn import add_custom_pipelines

            self.config.auto_map = dict(AUTO_MAP)
            add_custom_pipelines(self.config, self._auto_class)
        super().save_pretrained(save_directory, *args, **kwargs)


class SkimRNNModel(SkimRNNPreTrainedModel):
    """The encoder: word vectors and a stack of adaptive readers.

    With `policy="full"` it equals `torch.nn.LSTM`, `GRU` or `RNN`, and exchanges weights with them.
    """

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__(config)
        config.check_values()
        if config.vocab_size is not None:
            self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size, config.pad_token_id)
        self.input_widths = [
            config.input_width if layer == 0 else config.hidden_size * config.num_directions
            for layer in range(config.num_hidden_layers)
        ]
        self.layers = nn.ModuleList(SkimRNNLayer(config, width) for width in self.input_widths)
        self.dropout = nn.Dropout(config.dropout)
        self.gradient_checkpointing = False
        self.post_init()

    @property
    def parts(self) -> int:
        """State parts: 2 (h and c) for LSTM, else 1."""
        return self.layers[0].readers[0].parts

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        initial_state: Tensor | None = None,
        skim_threshold: float | None = None,
        temperature: float | None = None,
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
            initial_state: [B, parts, R, d], the `final_state` of the piece before; zeros if None.
            skim_threshold: The dial, in [0, 1]; the configuration's if None.
            temperature: Of the Gumbel relaxation in training; the configuration's if None.
            generator: Source of the Gumbel noise; torch's global one if None.
            output_hidden_states: Whether to return the input and the output of every layer.
            output_log_probabilities: Whether to return what the budget is computed from.
            **kwargs: Ignored; what transformers passes to every model.

        Raises:
            ValueError: Inputs or options out of shape or range; says what was expected.
        """
        mask = real_tokens(input_ids, attention_mask, inputs_embeds, self.config.pad_token_id)
        setting = self._setting(skim_threshold, temperature)
        hidden = self._embed(input_ids, inputs_embeds)
        packings = [Packing.from_mask(mask, reverse=bool(d)) for d in range(self.config.num_directions)]
        state = self._initial_state(initial_state, hidden)
        noises = self._draw_noise(hidden.new_empty(packings[0].index.shape[0], 0), generator, setting)
        keep = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        states, choices, logits, finals = [hidden], [], [], []
        for index, layer in enumerate(self.layers):
            readers = slice(index * self.config.num_directions, (index + 1) * self.config.num_directions)
            hidden, choice, logit, final = layer(
                self.dropout(hidden), packings, state[:, :, readers], noises[readers], setting
            )
            states.append(hidden)
            choices.append(choice)
            logits.append(logit)
            finals.append(final)
        decisions = torch.cat(choices, 2)
        log_probabilities = torch.cat(logits, 2).log_softmax(-1)
        return SkimRNNModelOutput(
            last_hidden_state=hidden,
            decisions=decisions,
            probabilities=self._probabilities(log_probabilities, decisions >= 0),
            skim_rate=_skim_rate(decisions, mask),
            lengths=mask.sum(1),
            final_state=torch.cat(finals, 2),
            log_probabilities=log_probabilities if output_log_probabilities else None,
            hidden_states=tuple(states) if keep else None,
        )

    def _setting(self, threshold: float | None, temperature: float | None) -> Setting:
        config = self.config
        return Setting(
            relaxed=self.training,
            temperature=check_temperature(config.gumbel_temperature if temperature is None else temperature),
            threshold=check_threshold(config.skim_threshold if threshold is None else threshold),
            straight_through=config.estimator == "straight_through",
            recompute=config.recompute_gates,
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
        return hidden.new_zeros(shape) if given is None else check_state(given, shape)

    def _draw_noise(
        self, tokens: Tensor, generator: torch.Generator | None, setting: Setting
    ) -> list[Tensor | None]:
        # Outside the layers, so that recomputation under checkpointing sees the same noise.
        readers = [reader for layer in self.layers for reader in layer.readers]
        return [r.policy.draw_noise(tokens, generator) if setting.relaxed else None for r in readers]

    def _probabilities(self, log_probabilities: Tensor, decided: Tensor) -> Tensor:
        if log_probabilities.shape[-1] == 0:
            return decided.to(log_probabilities.dtype)[..., None]
        return log_probabilities.detach().exp() * decided[..., None]

    def copy_from_torch(self, module: nn.RNNBase) -> None:
        """Takes over the weights of a `torch.nn.LSTM`, `GRU` or `RNN` (tanh) as the big cells.

        Raises:
            ValueError: The module has another kind or shape.
        """
        check_torch_module(module, self.config)
        for layer, direction, cell in self._big_cells():
            copy_from_torch(cell, module, layer, direction)

    def to_torch(self) -> nn.RNNBase:
        """A `torch.nn` module (batch first) with the weights of the big cells; exact for `policy="full"`."""
        module = new_torch_module(self.config).to(self.device, self.dtype)
        for layer, direction, cell in self._big_cells():
            copy_to_torch(cell, module, layer, direction)
        return module

    def _big_cells(self) -> list[tuple[int, int, RecurrentCell]]:
        readers = [reader for layer in self.layers for reader in cast(SkimRNNLayer, layer).readers]
        cells = [cast(RecurrentCell, cast(SkimRNNReader, reader).cells[0]) for reader in readers]
        return [(*divmod(index, self.config.num_directions), cell) for index, cell in enumerate(cells)]


def _skim_rate(decisions: Tensor, mask: Tensor) -> Tensor:
    """[B], share of real tokens not fully read, mean over readers; 0 for a text without tokens."""
    skimmed = ((decisions != 0) & mask[:, :, None]).sum((1, 2)).float()
    return skimmed / (mask.sum(1) * decisions.shape[2]).clamp(min=1)


class _SkimRNNHead(SkimRNNPreTrainedModel):
    """An encoder, dropout and a linear classifier; a head says what is classified and what the loss is."""

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__(config)
        self.num_labels = int(config.num_labels or 0)
        self.skim_rnn = SkimRNNModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size * config.num_directions, self.num_labels)
        self.post_init()

    @can_return_tuple
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
        batch, rollouts = len(mask), 1
        if labels is not None and self.training and samples_decisions(self.config):
            rollouts = self.config.num_rollouts
            tensors = (input_ids, mask, inputs_embeds, labels, kwargs.get("initial_state"))
            tensors = tuple(repeat_rows(tensor, rollouts) for tensor in tensors)
            input_ids, mask, inputs_embeds, labels, kwargs["initial_state"] = tensors
        encoded = self.skim_rnn(input_ids, mask, inputs_embeds, **kwargs)
        logits = self.classifier(self.dropout(self._features(encoded, mask)))
        losses = {} if labels is None else self._losses(encoded, logits, labels, budget_weight)
        rows = {"logits": logits, **{name: getattr(encoded, name) for name in COMMON_FIELDS}}
        if rollouts > 1:
            rows = {name: first_rows(value, batch) for name, value in rows.items()}
        return SkimRNNHeadOutput(**losses, **rows)

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        """What the classifier sees, [..., d * directions]."""
        raise NotImplementedError

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss without the budget, 0-dim."""
        raise NotImplementedError

    def _rewards(self, logits: Tensor, labels: Tensor) -> Tensor:
        """[B], how well each text was labelled, for the decisions that learn from it."""
        raise NotImplementedError

    def _losses(
        self, encoded: SkimRNNModelOutput, logits: Tensor, labels: Tensor, budget_weight: float | None
    ) -> dict[str, Tensor]:
        """The loss and its parts."""
        task = self._task_loss(logits, labels)
        budget = self._budget_loss(encoded, budget_weight)
        losses = {"loss": task + budget, "task_loss": task.detach(), "budget_loss": budget.detach()}
        if self.training and samples_decisions(self.config):
            rewards = self._rewards(logits, labels)
            policy = self.config.reinforce_weight * policy_gradient_loss(self.config, encoded, rewards)
            losses |= {"loss": losses["loss"] + policy, "policy_loss": policy.detach()}
        return losses

    def _budget_loss(self, encoded: SkimRNNModelOutput, weight: float | None) -> Tensor:
        weight = self.config.budget_weight if weight is None else weight
        if weight < 0:
            raise ValueError(f"budget_weight must be at least 0; got {weight!r}.")
        if self.config.policy == "full":
            return encoded.last_hidden_state.new_zeros(())
        widths = [w for w in self.skim_rnn.input_widths for _ in range(self.config.num_directions)]
        scores, decisions = cast(Tensor, encoded.log_probabilities), cast(Tensor, encoded.decisions)
        return weight * budget_term(self.config, scores, decisions >= 0, widths)


class SkimRNNForSequenceClassification(_SkimRNNHead):
    """Labels a text: one label, several, or numbers (`config.problem_type`), from the pooled states.

    `labels` are [B] int64, or [B, labels] float for several labels, or [B] float for regression.
    """

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        return pool(self.config, encoded, mask)

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return loss

    def _rewards(self, logits: Tensor, labels: Tensor) -> Tensor:
        return text_rewards(logits, labels, self.config.problem_type)


class SkimRNNForTokenClassification(_SkimRNNHead):
    """Labels every token of a text, from the state after it.

    `labels` are [B, T] int64; -100 is ignored.
    """

    def _features(self, encoded: SkimRNNModelOutput, mask: Tensor) -> Tensor:
        return cast(Tensor, encoded.last_hidden_state)

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(logits, labels, self.config)
        return loss

    def _rewards(self, logits: Tensor, labels: Tensor) -> Tensor:
        return token_rewards(logits, labels)


__all__ = [
    "SkimRNNForSequenceClassification",
    "SkimRNNForTokenClassification",
    "SkimRNNModel",
    "SkimRNNPreTrainedModel",
]
