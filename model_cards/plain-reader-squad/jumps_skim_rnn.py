"""LSTM-Jump: after every R tokens that were processed, a softmax over the state says how far to jump.

A jump of 0 ends the reading, 1 goes on with the next token, and K is the farthest. Tokens that a jump
passes over are not looked at and leave the state as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from .checks_skim_rnn import check_integer
from .configuration_skim_rnn import SkimRNNConfig


@dataclass(frozen=True)
class JumpRecord:
    """The decisions of a pass over N packed tokens; each belongs to the token that it was taken after.

    Attributes:
        jumps: [N] int64, 0..K; -1 where no decision was taken.
        log_probabilities: [N], of the decisions taken; 0 elsewhere.
        baselines: [N], the rewards that were expected; 0 where no decision was taken.
    """

    jumps: Tensor
    log_probabilities: Tensor
    baselines: Tensor


class JumpHead(nn.Module):
    """p(jump) = softmax(W_j h + b_j) over {0, ..., K}, and the baseline w_b h + c_b of REINFORCE.

    Args:
        hidden_size: d.
        size: K, the farthest jump.
        every: R, tokens processed before each decision.
        limit: N, jumps allowed per text.
    """

    def __init__(self, hidden_size: int, size: int, every: int, limit: int) -> None:
        super().__init__()
        self.every, self.limit = every, limit
        self.head = nn.Linear(hidden_size, size + 1)
        self.baseline = nn.Linear(hidden_size, 1)

    def draw_noise(self, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """[N] uniform in [0, 1), one number for a decision after each token; `tokens` is [N, any]."""
        dtype = torch.promote_types(tokens.dtype, torch.float32)
        return torch.rand(len(tokens), generator=generator, dtype=dtype, device=tokens.device)

    def decide(self, hidden: Tensor, noise: Tensor | None = None) -> JumpRecord:
        """One decision for each of n texts.

        Args:
            hidden: [n, d], the state after the token.
            noise: [n] of `draw_noise`, which samples; None takes the most probable jump.

        Returns:
            The record of n decisions. Its log-probabilities have a gradient to the state; the
            baseline regards the state as given.
        """
        logs = self.head(hidden).log_softmax(-1)
        if noise is None:
            jumps = logs.argmax(-1)
        else:
            # Inverse distribution function: the first jump whose cumulated probability exceeds the noise.
            below = logs.detach().to(noise.dtype).exp().cumsum(-1) <= noise[:, None]
            jumps = below.sum(-1).clamp(max=logs.shape[-1] - 1)
        chosen = logs.gather(-1, jumps[:, None]).squeeze(-1)
        return JumpRecord(jumps, chosen, self.baseline(hidden.detach()).squeeze(-1))


class Jumper:
    """Says in one pass over packed texts, long to short, how far the pointer of each text moves.

    Args:
        head: Decides.
        sizes: Texts that have a token at each step; their sum is the number of packed tokens.
        every: R of this pass; the head's own if None.
        limit: N of this pass; the head's own if None.
        noise: [sum of sizes] of the head's `draw_noise`, to sample; None is greedy.
    """

    def __init__(
        self,
        head: JumpHead,
        sizes: list[int],
        every: int | None = None,
        limit: int | None = None,
        noise: Tensor | None = None,
    ) -> None:
        self.head, self.noise = head, noise
        self.every = head.every if every is None else every
        self.limit = head.limit if limit is None else limit
        self.starts = [0, *accumulate(sizes)]
        self.processed: Tensor | None = None
        self.used: Tensor | None = None
        self.places: list[Tensor] = []
        self.taken: list[JumpRecord] = []

    def move(self, step: int, hidden: Tensor, visited: Tensor | None, going_on: int) -> Tensor:
        """How far each of n texts moves after a step.

        Args:
            step: Number of the token.
            hidden: [n, d], the top layer's state after it.
            visited: [n] bool, the texts that processed this token; None for all of them.
            going_on: Texts with a token after this one: always the first rows of the n.

        Returns:
            [n] int64, 1 for the next token, 0 where reading ends. Rows not visited have no meaning.
        """
        n = len(hidden)
        visited = torch.ones(n, dtype=torch.bool, device=hidden.device) if visited is None else visited
        processed = visited.long() if self.processed is None else self.processed[:n] + visited
        used = torch.zeros_like(processed) if self.used is None else self.used[:n]
        due = visited & (processed % self.every == 0)
        due[going_on:] = False
        rows = (due & (used < self.limit)).nonzero().squeeze(1)
        distance = (~due).long()
        if len(rows):
            places = self.starts[step] + rows
            taken = self.head.decide(hidden[rows], None if self.noise is None else self.noise[places])
            distance = distance.index_copy(0, rows, taken.jumps)
            used = used.index_add(0, rows, torch.ones_like(rows))
            self.places.append(places)
            self.taken.append(taken)
        self.processed, self.used = processed, used
        return distance

    def finish(self, hidden: Tensor) -> JumpRecord:
        """All decisions, each at its token; `hidden` is a state [any, d], whatever it holds."""
        # Decided on no text, so that the head is part of the graph of every pass: parallel training wants it.
        taken = [*self.taken, self.head.decide(hidden[:0])]
        places = torch.cat([*self.places, torch.empty(0, dtype=torch.int64, device=hidden.device)])
        jumps, logs, baselines = (
            torch.cat(values)
            for values in zip(*((t.jumps, t.log_probabilities, t.baselines) for t in taken), strict=True)
        )
        count = self.starts[-1]
        return JumpRecord(
            jumps.new_full((count,), -1).index_copy(0, places, jumps),
            logs.new_zeros(count).index_copy(0, places, logs),
            baselines.new_zeros(count).index_copy(0, places, baselines),
        )


def new_jump_head(config: SkimRNNConfig) -> JumpHead | None:
    """The head that a configuration asks for; None without jumps."""
    every, size, limit = config.jump_every, config.jump_size, config.jump_limit
    if every is None or size is None or limit is None:
        return None
    return JumpHead(config.hidden_size, size, every, limit)


def check_jumps(jumps: bool, every: int | None, limit: int | None) -> None:
    """Refuses an R or N of a call that are too small, or given to a model without jumps.

    Args:
        jumps: Whether the model jumps.
        every: R of the call, or None.
        limit: N of the call, or None.

    Raises:
        ValueError: Says what was expected.
    """
    if not jumps and (every is not None or limit is not None):
        raise ValueError(
            f"jump_every={every!r} and jump_limit={limit!r} need a model that jumps: configure "
            "jump_every, jump_size and jump_limit, or leave them out here."
        )
    for name, value, lowest in (("jump_every", every, 1), ("jump_limit", limit, 0)):
        if value is not None:
            check_integer(name, value, lowest)


def check_token_outputs(config: SkimRNNConfig) -> None:
    """Refuses a model whose outputs at one token do not belong together.

    Raises:
        ValueError: Names the combinations that work.
    """
    if config.jumps and config.bidirectional:
        raise ValueError(
            "Readers of both directions jump over different tokens, so that their outputs at a token do not "
            "belong together: take bidirectional=False, leave jump_every, jump_size and jump_limit out, or "
            "label whole texts with SkimRNNForSequenceClassification."
        )
