"""Our plain LSTM as torch.nn.LSTM."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.weights import ModelWeights


def lstm_reader(weights: ModelWeights) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """The big cell behind its embedding, as a function from [T] ids to the last hidden state, [d].

    Raises:
        ImportError: torch is not installed.
        ValueError: A model of continuous features.
    """
    import torch

    torch.set_num_threads(1)
    cell = weights.readers[0].cells[0]
    if cell is None or weights.embedding is None:
        raise ValueError("Expected a model of words with a big cell.")
    network = torch.nn.LSTM(cell.weight_ih.shape[1], cell.weight_hh.shape[1], batch_first=True).eval()
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(network, f"{name}_l0").copy_(torch.from_numpy(getattr(cell, name)))
    table = torch.from_numpy(weights.embedding)

    def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            _, (hidden, _) = network(torch.nn.functional.embedding(torch.from_numpy(ids)[None], table))
        return hidden[0, 0].numpy()

    return run
