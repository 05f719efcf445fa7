"""Highway layers, which mix what they are given with what they make of it."""

from __future__ import annotations

from torch import Tensor, nn


class Highway(nn.Module):
    """y = g * relu(W_h x + b_h) + (1 - g) * x with g = sigmoid(W_g x + b_g), once per layer.

    Args:
        width: Of x and y.
        layers: How many; without any, y = x.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.gates = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., width] to [..., width]."""
        for transform, gate in zip(self.transforms, self.gates, strict=True):
            share = gate(inputs).sigmoid()
            inputs = share * transform(inputs).relu() + (1 - share) * inputs
        return inputs
