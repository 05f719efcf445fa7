"""Sequences of features that arrive piece by piece, as sensors and microphones send them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.frames import FrameEncoder
from skim_hf.runtime.protocols import Encoder
from skim_hf.runtime.sequence import Prediction
from skim_hf.runtime.stream import SequenceSession, StreamSession
from skim_hf.runtime.text import EncodedText
from skim_hf.runtime.tokens import Entity, TokenHead
from skim_hf.runtime.weights import Array


class FrameSession(SequenceSession):
    """A sequence that gets a label; see `StreamSession`. Its pieces are arrays, [n, input_size].

    Example:
        >>> session = clf.stream()  # doctest: +SKIP
        >>> session.feed(frames[:10]), session.feed(frames[10:])  # doctest: +SKIP
        ({'label': 'six', 'score': 0.61}, {'label': 'nine', 'score': 0.97})
    """

    def feed(self, frames: Any) -> Prediction:
        """Reads the next frames; returns what the runtime says of all so far.

        Raises:
            TypeError: Text.
            ValueError: Not frames of this model; nothing was read.
        """
        self._stream.feed(_checked(self._encoder, frames, self._room))
        return self.result()

    def _logits(self) -> Array:
        return self._stream.logits()


class FrameTokenSession(StreamSession):
    """A sequence of which every frame gets a label: every piece gives those of its frames."""

    def feed(self, frames: Any) -> list[Entity]:
        """Reads the next frames; returns those that are not `O`.

        Raises:
            TypeError: Text.
            ValueError: Not frames of this model; nothing was read.
        """
        first = self.tokens
        array = _checked(self._encoder, frames, self._room)
        logits = self._stream.feed(array)
        if logits is None:
            raise TypeError("Expected an engine that labels every frame; this one labels sequences.")
        places = [(place, place + 1) for place in range(first, first + len(array))]
        encoded = EncodedText(array, places, [""] * len(array))
        head = TokenHead(self._config, self._encoder, self._max_tokens)
        return list(head.entities("", encoded, self._engine.final_scores(logits), first=first))

    def result(self) -> list[Entity]:
        """Nothing: every frame got its label when it came."""
        return []


def _checked(encoder: Encoder, frames: Any, room: int | None) -> NDArray[np.float32]:
    """The frames that are still to be read."""
    if not isinstance(encoder, FrameEncoder):
        raise TypeError("Expected a model of features; this one reads words.")
    return encoder.check(frames)[:room]
