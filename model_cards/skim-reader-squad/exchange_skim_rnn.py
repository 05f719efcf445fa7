"""Weights from and to `torch.nn.LSTM`, `GRU` and `RNN`: the same tensors under other names."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .cells_skim_rnn import RecurrentCell
from .configuration_skim_rnn import SkimRNNConfig

TORCH_MODULES: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": nn.RNN,
}

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def new_torch_module(config: SkimRNNConfig) -> nn.RNNBase:
    """A `torch.nn` module (batch first) of the shape of a configuration's big cells."""
    return TORCH_MODULES[config.cell_type](
        config.input_width,
        config.hidden_size,
        config.num_hidden_layers,
        batch_first=True,
        bidirectional=config.bidirectional,
    )


def check_torch_module(module: nn.RNNBase, config: SkimRNNConfig) -> None:
    """Refuses a torch module of another kind or shape than the configuration's big cells.

    Raises:
        ValueError: Says what was expected and what came.
    """
    if not isinstance(module, nn.RNNBase):
        raise ValueError(f"Expected a torch.nn {config.cell_type}; got {type(module).__name__}.")
    expected = (config.input_width, config.hidden_size, config.num_hidden_layers, config.bidirectional)
    came = (module.input_size, module.hidden_size, module.num_layers, module.bidirectional)
    right_kind = isinstance(module, TORCH_MODULES[config.cell_type]) and module.mode != "RNN_RELU"
    if not right_kind or came != expected or not module.bias or module.proj_size:
        raise ValueError(
            f"Expected a torch.nn {config.cell_type} with bias and (input, hidden, layers, bidirectional) = "
            f"{expected}; got {type(module).__name__} ({module.mode}) with {came}, bias={module.bias}, "
            f"proj_size={module.proj_size}."
        )


@torch.no_grad()
def copy_from_torch(cell: RecurrentCell, module: nn.RNNBase, layer: int, direction: int) -> None:
    """Copies the weights of one directional layer of a torch module into a big cell."""
    for name in _NAMES:
        getattr(cell, name).copy_(_torch_parameter(module, name, layer, direction))


@torch.no_grad()
def copy_to_torch(cell: RecurrentCell, module: nn.RNNBase, layer: int, direction: int) -> None:
    """Copies the weights of a big cell into one directional layer of a torch module."""
    for name in _NAMES:
        _torch_parameter(module, name, layer, direction).copy_(getattr(cell, name))


def _torch_parameter(module: nn.RNNBase, name: str, layer: int, direction: int) -> Tensor:
    parameter: Tensor = getattr(module, f"{name}_l{layer}{'_reverse' if direction else ''}")
    return parameter
