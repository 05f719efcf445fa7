"""Layers of readers: padded batches in and out, layer by layer or as a stack that reads token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from transformers import GradientCheckpointingLayer

from .configuration_skim_rnn import SkimRNNConfig
from .loop_skim_rnn import Jumper, Reading, read_stack
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting
from .reader_skim_rnn import SkimRNNReader

LayerReading = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Outputs [B, T, d * directions], choices [B, T, directions], scores [B, T, directions, k] (logits, or the
probabilities of a policy without; k = 0 without a decision), effort [B, T, directions] (zeros of a policy
without), and the final state [B, parts, directions, d]."""


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
        setting: Setting,
    ) -> LayerReading:
        """Reads a padded batch.

        Args:
            hidden: [B, T, d_x].
            packings: One per direction.
            state: [B, parts, directions, d] before the first token.
            noises: One [N, k] per direction; None at inference.
            setting: How decisions are made.
        """
        readings = []
        for direction, reader in enumerate(self.readers):
            packing = packings[direction]
            start = state[:, :, direction].index_select(0, packing.order).unbind(1)
            readings.append(reader(packing.pack(hidden), packing, start, noises[direction], setting))
        return _padded(readings, packings)


def read_stacks(
    layers: Sequence[SkimRNNLayer],
    hidden: Tensor,
    packings: list[Packing],
    state: Tensor,
    noises: list[Tensor | None],
    setting: Setting,
    between: Callable[[Tensor], Tensor],
    jumpers: Sequence[Jumper | None],
) -> list[LayerReading]:
    """Reads a padded batch token by token, every direction with all its layers.

    Args:
        layers: From bottom to top.
        hidden: [B, T, d_x].
        packings: One per direction.
        state: [B, parts, R, d] before the first token.
        noises: One per reader (layer * directions + direction), or None.
        setting: How decisions are made.
        between: Applied between the layers.
        jumpers: One per direction, or None.

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
        jumper = jumpers[direction]
        readings = read_stack(
            readers, inputs, packing, starts, noises[own], setting, jumper=jumper, between=between
        )
        for found, reading in zip(per_layer, readings, strict=True):
            found.append(reading)
    return [_padded(readings, packings) for readings in per_layer]


def _padded(readings: Sequence[Reading], packings: Sequence[Packing]) -> LayerReading:
    """The readings of all directions of a layer."""
    outputs, choices, scores, efforts, finals = [], [], [], [], []
    for reading, packing in zip(readings, packings, strict=True):
        # Not len(), which an export would take for a number.
        tokens = reading.hidden.shape[0]
        score = reading.probabilities if reading.logits is None else reading.logits
        if score is None:
            score = reading.hidden.new_empty(tokens, 0)
        effort = reading.hidden.new_zeros(tokens) if reading.effort is None else reading.effort
        outputs.append(packing.unpack(reading.hidden))
        choices.append(packing.unpack(reading.choices, fill=-1))
        scores.append(packing.unpack(score))
        efforts.append(packing.unpack(effort))
        finals.append(packing.restore_order(torch.stack(reading.state, 1)))
    per_token = torch.stack(choices, 2), torch.stack(scores, 2), torch.stack(efforts, 2)
    return torch.cat(outputs, -1), *per_token, torch.stack(finals, 2)
