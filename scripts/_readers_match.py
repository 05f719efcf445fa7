"""How a control gets the cost of the reader that it is measured against, by validation texts alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _readers import Reader

from skim_hf.costs import ReaderShape, step_macs
from skim_hf.runtime import SkimRuntime

Run = dict[str, Any]


class LastTokens:
    """A runtime that reads the last tokens of a text and no others.

    Args:
        runtime: Reads whole texts.
        count: Of the tokens.
    """

    def __init__(self, runtime: SkimRuntime, count: int) -> None:
        self._runtime, self._count = runtime, count

    def encode(self, text: str) -> Any:
        """Token ids of the end of a text, [T]."""
        return self._runtime.encode(text)[-self._count :]

    def __call__(self, text: str) -> Any:
        """Reads the end of a text."""
        return self._runtime.read_ids(self.encode(text))

    def __getattr__(self, name: str) -> Any:
        """Everything else is the runtime's own."""
        return getattr(self._runtime, name)


def matched_options(reader: Reader, like: Run, plain: Run, lengths: Callable[[], Sequence[int]]) -> Run:
    """Options that give a control the cost of another reader.

    Args:
        reader: The control.
        like: The run of that reader, of the same seed.
        plain: The run of the plain reader, of the same seed.
        lengths: Gives the tokens of each validation text.

    Returns:
        Options of run_classification.py.
    """
    if reader.matched == "rate":
        return {"skip_rate": round(1.0 - like["validation"]["read"], 4)}
    share = like["validation"]["macs_per_text"] / plain["validation"]["macs_per_text"]
    if reader.matched == "width":
        return {"hidden_size": width_of_cost(share, plain["input_width"], plain["hidden_size"])}
    return {"max_length": length_of_cost(share, lengths())}


def width_of_cost(share: float, input_width: int, hidden_size: int) -> int:
    """Width of the plain LSTM whose tokens cost nearest to a share of those of another.

    Args:
        share: The cost, relative to the plain LSTM of `hidden_size`.
        input_width: Of both.
        hidden_size: Of the large one.
    """
    whole = _token_macs(input_width, hidden_size)
    return min(
        range(1, hidden_size + 1), key=lambda width: abs(_token_macs(input_width, width) / whole - share)
    )


def length_of_cost(share: float, lengths: Sequence[int]) -> int:
    """Tokens to which texts are cut so that what is left is nearest to a share of all their tokens.

    Args:
        share: The cost, relative to reading the texts whole.
        lengths: Tokens of each text.
    """
    counts = np.asarray(lengths)
    return min(
        range(1, int(counts.max()) + 1),
        key=lambda longest: abs(np.minimum(counts, longest).sum() / counts.sum() - share),
    )


def _token_macs(input_width: int, hidden_size: int) -> int:
    return step_macs(ReaderShape("lstm", input_size=input_width, hidden_size=hidden_size, skim_sizes=()), 0)
