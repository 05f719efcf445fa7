"""Texts that arrive piece by piece, read as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.protocols import Encoder, Engine
from skim_hf.runtime.sequence import Prediction, SequenceHead
from skim_hf.runtime.snapshot import pack, unpack
from skim_hf.runtime.text import TokenSplitter, check_text
from skim_hf.runtime.weights import Array

Settings = Callable[[], Mapping[str, Any]]
"""Tells what a snapshot depends on; asked only when one is made or used."""


class StreamSession(ABC):
    """One text, read while it arrives: constant memory, constant work per token, any pieces.

    However the text is cut, within words too, the results are exactly those of the whole text at once.
    For one thread at a time.

    Args:
        config: Of the model.
        encoder: Splits the text.
        engine: Reads the tokens.
        max_tokens: How many tokens are read; None reads all.
        settings: What a snapshot depends on.

    Raises:
        ValueError: The model or its tokenizer needs the whole text.

    Example:
        >>> session = clf.stream()  # doctest: +SKIP
        >>> session.feed("A go"), session.feed("od movie.")  # doctest: +SKIP
        ({'label': 'negative', 'score': 0.53}, {'label': 'positive', 'score': 0.98})
    """

    def __init__(
        self,
        config: RuntimeConfig,
        encoder: Encoder,
        engine: Engine,
        max_tokens: int | None,
        settings: Settings,
    ) -> None:
        if config.bidirectional:
            raise ValueError(
                "This model is bidirectional: its backward reader starts at the end of the text, so nothing "
                "can be said before the end is there. Collect the text and call the runtime with it, or "
                "train a model with bidirectional=False."
            )
        self._config, self._encoder, self._engine = config, encoder, engine
        self._max_tokens, self._settings = max_tokens, settings
        self._splitter: TokenSplitter = encoder.splitter()
        self._stream = engine.open()

    @abstractmethod
    def feed(self, text: str) -> Any:
        """Reads the next piece of the text.

        Raises:
            TypeError: Not a string.
        """

    @abstractmethod
    def result(self) -> Any:
        """What is known if the text ends here; changes nothing."""

    @property
    def tokens(self) -> int:
        """Tokens, or frames, taken so far, without those at the end that the next piece may still change."""
        return self._stream.tokens

    @property
    def read(self) -> int:
        """Full reads among the decisions on these tokens: one decision per token and reader."""
        return int(self._stream.decisions[:, 0].sum())

    @property
    def skim_rate(self) -> float:
        """Share of the decisions that were not full reads; 0.0 before the first token.

        As `Reading.skim_rate`: tokens that were passed over count, and policy `selective` counts units.
        """
        decisions, units = self.tokens * self._config.num_readers, self._stream.units
        if not decisions:
            return 0.0
        if units is not None:
            return float(1 - units.sum() / (decisions * self._config.hidden_size))
        return (decisions - self.read) / decisions

    def snapshot(self) -> bytes:
        """The state as bytes, for `restore` by a session of the same model and settings, in any process."""
        return pack(self._settings(), [self._splitter.save(), self._stream.save(), self._save()])

    def restore(self, data: bytes) -> None:
        """Goes on where a snapshot was made.

        Raises:
            TypeError: Not bytes.
            ValueError: Not a snapshot, a damaged one, or one of another model, backend, dtype, threshold
                or max_tokens. The session is unchanged.
        """
        parts = unpack(data, self._settings())
        if len(parts) != 3:
            raise ValueError(f"Expected a snapshot of three parts; got {len(parts)}: it is of another kind.")
        words, states, own = parts
        splitter, stream = self._encoder.splitter(), self._engine.open()
        splitter.load(words)
        stream.load(states)
        self._load(own)
        self._splitter, self._stream = splitter, stream

    def _save(self) -> bytes:
        """What a kind of session keeps beside the states."""
        return b""

    def _load(self, data: bytes) -> None:
        """The counterpart of `_save`; ValueError for what it does not give."""
        if data:
            raise ValueError("The snapshot holds more than the state of this session.")

    @property
    def _room(self) -> int | None:
        """How many tokens may still be read."""
        return None if self._max_tokens is None else max(0, self._max_tokens - self.tokens)

    def _split(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The tokens that a piece completes and that are to be read."""
        check_text(text)
        return self._within_room(*self._splitter.feed(text if self._room != 0 else ""))

    def _rest(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The tokens that are to be read if the text ends here."""
        return self._within_room(*self._splitter.rest())

    def _within_room(self, ids: bytearray, offsets: bytearray) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        numbers, places = np.frombuffer(ids, np.int32), np.frombuffer(offsets, np.int64)
        return numbers[: self._room], places.reshape(-1, 2)[: self._room]


class SequenceSession(StreamSession):
    """A text that gets a label; see `StreamSession`."""

    def feed(self, text: str) -> Prediction:
        """Reads the next piece; returns what the runtime says of all pieces so far.

        Raises:
            TypeError: Not a string.
        """
        ids, _ = self._split(text)
        self._stream.feed(ids)
        return self.result()

    def result(self) -> Prediction:
        """What the runtime says of all pieces so far, the word at their end included."""
        head = SequenceHead(self._config, self._encoder, self._max_tokens)
        return head.results(self._engine.final_scores(self._logits()[None]))[0]

    def _logits(self) -> Array:
        ids, _ = self._rest()
        if not len(ids):
            return self._stream.logits()
        ahead = self._stream.copy()
        ahead.feed(ids)
        return ahead.logits()
