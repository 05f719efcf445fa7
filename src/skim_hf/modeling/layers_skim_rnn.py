"""Layers of readers on padded batches: one at a time, or a stack that moves one pointer together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import GradientCheckpointingLayer

from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_like_weights
from .loop_skim_rnn import Reading, read_stack
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting
from .reader_skim_rnn import SkimRNNReader


class LayerReading(NamedTuple):
    """What a layer made of a padded batch. A tuple of tensors, because it may be computed again.

    Attributes:
        outputs: [B, T, d * directions], zeros at padding.
        choices: [B, T, directions] int64, -1 at padding.
        logits: [B, T, directions, k]; k = 0 without a decision.
        state: [B, parts, directions, d], after the last token.
        baselines: [B, T, directions], of sampled choices; None where none was sampled.
        jumps: [B, T, directions] int64, -1 where none was decided; None of readers that do not jump.
        jump_logs: [B, T, directions], their log-probabilities.
        jump_baselines: [B, T, directions], theirs.
    """

    outputs: Tensor
    choices: Tensor
    logits: Tensor
    state: Tensor
    baselines: Tensor | None = None
    jumps: Tensor | None = None
    jump_logs: Tensor | None = None
    jump_baselines: Tensor | None = None


class SkimRNNLayer(GradientCheckpointingLayer):
    """One layer: a forward reader and, if bidirectional, a backward one; each decides on its own.

    Args:
        config: The model's configuration.
        input_size: d_x of this layer.
        top: Whether no other layer is above.
    """

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
            jump_noises: One [N] per direction of readers whose jumps are sampled, else None.
            setting: How decisions are made.
        """
        readings = []
        for direction, (reader, packing) in enumerate(zip(self.readers, packings, strict=True)):
            start = _start(state, direction, packing)
            noise, jump_noise = noises[direction], jump_noises[direction]
            readings.append(reader(packing.pack(hidden), packing, start, noise, setting, jump_noise))
        return _padded(readings, packings)


def read_together(
    layers: Sequence[SkimRNNLayer],
    hidden: Tensor,
    packing: Packing,
    state: Tensor,
    noises: Sequence[Tensor | None],
    jump_noise: Tensor | None,
    setting: Setting,
    between: Callable[[Tensor], Tensor],
) -> list[LayerReading]:
    """Reads with all layers of one direction token by token, since what the top one says moves them all.

    Args:
        layers: From bottom to top.
        hidden: [B, T, d_x].
        packing: Its layout.
        state: [B, parts, layers, d] before the first token.
        noises: One per layer.
        jump_noise: Of the top layer.
        setting: How decisions are made.
        between: Applied to what goes from one layer to the next (dropout).

    Returns:
        One per layer.
    """
    readers = [cast(SkimRNNReader, layer.readers[0]) for layer in layers]
    inputs, dtype = packing.pack(hidden), readers[0].dtype
    starts = [_start(state, index, packing) for index in range(len(readers))]
    for reader, start in zip(readers, starts, strict=True):
        check_like_weights(reader.parameters(), inputs, start)
    starts = [tuple(part.to(dtype) for part in start) for start in starts]
    readings = read_stack(
        readers,
        inputs.to(dtype),
        packing,
        starts,
        noises,
        setting,
        jump_noise=jump_noise,
        between=between,
    )
    return [_padded([reading], [packing]) for reading in readings]


def _start(state: Tensor, reader: int, packing: Packing) -> tuple[Tensor, ...]:
    """The state [B, parts, readers, d] of one of the readers, every part [B, d], long to short."""
    return state[:, :, reader].index_select(0, packing.order).unbind(1)


def _padded(readings: Sequence[Reading], packings: Sequence[Packing]) -> LayerReading:
    """What the directions of a layer read, on the batch's own places."""
    pairs = list(zip(readings, packings, strict=True))

    def stacked(values: list[Tensor | None], fill: float = 0.0) -> Tensor | None:
        if any(value is None for value in values):
            return None
        padded = [p.unpack(cast(Tensor, v), fill) for v, p in zip(values, packings, strict=True)]
        return torch.stack(padded, 2)

    scores = [r.hidden.new_empty(len(r.hidden), 0) if r.logits is None else r.logits for r in readings]
    jumps = [reading.jumps for reading in readings]
    return LayerReading(
        torch.cat([packing.unpack(reading.hidden) for reading, packing in pairs], -1),
        cast(Tensor, stacked([reading.choices for reading in readings], -1)),
        cast(Tensor, stacked(list(scores))),
        torch.stack([p.restore_order(torch.stack(r.state, 1)) for r, p in pairs], 2),
        stacked([reading.baselines for reading in readings]),
        stacked([None if jump is None else jump.jumps for jump in jumps], -1),
        stacked([None if jump is None else jump.log_probabilities for jump in jumps]),
        stacked([None if jump is None else jump.baselines for jump in jumps]),
    )
