"""What an engine, its streams and a text splitter offer: the seam between the runtime and its backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.reading import Reading
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import Array


class TokenStream(Protocol):
    """One text that is read as its token ids arrive: constant memory, constant work per token.

    Reading in pieces gives the same bits as reading at once. For one thread at a time.
    """

    @property
    def tokens(self) -> int:
        """Tokens read so far."""

    @property
    def decisions(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice so far, the full read first."""

    def feed(self, ids: ArrayLike) -> Array | None:
        """Reads on.

        Args:
            ids: [n] token ids.

        Returns:
            [n, labels] logits where every token gets a label, else None.

        Raises:
            ValueError: Not a list of integers below `vocab_size`; nothing was read.
        """

    def logits(self) -> Array:
        """[labels], what is known of the text so far; for models that label texts."""

    def copy(self) -> TokenStream:
        """A stream that goes on from here on its own."""

    def save(self) -> bytes:
        """The state, for `load` by a stream of the same model and settings, in any process."""

    def load(self, data: bytes) -> None:
        """Goes back to a saved state.

        Raises:
            ValueError: Not such bytes; the state is unchanged.
        """


class Engine(Protocol):
    """A loaded model with its threshold; safe to be called from several threads at once."""

    def read(self, ids: ArrayLike) -> Reading:
        """Reads one text of [T] token ids; ValueError for what is not a list of such."""

    def scores(
        self, texts: Sequence[str], encoder: TextEncoder, max_tokens: int | None = None
    ) -> NDArray[np.float32]:
        """Final scores of texts, for models that label texts.

        Args:
            texts: Strings, checked to be such.
            encoder: Splits them.
            max_tokens: How many tokens of each to read; None reads all.

        Returns:
            [n, labels], see `scores.final_scores`.
        """

    def final_scores(self, logits: Array) -> Array:
        """What `scores` makes of logits, to the bit; see `scores.final_scores`."""

    def open(self) -> TokenStream:
        """A stream at the start of a text; for models that read in one direction."""

    def with_threshold(self, threshold: float) -> Engine:
        """The same model with another threshold, sharing everything that is large."""
