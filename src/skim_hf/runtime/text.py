"""From a string to token ids and back to places in the string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

if TYPE_CHECKING:
    from skim_hf.runtime.protocols import TextSplitter

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class EncodedText:
    """A text as the model reads it.

    Attributes:
        ids: [T] int32.
        offsets: Start and end of every token in the original text, in code points.
        tokens: What the vocabulary calls every token.
    """

    ids: NDArray[np.int32]
    offsets: list[tuple[int, int]]
    tokens: list[str]


class TextEncoder:
    """A `tokenizer.json`, applied to raw text that may hold anything.

    Text such as `[PAD]` is plain text here, never a special token; nothing is padded or cut.

    Args:
        tokenizer: A tokenizer of the tokenizers library, which this object takes over.
        vocab_size: Rows of the embedding table that the ids index.

    Raises:
        ValueError: The tokenizer has ids beyond the embedding table.
    """

    def __init__(self, tokenizer: Tokenizer, vocab_size: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
        if highest >= vocab_size:
            raise ValueError(
                f"The tokenizer has ids up to {highest}, but the model's embedding table has {vocab_size} "
                "rows: tokenizer.json and model.safetensors do not belong together."
            )
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles the tokenizer as its JSON."""
        return _rebuild, (self._tokenizer.to_str(), self._vocab_size)

    @property
    def unknown(self) -> str | None:
        """What the vocabulary calls a word that it lacks; None if there is no such name."""
        name: str | None = getattr(self._tokenizer.model, "unk_token", None)
        return name

    def token(self, number: int) -> str:
        """What the vocabulary calls the token of an id."""
        return str(self._tokenizer.id_to_token(number))

    def splitter(self) -> TextSplitter:
        """A splitter at the start of a text that arrives in pieces.

        Raises:
            ValueError: This tokenizer cannot split a text before it has all of it.
        """
        raise ValueError("This tokenizer cannot split a text before it has all of it.")

    @classmethod
    def load(cls, path: Path, vocab_size: int) -> TextEncoder:
        """Reads a `tokenizer.json`.

        Raises:
            ValueError: Not a tokenizer, or one with ids beyond the embedding table.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception for a broken file
            raise ValueError(
                f"{path} is not a tokenizer ({error}). Save it again with tokenizer.save_pretrained(folder)."
            ) from error
        return cls(tokenizer, vocab_size)

    def ids(self, text: str, limit: int | None = None) -> NDArray[np.int32]:
        """Token ids of a text, [T]; see `encode`."""
        return np.array(self._run(text).ids[:limit], dtype=np.int32)

    def encode(self, text: str, limit: int | None = None) -> EncodedText:
        """Splits a text into tokens.

        Args:
            text: Any string; a lone surrogate, which no encoding can carry, counts as U+FFFD.
            limit: How many tokens to give at most; None gives all.

        Raises:
            TypeError: Not a string.
            ValueError: The tokenizer cannot encode this text, for want of an unknown token.
        """
        encoding = self._run(text)
        ids, offsets, tokens = encoding.ids, encoding.offsets, encoding.tokens
        return EncodedText(np.array(ids[:limit], dtype=np.int32), offsets[:limit], tokens[:limit])

    def _run(self, text: str) -> Encoding:
        check_text(text)
        try:
            return self._tokenizer.encode(printable(text))
        except Exception as error:  # the library raises a bare Exception
            raise ValueError(
                f"The tokenizer could not encode {text[:40]!r} ({error}). "
                "Its tokenizer.json needs an unknown token."
            ) from error


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
        raise TypeError(f"Expected text (str) or a list of texts; got {type(text).__name__}{where}.{hint}")


def printable(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, code point for code point."""
    return text if text.isascii() else _SURROGATES.sub(_REPLACEMENT, text)


def _rebuild(tokenizer: str, vocab_size: int) -> TextEncoder:
    return TextEncoder(Tokenizer.from_str(tokenizer), vocab_size)
