"""What the models return: the usual fields, and how each token was read."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from transformers.utils import ModelOutput


@dataclass
class SkimRNNModelOutput(ModelOutput):
    """Output of the bare encoder. R counts the readers (layer * directions + direction), k the choices.

    Attributes:
        last_hidden_state: [B, T, d * directions], zeros at padding.
        decisions: [B, T, R] int64: 0 read, j >= 1 the j-th small size (or a copy), -1 padding or passed over.
        probabilities: [B, T, R, k], zeros at padding and where a jump passed over; k = 1 (all ones) for a
            plain network. Skip RNN: its accumulator and the rest to 1; SA-RNN: the share of the units
            updated, and of those kept.
        skim_rate: [B], share of the real tokens (SA-RNN: of their units) not fully read, mean over readers.
        lengths: [B] int64, real tokens.
        final_state: [B, parts, R, d]: h (and c) after the last real token; `initial_state` of the next piece.
        jumps: [B, T, directions] int64, the jump decided on after a token: 0 ends the reading, -1 where
            none was decided; None for a reader that does not jump.
        log_probabilities: [B, T, R, k], what the budget is computed from; only when asked for, and of
            policies with logits.
        effort: [B, T, R], share of a full read that each token takes, what the budget of the other policies
            is computed from; with the log probabilities.
        sampled_log_probabilities: [B, T, S], of the decisions that were sampled for REINFORCE: those of
            the R readers, then those of the jumps; zeros where none was. Only when asked for in training.
        baselines: [B, T, S], the rewards expected before these decisions.
        hidden_states: Inputs of the first layer and outputs of every layer; only when asked for.
    """

    last_hidden_state: Tensor | None = None
    decisions: Tensor | None = None
    probabilities: Tensor | None = None
    skim_rate: Tensor | None = None
    lengths: Tensor | None = None
    final_state: Tensor | None = None
    jumps: Tensor | None = None
    log_probabilities: Tensor | None = None
    effort: Tensor | None = None
    sampled_log_probabilities: Tensor | None = None
    baselines: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


@dataclass
class SkimRNNHeadOutput(ModelOutput):
    """Output of a model with a task head; fields not listed are those of `SkimRNNModelOutput`.

    Attributes:
        loss: 0-dim, task_loss + budget_loss + policy_loss; only with `labels`.
        logits: [B, labels], or [B, T, labels] per token. Of several rollouts this and all other rows are
            those of the first.
        task_loss: 0-dim, without the budget; only with `labels`.
        budget_loss: 0-dim, the weighted budget term; only with `labels`, zero for a plain network.
        policy_loss: 0-dim, the weighted loss of REINFORCE; only with `labels` in training, None where no
            decision is learned by it.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    decisions: Tensor | None = None
    probabilities: Tensor | None = None
    skim_rate: Tensor | None = None
    lengths: Tensor | None = None
    final_state: Tensor | None = None
    jumps: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    task_loss: Tensor | None = None
    budget_loss: Tensor | None = None
    policy_loss: Tensor | None = None


COMMON_FIELDS = (
    "decisions",
    "probabilities",
    "skim_rate",
    "lengths",
    "final_state",
    "jumps",
    "hidden_states",
)
"""What a head passes on of its encoder's output."""


@dataclass
class SkimRNNQuestionAnsweringOutput(ModelOutput):
    """Output of a question reader. R counts the readers of the context, in the order in which they read it.

    Those are the layers before the attention, after it and, of BiDAF, the one for the end, each forwards
    before backwards. Fields not listed are those of `SkimRNNModelOutput`.

    Attributes:
        loss: 0-dim, task_loss + budget_loss; only with positions.
        start_logits: [B, T], the lowest finite number at padding.
        end_logits: [B, T], likewise.
        decisions: [B, T, R] int64.
        probabilities: [B, T, R, k].
        skim_rate: [B], mean over the readers.
        layer_skim_rates: [B, R], of each.
        lengths: [B] int64, real tokens of the context.
        hidden_states: The context's vectors before the first layer, and the outputs of every layer; only when
            asked for.
        task_loss: 0-dim, -log p_start - log p_end, mean over the texts that have an answer.
        budget_loss: 0-dim, the weighted budget term.
    """

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    decisions: Tensor | None = None
    probabilities: Tensor | None = None
    skim_rate: Tensor | None = None
    layer_skim_rates: Tensor | None = None
    lengths: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    task_loss: Tensor | None = None
    budget_loss: Tensor | None = None
