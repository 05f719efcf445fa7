"""The walk of a question reader through its context: one layer of readers after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from torch import Tensor, nn

from .layers_skim_rnn import LayerReading, SkimRNNLayer
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Setting


class ContextWalk:
    """Reads the context with one layer after the other, and keeps what each decided.

    Args:
        mask: [B, T] bool, real tokens.
        setting: How decisions are made.
        dropout: Applied to what a layer reads.

    Attributes:
        packings: Of the two directions.
        noises: Of all readers, in the order in which they will read; None of them at inference.
        readings: Of the layers so far.
    """

    def __init__(self, mask: Tensor, setting: Setting, dropout: nn.Dropout) -> None:
        self.mask = mask
        self.packings = [Packing.from_mask(mask, reverse=reverse) for reverse in (False, True)]
        self.setting = setting
        self.dropout = dropout
        self.readings: list[LayerReading] = []
        self.noises: Iterator[Tensor | None] = repeat(None)

    def read(self, layer: SkimRNNLayer, hidden: Tensor) -> Tensor:
        """[B, T, d_x] to [B, T, 2 d], zeros at padding."""
        noises = [next(self.noises) for _ in layer.readers]
        start = layer.start(hidden)
        greedy: list[Tensor | None] = [None] * len(noises)
        reading = layer(self.dropout(hidden), self.packings, start, noises, greedy, self.setting)
        # Checkpointing may lose the names of the tuple.
        self.readings.append(LayerReading(*reading))
        return self.readings[-1].outputs
