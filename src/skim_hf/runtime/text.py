"""From a string to token ids and back to places in the string."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.hub_cache import remedy
from skim_hf.runtime.library_text import LibraryText
from skim_hf.runtime.stream_splitter import WordSplitter
from skim_hf.runtime.words import NATIVE, NativeText, WordVocabulary, native_module

_NOT_OURS = (
    "needs a tokenizer made by skim_hf.training.build_tokenizer, whose rule it knows; this tokenizer.json "
    "holds another one."
)


@dataclass(frozen=True)
class EncodedText:
    """A text as the model reads it.

    Attributes:
        ids: [T] int32; of features the frames, [T, input_size] float32.
        offsets: Start and end of every token in the original text, in code points.
        tokens: What the vocabulary calls every token.
    """

    ids: NDArray[Any]
    offsets: list[tuple[int, int]]
    tokens: list[str]


class TokenSplitter(Protocol):
    """A text that comes in pieces; the C extension's `Splitter` and `WordSplitter` are such.

    Tokens come as two buffers: their ids as int32, and where they begin and end in the whole text, in code
    points, as pairs of int64.
    """

    def feed(self, text: str, is_last: bool = False) -> tuple[bytearray, bytearray]:
        """The tokens that no further piece can change; with `is_last`, all that are left."""

    def rest(self) -> tuple[bytearray, bytearray]:
        """What would follow if the text ended here; changes nothing."""

    def copy(self) -> TokenSplitter:
        """A splitter that goes on from here by itself."""

    def reset(self) -> None:
        """Begins a new text."""

    def save(self) -> bytes:
        """The state as bytes."""

    def load(self, state: bytes, /) -> None:
        """Goes on where `save` was called; ValueError if the bytes are no such state."""


class TextEncoder:
    """A `tokenizer.json`, applied to raw text that may hold anything.

    Text such as `[PAD]` is plain text here, never a special token; nothing is padded or cut.

    Args:
        backend: What splits the text.
        vocab_size: Rows of the embedding table that the ids index.
        words: The vocabulary, if the tokenizer is one of `skim_hf.training.build_tokenizer`.

    Raises:
        ValueError: The tokenizer has ids beyond the embedding table.
    """

    def __init__(
        self, backend: NativeText | LibraryText, vocab_size: int, words: WordVocabulary | None = None
    ) -> None:
        if backend.highest_id >= vocab_size:
            raise ValueError(
                f"The tokenizer has ids up to {backend.highest_id}, but the model's embedding table has "
                f"{vocab_size} rows: tokenizer.json and model.safetensors do not belong together."
            )
        self._backend = backend
        self._vocab_size = vocab_size
        self._words = words

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles the tokenizer as its JSON; C is used again where it is there."""
        native = None if self.native is not None else False
        return _from_json, (self._backend.to_json(), self._vocab_size, native)

    @classmethod
    def load(cls, path: Path, vocab_size: int, native: bool | None = None) -> TextEncoder:
        """Reads a `tokenizer.json`.

        Args:
            path: The file.
            vocab_size: Rows of the embedding table.
            native: Whether the C extension splits the text, instead of the tokenizers library. It knows the
                tokenizers of `skim_hf.training.build_tokenizer` and gives the same tokens. None for
                whenever it can.

        Raises:
            ValueError: Not a tokenizer, one with ids beyond the embedding table, or with `native=True` one
                that the C extension does not know.
            ImportError: `native=True`, and there is no C extension.
        """
        try:
            words, backend = _backend_of(path.read_text(encoding="utf-8"), native)
        except (OSError, ValueError) as error:
            again = remedy(path, "Save it again with tokenizer.save_pretrained(folder).")
            raise ValueError(f"{path} is not a tokenizer ({error}). {again}") from error
        if native and words is None:
            raise ValueError(f"native=True {_NOT_OURS} Leave `native` out to read it with tokenizers.")
        if native and backend.kind != "native":
            raise ImportError(
                f"native=True, but {NATIVE} is missing. Install skim_hf with a C compiler at hand."
            )
        return cls(backend, vocab_size, words)

    def is_one(self, texts: object) -> bool:
        """Whether this is one text rather than several."""
        return isinstance(texts, str)

    def check(self, text: Any, where: str = "") -> str:
        """A text as it is; see `check_text`."""
        check_text(text, where)
        checked: str = text
        return checked

    @property
    def kind(self) -> str:
        """What splits the text: "native" or "tokenizers"."""
        return self._backend.kind

    @property
    def native(self) -> Any | None:
        """The `skim_hf.native._runtime.Vocabulary` that is used; None if it is not C that splits."""
        return self._backend.vocabulary if isinstance(self._backend, NativeText) else None

    @property
    def unknown(self) -> str | None:
        """What the vocabulary calls a word that it lacks; None if there is no such name."""
        return self._backend.unknown

    @property
    def unknown_id(self) -> int | None:
        """The id of the token that stands for a word that the vocabulary lacks; None if there is none."""
        return self._backend.unknown_id

    def token(self, number: int) -> str:
        """What the vocabulary calls the token of an id."""
        return self._backend.token(number)

    def ids(self, text: str, limit: int | None = None) -> NDArray[np.int32]:
        """Token ids of a text, [T]; see `encode`."""
        check_text(text)
        check_limit(limit)
        return self._backend.ids(text, limit)

    def encode(self, text: str, limit: int | None = None) -> EncodedText:
        """Splits a text into tokens.

        Args:
            text: Any string; a lone surrogate, which no encoding can carry, counts as U+FFFD.
            limit: So many tokens at most, those at the beginning. None for all.

        Raises:
            TypeError: Not a string, or a limit that is not an int.
            ValueError: The tokenizer cannot encode this text, for want of an unknown token, or the limit is
                negative.
        """
        check_text(text)
        check_limit(limit)
        return EncodedText(*self._backend.encode(text, limit))

    def splitter(self) -> TokenSplitter:
        """Begins a text that comes in pieces.

        Raises:
            ValueError: The tokenizer was not made by `skim_hf.training.build_tokenizer`.
        """
        if self._words is None:
            raise ValueError(f"Reading a text in pieces {_NOT_OURS}")
        if self.native is None:
            return WordSplitter(self._words.words, self._words.unknown_id)
        splitter: TokenSplitter = self.native.splitter()
        return splitter


