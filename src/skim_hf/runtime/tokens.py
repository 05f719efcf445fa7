"""Texts of which every token gets a label: from scores to what a user sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.protocols import Encoder, Engine
from skim_hf.runtime.text import EncodedText
from skim_hf.runtime.weights import Array

OUTSIDE = "O"
"""The label of tokens that are nothing in particular, which results leave out as transformers does."""


class Entity(TypedDict):
    """A token that is something, as a transformers pipeline without aggregation gives it.

    `index` is the token's number, `start` and `end` its place in the text in code points, `word` what
    the vocabulary calls it or, for one that it lacks, the text itself.
    """

    entity: str
    score: float
    index: int
    word: str
    start: int
    end: int


@dataclass(frozen=True)
class LabelledTokens:
    """What is known of one text's tokens.

    Attributes:
        text: The text.
        encoded: Its tokens.
        scores: [T, labels].
    """

    text: str
    encoded: EncodedText
    scores: Array


class TokenHead:
    """Names the labels of tokens.

    Args:
        config: Of the model.
        encoder: Splits texts.
        max_tokens: How many tokens of a text are read; None reads all.
    """

    def __init__(self, config: RuntimeConfig, encoder: Encoder, max_tokens: int | None) -> None:
        self._config, self._encoder, self._max_tokens = config, encoder, max_tokens

    def read(self, engine: Engine, texts: Sequence[Any]) -> list[LabelledTokens]:
        """Reads texts."""
        return [self._read(engine, text) for text in texts]

    def _read(self, engine: Engine, text: str) -> LabelledTokens:
        encoded = self._encoder.encode(text, self._max_tokens)
        return LabelledTokens(text, encoded, engine.final_scores(engine.read(encoded.ids).logits))

    def results(self, texts: Sequence[LabelledTokens]) -> list[list[Entity]]:
        """What calling the runtime gives for each text: its tokens that are not `O`."""
        return [list(self.entities(tokens.text, tokens.encoded, tokens.scores)) for tokens in texts]

    def best_labels(self, texts: Sequence[LabelledTokens]) -> list[list[str]]:
        """The best label of every token of each text."""
        labels = self._config.labels
        return [[labels[best] for best in tokens.scores.argmax(axis=-1).tolist()] for tokens in texts]

    def probabilities(self, blocks: Sequence[Sequence[LabelledTokens]]) -> list[NDArray[np.float32]]:
        """[T, labels] for every text of some blocks."""
        return [tokens.scores.astype(np.float32, copy=False) for texts in blocks for tokens in texts]

    def entities(
        self, text: str, encoded: EncodedText, scores: Array, *, first: int = 0, origin: int = 0
    ) -> Iterator[Entity]:
        """The tokens of a piece of text that are not `O`.

        Args:
            text: The piece.
            encoded: Its tokens, with places in the whole text.
            scores: [n, labels].
            first: Number of the first token.
            origin: Where the piece starts in the whole text.
        """
        best = scores.argmax(axis=-1).tolist()
        for number, (choice, token, (start, end)) in enumerate(
            zip(best, encoded.tokens, encoded.offsets, strict=True)
        ):
            if self._config.labels[choice] != OUTSIDE:
                yield {
                    "entity": self._config.labels[choice],
                    "score": float(scores[number, choice]),
                    "index": first + number,
                    "word": text[start - origin : end - origin] if token == self._encoder.unknown else token,
                    "start": start,
                    "end": end,
                }
