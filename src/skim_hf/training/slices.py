"""Small cells that start as a part of the big one."""

from __future__ import annotations

import torch
from torch import nn

from skim_hf.modeling.cells_skim_rnn import RecurrentCell
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader


@torch.no_grad()
def start_small_cells(model: nn.Module) -> None:
    """Copies to every small cell what the big cell has for the units of the small one.

    With weights W [G d, d_x], U [G d, d] and biases b [G d] of a big cell, whose rows lie gate by gate, the
    small cell of d' units gets, of each gate, the first d' rows of W and b, and of U those rows with as many
    columns as it sees of the state. A token that is skimmed then does to the first d' units what the big cell
    does to them, exactly where the small cell sees the whole state, and but for what the other units say to
    them where it sees its own slice. Fresh small cells write noise into those units, which the reader that
    was trained to read everything relies on.

    Args:
        model: Holds the readers; those without small cells stay as they are.
    """
    for reader in model.modules():
        if isinstance(reader, SkimRNNReader):
            big, *small = reader.cells
            for cell in small:
                _copy_part(big, cell)


def _copy_part(big: nn.Module, small: nn.Module) -> None:
    if not isinstance(big, RecurrentCell) or not isinstance(small, RecurrentCell):
        raise TypeError(f"Expected recurrent cells, got {type(big).__name__} and {type(small).__name__}.")
    gates = torch.arange(big.gates) * big.size
    rows = (gates[:, None] + torch.arange(small.size)).flatten()
    small.weight_ih.copy_(big.weight_ih[rows])
    small.weight_hh.copy_(big.weight_hh[rows, : small.context_size])
    small.bias_ih.copy_(big.bias_ih[rows])
    small.bias_hh.copy_(big.bias_hh[rows])
