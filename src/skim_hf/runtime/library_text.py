"""Any tokenizer, applied by the tokenizers library, which is imported when one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.splitting import printable

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


class LibraryText:
    """Splits and looks up with a tokenizer of the tokenizers library.

    Args:
        tokenizer: The tokenizer, which this object takes over.
    """

    kind = "tokenizers"

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer

    @classmethod
    def from_json(cls, text: str) -> LibraryText:
        """Reads the text of a `tokenizer.json`; ValueError if it is not one."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises a bare Exception for a broken file
            raise ValueError(str(error)) from error
        return cls(tokenizer)

    @property
    def highest_id(self) -> int:
        """The highest id of a token; -1 without any."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)

    @property
    def unknown(self) -> str | None:
        """What the vocabulary calls a word that it lacks; None if there is no such name."""
        name: str | None = getattr(self._tokenizer.model, "unk_token", None)
        return name

    @property
    def unknown_id(self) -> int | None:
        """The id of that name; None if there is no such token."""
        name = self.unknown
        return None if name is None else self._tokenizer.token_to_id(name)

    def token(self, number: int) -> str:
        """What the vocabulary calls the token of an id."""
        return str(self._tokenizer.id_to_token(number))

    def ids(self, text: str, limit: int | None) -> NDArray[np.int32]:
        """Token ids of a text, [T]."""
        return np.array(self._run(text).ids[:limit], dtype=np.int32)

    def encode(
        self, text: str, limit: int | None
    ) -> tuple[NDArray[np.int32], list[tuple[int, int]], list[str]]:
        """Ids, offsets and names of the tokens of a text."""
        encoding = self._run(text)
        ids = np.array(encoding.ids[:limit], dtype=np.int32)
        return ids, encoding.offsets[:limit], encoding.tokens[:limit]

    def to_json(self) -> str:
        """The text of a `tokenizer.json` that does the same."""
        return self._tokenizer.to_str()

    def _run(self, text: str) -> Encoding:
        try:
            return self._tokenizer.encode(printable(text))
        except Exception as error:  # the library raises a bare Exception
            raise ValueError(
                f"The tokenizer could not encode {text[:40]!r} ({error}). "
                "Its tokenizer.json needs an unknown token."
            ) from error
