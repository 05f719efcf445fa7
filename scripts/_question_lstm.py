"""A question reader whose layers are `torch.nn.LSTM`, with the weights of a plain one of this library."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from skim_hf import SkimRNNForQuestionAnswering
from skim_hf.modeling.cells_skim_rnn import RecurrentCell
from skim_hf.modeling.exchange_skim_rnn import copy_to_torch
from skim_hf.modeling.layers_skim_rnn import LayerReading, SkimRNNLayer


class LSTMLayer(nn.Module):
    """Reads like a plain `SkimRNNLayer`, for rows without padding.

    Args:
        layer: Gives the weights; it stays outside of the parameters.
    """

    def __init__(self, layer: SkimRNNLayer) -> None:
        super().__init__()
        cells = [cast(RecurrentCell, reader.cells[0]) for reader in layer.readers]
        self.lstm = nn.LSTM(cells[0].input_size, cells[0].size, batch_first=True, bidirectional=True)
        for direction, cell in enumerate(cells):
            copy_to_torch(cell, self.lstm, 0, direction)
        # In a list, which hides its parameters from this module.
        self._plain = [layer]

    @property
    def readers(self) -> nn.ModuleList:
        """Those of the plain layer, for the sizes that a model asks for."""
        return self._plain[0].readers

    def start(self, like: Tensor) -> Tensor:
        """Zeros, as of a plain layer."""
        return self._plain[0].start(like)

    def forward(self, hidden: Tensor, *given: Any) -> LayerReading:
        """Reads rows of full length; what is given beside them is for readers that decide."""
        outputs = self.lstm(hidden)[0]
        nothing = outputs.new_zeros(*hidden.shape[:2], 2)
        return LayerReading(
            outputs, nothing.long(), nothing[..., None][..., :0], nothing, nothing[:, :1], nothing
        )

    def read_in_full(self, hidden: Tensor, *given: Any, **options: Any) -> Tensor:
        """The outputs alone."""
        return cast(Tensor, self.lstm(hidden)[0])


@torch.no_grad()
def with_lstms(model: SkimRNNForQuestionAnswering) -> SkimRNNForQuestionAnswering:
    """A copy of a plain question reader whose layers are `torch.nn.LSTM`."""
    copy = deepcopy(model)
    places = [
        (parent, name)
        for parent in copy.modules()
        for name, child in parent.named_children()
        if isinstance(child, SkimRNNLayer)
    ]
    for parent, name in places:
        setattr(parent, name, LSTMLayer(cast(SkimRNNLayer, getattr(parent, name))))
    return copy
