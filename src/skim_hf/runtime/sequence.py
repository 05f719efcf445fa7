"""Texts that get one label each: from scores to what a user sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.protocols import Engine
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import Array


class Prediction(TypedDict):
    """The best label of a text and its score, as a transformers pipeline gives them."""

    label: str
    score: float


class SequenceHead:
    """Names the labels of texts.

    Args:
        config: Of the model.
        encoder: Splits texts.
        max_tokens: How many tokens of a text are read; None reads all.
    """

    def __init__(self, config: RuntimeConfig, encoder: TextEncoder, max_tokens: int | None) -> None:
        self._labels, self._encoder, self._max_tokens = config.labels, encoder, max_tokens

    def read(self, engine: Engine, texts: Sequence[str]) -> NDArray[np.float32]:
        """Final scores of texts, [n, labels]."""
        return engine.scores(texts, self._encoder, self._max_tokens)

    def result(self, scores: Array) -> Prediction:
        """What calling the runtime gives for a text."""
        best = int(scores.argmax())
        return {"label": self._labels[best], "score": float(scores[best])}

    def label(self, scores: Array) -> str:
        """The best label of a text."""
        return self._labels[int(scores.argmax())]

    def probabilities(self, rows: Sequence[Array]) -> NDArray[np.float32]:
        """[n, labels], the scores of n texts."""
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self._labels))