def check_text(text: object, where: str = "") -> None:
    """Refuses what is not a string.

    Args:
        text: Anything.
        where: Where it came from, such as `" at position 3"`.

    Raises:
        TypeError: Not a string.
    """
    if not isinstance(text, str):
        hint = " Decode it first, for example with .decode('utf-8')." if isinstance(text, bytes) else ""
        if isinstance(text, np.ndarray):
            hint = " This model reads words; frames of features go to a model with input_size."
        raise TypeError(f"Expected text (str) or a list of texts; got {type(text).__name__}{where}.{hint}")


def check_limit(limit: object) -> None:
    """Refuses what is no number of tokens.

    Raises:
        TypeError: Neither an int nor None.
        ValueError: Negative.
    """
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"A limit of tokens must be an int, or None for all; got {type(limit).__name__}.")
    if limit < 0:
        raise ValueError(f"A limit of tokens must be at least 0, or None for all; got {limit}.")


def _backend_of(text: str, native: bool | None) -> tuple[WordVocabulary | None, NativeText | LibraryText]:
    """Reads a tokenizer and chooses what splits by it."""
    words = WordVocabulary.from_json(text)
    if native is not False and words is not None and (module := native_module()) is not None:
        return words, NativeText(words, module)
    return words, LibraryText.from_json(text)


def _from_json(text: str, vocab_size: int, native: bool | None) -> TextEncoder:
    words, backend = _backend_of(text, native)
    return TextEncoder(backend, vocab_size, words)
