"""What an engine, its streams and a text splitter offer: the seam between the runtime and its backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.frames import FrameEncoder
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import Array

Inputs = ArrayLike
"""What a text is to an engine: [T] integers, the ids of its tokens; or, where the configuration's
`vocab_size` is None, [T, input_size] numbers, one frame of features per step. Either may be empty."""


Encoder = TextEncoder | FrameEncoder
"""What turns texts, or sequences of features, into such inputs."""


class TokenStream(Protocol):
    """One text that is read as its tokens, or frames, arrive: constant memory, constant work per token.

    Reading in pieces gives the same bits as reading at once. For one thread at a time.
    """

    @property
    def tokens(self) -> int:
        """Tokens fed so far, those that jumps passed over included."""

    @property
    def decisions(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice so far, the full read first.

        Tokens that a jump passed over are in none.
        """

    @property
    def units(self) -> NDArray[np.int64] | None:
        """[R], how many units policy `selective` updated so far; None for other policies."""

    def feed(self, inputs: Inputs) -> Array | None:
        """Reads on.

        Args:
            inputs: The next n tokens or frames; see `Inputs`.

        Returns:
            [n, labels] logits where every token gets a label, else None.

        Raises:
            ValueError: Not such inputs; nothing was read.
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

    def read(self, inputs: Inputs) -> Reading:
        """Reads one text, see `Inputs`; ValueError for what is none.

        Inputs that were not read, because they were skipped or passed over, are not looked at either.
        """

    def scores(
        self, texts: Sequence[Any], encoder: Encoder, max_tokens: int | None = None
    ) -> NDArray[np.float32]:
        """Final scores of texts, for models that label texts.

        Args:
            texts: Strings, or arrays of frames, checked to be such.
            encoder: Splits the strings.
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
