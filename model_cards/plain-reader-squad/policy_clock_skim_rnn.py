"""Controls that decide by the clock: skipping at random, or every so many tokens, whatever the text says."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from .cells_skim_rnn import State
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Action, ReadingPolicy, Setting

_MASK = (1 << 64) - 1


class ClockPolicy(ReadingPolicy):
    """Reads or copies each token by its place in reading order; all layers of a direction alike.

    Its noise is one number per token: a token is read if it is at least `skip_rate`.

    Args:
        skip_rate: Share of the tokens that are skipped, in [0, 1).
    """

    needs_input: ClassVar[bool] = False
    shares_noise: ClassVar[bool] = True
    num_choices = 2

    def __init__(self, skip_rate: float) -> None:
        super().__init__()
        self.skip_rate = skip_rate

    def at(self, step: int) -> float:
        """The number of the token at a step, the first being 0."""
        raise NotImplementedError

    def clock(self, packing: Packing) -> Tensor:
        """[N, 1] float64."""
        numbers = [self.at(step) for step in range(len(packing.batch_sizes))]
        per_step = torch.tensor(numbers, dtype=torch.float64).reshape(-1, 1)
        return per_step.repeat_interleave(packing.batch_sizes, 0).to(packing.index.device)

    def reads(self, noise: Tensor) -> Tensor:
        """[n] bool, the tokens that are read; of noise [n, 1]."""
        return noise[:, 0] >= self.skip_rate

    def probabilities(self, reads: Tensor, dtype: torch.dtype) -> Tensor:
        """[n, 2], of tokens that are read or not."""
        raise NotImplementedError

    def decide(
        self, projected: Tensor, state: State, memory: Tensor | None, noise: Tensor | None, setting: Setting
    ) -> Action:
        """Reads or copies.

        Raises:
            ValueError: No noise: neither drawn nor from `clock`.
        """
        if noise is None:
            raise ValueError(f"{type(self).__name__} decides by its noise: pass that of draw_noise or clock.")
        reads, dtype = self.reads(noise), state[0].dtype
        mask = reads.to(dtype)[:, None] if setting.relaxed else None
        return Action((~reads).long(), mask=mask, probabilities=self.probabilities(reads, dtype))


class RandomPolicy(ClockPolicy):
    """Tosses a coin for every token: fresh ones in training, the same for every text in evaluation."""

    def draw_noise(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """[N, 1], uniform."""
        return torch.rand(len(inputs), 1, generator=generator, device=inputs.device)

    def at(self, step: int) -> float:
        """A coin that any implementation can toss: `uniform`."""
        return uniform(step)

    def probabilities(self, reads: Tensor, dtype: torch.dtype) -> Tensor:
        """Those of the coin."""
        return reads.new_tensor([1 - self.skip_rate, self.skip_rate], dtype=dtype).expand(len(reads), 2)


class PeriodicPolicy(ClockPolicy):
    """Reads as evenly spread as can be: where floor(t (1 - skip_rate)) steps up; the first token too."""

    def at(self, step: int) -> float:
        """1 where the token is read, else -1."""
        keep = 1 - self.skip_rate
        return 1.0 if math.floor(step * keep) > math.floor((step - 1) * keep) else -1.0

    def probabilities(self, reads: Tensor, dtype: torch.dtype) -> Tensor:
        """All or nothing."""
        return torch.stack((reads, ~reads), 1).to(dtype)


def uniform(step: int) -> float:
    """A number in [0, 1) for each step: the top 53 bits of splitmix64 (its output function of step + 1)."""
    z = (step + 1) * 0x9E3779B97F4A7C15 & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return ((z ^ z >> 31) >> 11) * 2.0**-53
