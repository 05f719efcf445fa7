"""Texts that get one label each: from scores to what a user sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.protocols import Encoder, Engine
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

    def __init__(self, config: RuntimeConfig, encoder: Encoder, max_tokens: int | None) -> None:
        self._labels, self._encoder, self._max_tokens = config.labels, encoder, max_tokens

    def read(self, engine: Engine, texts: Sequence[Any]) -> NDArray[np.float32]:
        """Final scores of texts, [n, labels]."""
        return engine.scores(texts, self._encoder, self._max_tokens)

    def results(self, scores: Array) -> list[Prediction]:
        """What calling the runtime gives for texts with [n, labels] scores."""
        best = scores.argmax(axis=1).tolist()
        return [
            {"label": self._labels[choice], "score": float(row[choice])}
            for choice, row in zip(best, scores, strict=True)
        ]

    def best_labels(self, scores: Array) -> list[str]:
        """The best label of each text."""
        return [self._labels[choice] for choice in scores.argmax(axis=1).tolist()]

    def probabilities(self, blocks: Sequence[Array]) -> NDArray[np.float32]:
        """[n, labels], the scores of all texts of some blocks."""
        empty = np.empty((0, len(self._labels)), np.float32)
        return np.concatenate([empty, *blocks], dtype=np.float32)
