"""The labels of a text's tokens while it arrives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.protocols import TokenStream
from skim_hf.runtime.stream import StreamSession
from skim_hf.runtime.text import EncodedText
from skim_hf.runtime.tokens import Entity, TokenHead


class TokenSession(StreamSession):
    """A text whose tokens get labels: every piece gives those that it completes; see `StreamSession`.

    The results of all `feed` calls, and then of `result`, together are what the runtime says of the
    whole text. What a piece gives is never given again, so that memory and work stay constant.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # The end of the text, of which tokens to come may be made, and where it starts.
        self._pieces: list[str] = []
        self._origin = self._end = 0

    def feed(self, text: str) -> list[Entity]:
        """Reads the next piece; returns the entities among the tokens that it completes.

        A token is complete when nothing that follows can change it, such as a word by the blank after it.

        Raises:
            TypeError: Not a string.
        """
        first = self.tokens
        ids, offsets = self._split(text)
        self._pieces.append(text)
        self._end += len(text)
        found = self._entities(self._stream, ids, offsets, first) if len(ids) else []
        self._forget()
        return found

    def result(self) -> list[Entity]:
        """The entities that would follow those of all `feed` calls if the text ended here."""
        ids, offsets = self._rest()
        return self._entities(self._stream.copy(), ids, offsets, self.tokens) if len(ids) else []

    def _entities(
        self, stream: TokenStream, ids: NDArray[np.int32], offsets: NDArray[np.int64], first: int
    ) -> list[Entity]:
        """Reads tokens and names them."""
        logits = stream.feed(ids)
        if logits is None:
            raise TypeError("Expected an engine that labels tokens; this one labels texts.")
        encoded = EncodedText(
            ids,
            [(start, end) for start, end in offsets.tolist()],
            [self._encoder.token(number) for number in ids.tolist()],
        )
        head = TokenHead(self._config, self._encoder, self._max_tokens)
        scores = self._engine.final_scores(logits)
        text = "".join(self._pieces)
        return list(head.entities(text, encoded, scores, first=first, origin=self._origin))

    def _forget(self) -> None:
        """Drops what no token to come is made from: all before the unfinished word."""
        _, offsets = self._rest()
        start = int(offsets[0, 0]) if len(offsets) else self._end
        if start > self._origin:
            self._pieces = ["".join(self._pieces)[start - self._origin :]]
            self._origin = start

    def _save(self) -> bytes:
        return self._origin.to_bytes(8, "little") + "".join(self._pieces).encode("utf-8", "surrogatepass")

    def _load(self, data: bytes) -> None:
        text = data[8:].decode("utf-8", "surrogatepass")
        self._pieces, self._origin = [text], int.from_bytes(data[:8], "little")
        self._end = self._origin + len(text)
