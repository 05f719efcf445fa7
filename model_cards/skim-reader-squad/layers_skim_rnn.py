"""Layers of readers: padded batches in and out, layer by layer or as a stack that reads token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import GradientCheckpointingLayer

from .configuration_skim_rnn import SkimRNNConfig
from .loop_skim_rnn import Reading, read_stack
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting
from .reader_skim_rnn import SkimRNNReader


class LayerReading(NamedTuple):
    """What a layer made of a padded batch; a tuple, since it may be computed again for its gradient.

    Attributes:
        outputs: [B, T, d * directions], zeros at padding.
        choices: [B, T, directions] int64, -1 at padding and where a jump passed over.
        scores: [B, T, directions, k], logits, or the probabilities of a policy without; k = 0 without a
            decision.
        effort: [B, T, directions], zeros of a policy without.
        state: [B, parts, directions, d], after the last token.
        baselines: [B, T, directions], of sampled choices; zeros where none was sampled.
        jumps: [B, T, directions] int64, -1 where none was decided; None of readers that do not jump.
        jump_logs: [B, T, directions], their log-probabilities.
        jump_baselines: [B, T, directions], the rewards expected before them.
    """

    outputs: Tensor
    choices: Tensor
    scores: Tensor
    effort: Tensor
    state: Tensor
    baselines: Tensor
    jumps: Tensor | None = None
    jump_logs: Tensor | None = None
    jump_baselines: Tensor | None = None


class SkimRNNLayer(GradientCheckpointingLayer):
    """One layer: a forward reader and, if bidirectional, a backward one; each decides on its own."""

    def __init__(self, config: SkimRNNConfig, input_size: int, *, top: bool = True) -> None:
        super().__init__()
        self.readers = nn.ModuleList(
            SkimRNNReader(config, input_size, top=top) for _ in range(config.num_directions)
        )

    def forward(
        self,
        hidden: Tensor,
        packings: list[Packing],
        state: Tensor,
        noises: list[Tensor | None],
        jump_noises: list[Tensor | None],
        setting: Setting,
    ) -> LayerReading:
        """Reads a padded batch.

        Args:
            hidden: [B, T, d_x].
            packings: One per direction.
            state: [B, parts, directions, d] before the first token.
            noises: One [N, k] per direction; None at inference.
            jump_noises: One [N] per direction, to sample its jumps; None is greedy.
            setting: How decisions are made.
        """
        readings = []
        for direction, reader in enumerate(self.readers):
            packing = packings[direction]
            start = state[:, :, direction].index_select(0, packing.order).unbind(1)
            inputs, noise = packing.pack(hidden), noises[direction]
            readings.append(reader(inputs, packing, start, noise, setting, jump_noises[direction]))
        return _padded(readings, packings)

    def start(self, like: Tensor) -> Tensor:
        """[B, parts, directions, d], what each row of `like` starts from: learned states, or zeros."""
        states = [cast(SkimRNNReader, reader).start(like) for reader in self.readers]
        return torch.stack(states, 2)

    def read_in_full(self, hidden: Tensor, packings: list[Packing], *, recompute: bool = False) -> Tensor:
        """What the big cells alone make of a padded batch, [B, T, d * directions], whatever the policy.

        Args:
            hidden: [B, T, d_x].
            packings: One per direction.
            recompute: Whether a backward pass computes the gates again instead of keeping them.
        """
        outputs = []
        for reader, packing in zip(self.readers, packings, strict=True):
            start = cast(SkimRNNReader, reader).start(hidden).index_select(0, packing.order).unbind(1)
            read = cast(SkimRNNReader, reader).read_in_full(packing.pack(hidden), packing, start, recompute)
            outputs.append(packing.unpack(read))
        return torch.cat(outputs, -1)


def read_stacks(
    layers: Sequence[SkimRNNLayer],
    hidden: Tensor,
    packings: list[Packing],
    state: Tensor,
    noises: list[Tensor | None],
    jump_noises: list[Tensor | None],
    setting: Setting,
    between: Callable[[Tensor], Tensor],
) -> list[LayerReading]:
    """Reads a padded batch token by token, every direction with all its layers.

    Args:
        layers: From bottom to top.
        hidden: [B, T, d_x].
        packings: One per direction.
        state: [B, parts, R, d] before the first token.
        noises: One per reader (layer * directions + direction), or None.
        jump_noises: One per direction, to sample the jumps of its top reader; None is greedy.
        setting: How decisions are made.
        between: Applied between the layers.

    Returns:
        What each layer would return.
    """
    per_layer: list[list[Reading]] = [[] for _ in layers]
    for direction, packing in enumerate(packings):
        readers = [cast(SkimRNNReader, layer.readers[direction]) for layer in layers]
        own = slice(direction, None, len(packings))
        starts = [part.index_select(0, packing.order).unbind(1) for part in state.unbind(2)[own]]
        inputs = packing.pack(hidden)
        for index, reader in enumerate(readers):
            inputs, starts[index] = reader.accept(inputs, starts[index])
        given = (readers, inputs, packing, starts, noises[own], setting)
        readings = read_stack(*given, jump_noise=jump_noises[direction], between=between)
        for found, reading in zip(per_layer, readings, strict=True):
            found.append(reading)
    return [_padded(readings, packings) for readings in per_layer]


def _padded(readings: Sequence[Reading], packings: Sequence[Packing]) -> LayerReading:
    """The readings of all directions of a layer, on the places of the batch."""
    found: list[list[Tensor]] = []
    for reading, packing in zip(readings, packings, strict=True):
        score, jumps = reading.probabilities if reading.logits is None else reading.logits, reading.jumps
        # Not len(), which an export would take for a number.
        nothing = reading.hidden.new_zeros(reading.hidden.shape[0])
        own = [
            packing.unpack(reading.choices, fill=-1),
            packing.unpack(nothing[:, None][:, :0] if score is None else score),
            packing.unpack(nothing if reading.effort is None else reading.effort),
            packing.restore_order(torch.stack(reading.state, 1)),
            packing.unpack(nothing if reading.baselines is None else reading.baselines),
        ]
        if jumps is not None:
            own.append(packing.unpack(jumps.jumps, fill=-1))
            own += [packing.unpack(jumps.log_probabilities), packing.unpack(jumps.baselines)]
        found.append(own)
    outputs = [p.unpack(reading.hidden) for reading, p in zip(readings, packings, strict=True)]
    return LayerReading(
        torch.cat(outputs, -1), *(torch.stack(parts, 2) for parts in zip(*found, strict=True))
    )
