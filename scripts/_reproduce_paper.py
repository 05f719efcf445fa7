"""The runs that every reproduced data set has beside its own recipe: the paper's settings and controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _readers import SKIM, Reader

# d' and gamma of the rows of Table 2.
SETTINGS = ((5, 0.01), (5, 0.02), (10, 0.01), (10, 0.02))

# What the paper's models do without, as they do without dropout.
_OURS = ("ema_decay", "word_dropout", "adversarial_epsilon", "teacher_column", "teacher_weight")

CONTROLS = ("small", "mean")


def paper_name(skim_size: int, gamma: float) -> str:
    """Name of a run, such as `paper_5_01` for d' = 5 and gamma = 0.01."""
    return f"paper_{skim_size}_{round(100 * gamma):02d}"


def paper_readers(training: Mapping[str, Any]) -> dict[str, Reader]:
    """The paper's classification models: from scratch, from the last state, and with nothing of `_OURS`.

    Args:
        training: Options of all of them: learning rate, batches, epochs and temperature.
    """
    ours = dict.fromkeys(_OURS)
    common = {"dropout": 0.0, "pooling": "last", **ours, **training}
    readers = {"paper_plain": Reader("as in the paper: LSTM", {"policy": "full", **common})}
    for size, gamma in SETTINGS:
        readers[paper_name(size, gamma)] = Reader(
            f"as in the paper: Skim-LSTM, d' = {size}, gamma = {gamma:.2f}",
            {"policy": "skim", "skim_sizes": size, "gamma": gamma, **common},
        )
    return readers


def controls() -> dict[str, Reader]:
    """What reading less must be better than: a small LSTM of the same true cost, and no reading at all."""
    small = Reader("small LSTM of equal true cost", {"policy": "full"}, like=SKIM, matched="width")
    mean = Reader("mean of the word vectors", {"policy": "full", "num_hidden_layers": 0, "pooling": "mean"})
    return dict(zip(CONTROLS, (small, mean), strict=True))
