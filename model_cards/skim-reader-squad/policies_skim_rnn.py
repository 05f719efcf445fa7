"""Reading policies: how the token under the pointer updates the state, and which token comes next.

A policy observes a token, the state and its own memory, and acts. The reader knows nothing else of
it, so a new way of reading is a new policy and not a new model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cells_skim_rnn import State
from .estimators_skim_rnn import gumbel_noise, gumbel_softmax, hard_choice
from .packing_skim_rnn import Packing


@dataclass(frozen=True)
class Setting:
    """How decisions are made in one forward pass.

    Attributes:
        relaxed: True mixes the branches for training; False takes one branch (inference).
        temperature: Of the relaxation.
        threshold: Skim above this probability, at inference.
        straight_through: Whether the relaxation is a hard sample with a soft gradient.
        recompute: Whether a backward pass computes the gates again instead of keeping them.
        slope: Of the hard sigmoid of selective units, in training.
        jump_every: R, tokens processed before each decision to jump; the jump head's own if None.
        jump_limit: N, jumps allowed per text; the jump head's own if None.
    """

    relaxed: bool = False
    temperature: float = 0.5
    threshold: float = 0.5
    straight_through: bool = False
    recompute: bool = False
    slope: float = 1.0
    jump_every: int | None = None
    jump_limit: int | None = None


@dataclass
class Action:
    """What a policy does with one token of each text.

    Attributes:
        choice: [n] int64, the granularity (0 is the big cell).
        logits: [n, k] scores of the granularities, for the budget and the trace; None without any.
        weights: [n, k] mixing weights in training; None executes `choice` alone.
        mask: [n, d] share of every unit that is updated; None updates what the granularity covers.
        jump: [n] int64, how far the pointer moves; None is one token.
        stop: [n] bool, whether reading ends after this token; None goes on.
        memory: What the policy remembers; None if it remembers nothing.
        probabilities: [n, k], for the trace, of a policy without logits.
        effort: [n], share of a full read with its gradient, for the budget of a policy without logits.
        baseline: [n], the reward expected before a sampled choice; None where none is sampled.
    """

    choice: Tensor
    logits: Tensor | None = None
    weights: Tensor | None = None
    mask: Tensor | None = None
    jump: Tensor | None = None
    stop: Tensor | None = None
    memory: Tensor | None = None
    probabilities: Tensor | None = None
    effort: Tensor | None = None
    baseline: Tensor | None = None


class ReadingPolicy(nn.Module):
    """Decides, token by token, how to read.

    Attributes:
        num_choices: k, how many granularities the policy chooses from.
        needs_input: Whether a decision looks at the token itself (Skim) or only at the state (Skip).
        decides_for_stack: Whether the top reader of a stack decides for all of them.
        shares_noise: Whether the readers of all layers of a direction have one noise.
    """

    needs_input: ClassVar[bool] = True
    decides_for_stack: ClassVar[bool] = False
    shares_noise: ClassVar[bool] = False
    num_choices: int = 1

    def init_memory(self, like: Tensor) -> Tensor | None:
        """The memory before the first token of each row of `like` ([B, d])."""
        return None

    def project(self, inputs: Tensor) -> Tensor:
        """What the decision needs of the inputs: [N, d_x] to [N, any], computed for all tokens at once."""
        return inputs.new_empty(inputs.shape[0], 0)

    def draw_noise(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """Noise for N tokens; None if it needs none. Of `inputs` only length, dtype and device count."""
        return None

    def clock(self, packing: Packing) -> Tensor | None:
        """What takes the place of the noise where none is drawn, [N, any]; None if nothing does."""
        return None

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Acts on one token of each of n texts.

        Args:
            projected: [n, any], rows of `project`.
            state: Before the token, each part [n, d].
            memory: The policy's memory, first dimension n.
            noise: Rows of `draw_noise`; None at inference.
            setting: How decisions are made.
        """
        raise NotImplementedError

    def observe(self, action: Action, candidate: State, state: State, setting: Setting) -> Tensor | None:
        """Sees what came of an action, and remembers.

        Args:
            action: What `decide` returned.
            candidate: The state as the token would leave it if all of it were taken, each part [n, d].
            state: The state after the token.
            setting: How decisions are made.

        Returns:
            The memory before the next token, first dimension n.
        """
        return action.memory


class FullPolicy(ReadingPolicy):
    """Reads every token: a plain recurrent network."""

    needs_input = False

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Chooses the big cell."""
        return Action(torch.zeros(len(state[0]), dtype=torch.int64, device=state[0].device))


class SkimPolicy(ReadingPolicy):
    """Skim-RNN: p_t = softmax(W_a [x_t; h_{t-1}] + b_a) over the granularities (eq. 1).

    Args:
        input_size: d_x.
        hidden_size: d.
        num_choices: k, at least 2.
        baseline: Whether a baseline w_b h_{t-1} + c_b is learned, for REINFORCE.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_choices: int, *, baseline: bool = False
    ) -> None:
        super().__init__()
        self.num_choices = num_choices
        self.input_size = input_size
        self.decision = nn.Linear(input_size + hidden_size, num_choices)
        self.baseline = nn.Linear(hidden_size, 1) if baseline else None

    def project(self, inputs: Tensor) -> Tensor:
        """[N, d_x] to the input's share of the logits, [N, k]."""
        return functional.linear(inputs, self.decision.weight[:, : self.input_size], self.decision.bias)

    def draw_noise(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """[N, k] Gumbel noise."""
        return gumbel_noise(inputs.new_empty(inputs.shape[0], self.num_choices), generator)

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Skims or reads; see `hard_choice` and `gumbel_softmax`. Noise without relaxation samples."""
        logits = projected + functional.linear(state[0], self.decision.weight[:, self.input_size :])
        if noise is None:
            return Action(hard_choice(torch.softmax(logits, -1), setting.threshold), logits)
        if not setting.relaxed:
            # The largest logit plus Gumbel noise is a sample; the state is not to please the baseline.
            expected = None if self.baseline is None else self.baseline(state[0].detach()).squeeze(-1)
            return Action((logits.detach() + noise).argmax(-1), logits, baseline=expected)
        weights = gumbel_softmax(
            logits, noise, setting.temperature, straight_through=setting.straight_through
        )
        return Action(weights.detach().argmax(-1), logits, weights)
