"""Averages of training scalars between two lines of the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch


class LogWindow:
    """Collects scalars of the steps since the last line of the log and averages them.

    Tensors stay on their device until the window is closed, so that collecting never waits for
    an accelerator.
    """

    def __init__(self) -> None:
        """Starts an empty window."""
        self._sums: dict[str, torch.Tensor | float] = {}
        self._weight = 0.0

    def add(self, scalars: Mapping[str, torch.Tensor | float | None], share: float = 1.0) -> None:
        """Adds the scalars of one forward pass.

        Args:
            scalars: Values by name. Of a tensor the mean is taken; None is left out.
            share: Weight of this pass, 1 divided by the passes of its optimizer step.
        """
        for name, value in scalars.items():
            if value is None:
                continue
            scalar = value.detach().float().mean() if isinstance(value, torch.Tensor) else value
            self._sums[name] = self._sums.get(name, 0.0) + scalar * share
        self._weight += share

    def clear(self) -> None:
        """Empties the window."""
        self._sums, self._weight = {}, 0.0

    def close(self, reduce: Callable[[torch.Tensor], torch.Tensor], device: torch.device) -> dict[str, float]:
        """Averages over the window, then empties it.

        Args:
            reduce: Averages a tensor over the processes; identity in a single process.
            device: Where to put the values for `reduce`.

        Returns:
            Python floats by name; empty if nothing was added.
        """
        if not self._sums:
            return {}
        names, weight = list(self._sums), self._weight
        values = [torch.as_tensor(self._sums[name], dtype=torch.float32).to(device) for name in names]
        means = reduce(torch.stack(values) / weight).tolist()
        self.clear()
        return dict(zip(names, means, strict=True))
