"""Adversarial training: word vectors shifted to where the loss grows fastest (Miyato et al., ICLR 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class Perturbation:
    """A shift of the word vectors of a batch, by the gradient of one pass and for the next.

    With g the gradient of the loss with respect to the vectors of a text, all of its words together, the
    shift is epsilon g / ||g||_2 (equation 5 of the paper). Padding has no gradient and is not shifted.

    Args:
        epsilon: Length of the shift of a text, in the units of its word vectors.
    """

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon
        # In the order of the lookups, because a question reader has two of them.
        self._gradients: list[Tensor | None] = []

    @contextmanager
    def recorded(self, table: nn.Module) -> Iterator[None]:
        """Keeps the gradients of the vectors that a table gives meanwhile, once they went backward."""
        self._gradients.clear()
        with table.register_forward_hook(self._record):
            yield

    @contextmanager
    def applied(self, table: nn.Module) -> Iterator[None]:
        """Shifts the vectors that a table gives meanwhile, in the order of those recorded."""
        gradients = iter(self._gradients)

        def shift(module: nn.Module, inputs: Any, vectors: Tensor) -> Tensor:
            gradient = next(gradients)
            return vectors if gradient is None else vectors + self._shift(gradient)

        with table.register_forward_hook(shift):
            yield
        self._gradients.clear()

    def _record(self, module: nn.Module, inputs: Any, vectors: Tensor) -> Tensor:
        # Frozen vectors have no gradient of their own.
        vectors = vectors if vectors.requires_grad else vectors.detach().requires_grad_()
        place = len(self._gradients)
        self._gradients.append(None)

        def keep(gradient: Tensor) -> None:
            self._gradients[place] = gradient.detach()

        vectors.register_hook(keep)
        return vectors

    def _shift(self, gradient: Tensor) -> Tensor:
        length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
        return self._epsilon * gradient / length[:, None, None]


def check_perturbed(model: Any, gpus: int) -> None:
    """Refuses a model without word vectors, and copies of it that run side by side in one process.

    Args:
        model: The model to be trained.
        gpus: That this process uses.

    Raises:
        ValueError: It reads features, or there are several GPUs.
    """
    if model.config.vocab_size is None:
        raise ValueError("adversarial_epsilon shifts word vectors; this model reads features. Leave it out.")
    if gpus > 1:
        raise ValueError(
            f"adversarial_epsilon needs one GPU per process; got {gpus}. Start it with torchrun, or show it "
            "one of them with CUDA_VISIBLE_DEVICES=0."
        )
