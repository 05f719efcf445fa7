"""The splitting rule for a text that comes in pieces: any cutting gives the tokens of the whole.

The readable counterpart of `native/text.c`, with the same states, which both save as the same bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np

from skim_hf.runtime.splitting import SPACE, SUFFIXES, SYMBOL, WORD, char_class, lower

Token = tuple[str | None, int, int]

_MAGIC = b"SKS1"
_KINDS = (SPACE, WORD, SYMBOL)
# What native/text_state.c describes, without the bytes of the open token and the checksum.
_STATE = struct.Struct("<4sQqqBB3sIQ")
_NO_LIMIT = 2**64 - 1


class StreamSplitter:
    """Splits one text that comes in pieces.

    Between two pieces it remembers the open token and up to three characters that are held back: they began
    like a contraction suffix behind a word, and only what follows them says whether they are one.

    Args:
        longest: A token of more bytes in UTF-8 is given as None, and its letters are not kept, so that memory
            does not grow. None keeps all letters.

    Example:
        >>> splitter = StreamSplitter()
        >>> [splitter.feed(piece) for piece in ("They do", "n", "'t ca", "re")]
        [[('they', 0, 4)], [], [('do', 5, 7), ("n't", 7, 10)], []]
        >>> splitter.rest()
        [('care', 11, 15)]
    """

    def __init__(self, longest: int | None = None) -> None:
        self._longest = _NO_LIMIT if longest is None else longest
        self.reset()

    def reset(self) -> None:
        """Begins a new text."""
        self._position = 0
        self._kind, self._start, self._symbol = SPACE, 0, ""
        self._open, self._too_long = bytearray(), False
        self._held = ""

    def feed(self, text: str, is_last: bool = False) -> list[Token]:
        """Takes the next piece of the text.

        Args:
            text: Any string, such as a single character.
            is_last: The text ends with it, and the next piece begins a new one.

        Returns:
            (token, start, end) of the tokens that no further piece can change, as `splitting.split` gives
            them for the whole text; all that are left if the text ends.

        Raises:
            TypeError: Not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"Expected text (str); got {type(text).__name__}.")
        tokens: list[Token] = []
        for char in text:
            for piece in lower(char):
                self._take(piece, self._position, tokens)
            self._position += 1
        if is_last:
            # A blank ends every token and is none.
            self._take(" ", self._position, tokens)
            self.reset()
        return tokens

    def rest(self) -> list[Token]:
        """What would follow if the text ended here; changes nothing."""
        return self.copy().feed("", is_last=True)

    def copy(self) -> StreamSplitter:
        """A splitter that goes on from here by itself."""
        twin = StreamSplitter(self._longest)
        twin.load(self.save())
        return twin

    def save(self) -> bytes:
        """The state as bytes."""
        is_open = self._kind != SPACE
        length = self._longest + 1 if self._too_long else len(self._open)
        state = _STATE.pack(
            _MAGIC,
            self._longest,
            self._position,
            self._start if is_open else 0,
            _KINDS.index(self._kind),
            len(self._held),
            self._held.encode(),
            ord(self._symbol) if self._kind == SYMBOL else 0,
            length if is_open else 0,
        )
        if is_open and not self._too_long:
            state += self._open
        return state + zlib.crc32(state).to_bytes(4, "little")

    def load(self, state: bytes) -> None:
        """Goes on where `save` was called.

        Raises:
            ValueError: The bytes are damaged, or come from a splitter with another `longest`.
        """
        if not self._load(bytes(state)):
            raise ValueError(
                "These bytes are not the state of a splitter with this vocabulary. "
                "Pass what save() gave, unchanged."
            )

    def _load(self, state: bytes) -> bool:
        content, checksum = state[:-4], int.from_bytes(state[-4:], "little")
        if len(content) < _STATE.size or zlib.crc32(content) != checksum:
            return False
        magic, longest, position, start, kind, held, suffix, symbol, length = _STATE.unpack_from(content)
        letters = content[_STATE.size :]
        if magic != _MAGIC or longest != self._longest or kind >= len(_KINDS) or held > 3:
            return False
        if not 0 <= start <= position <= 2**62 or len(letters) != (0 if length > longest else length):
            return False
        if symbol > 0x10FFFF or length > longest + 1 or (kind == 0) != (length == 0):
            return False
        if held and not self._may_hold(suffix[:held].decode("latin-1"), _KINDS[kind], position):
            return False
        self._position, self._start = position, start
        self._kind, self._symbol = _KINDS[kind], chr(symbol)
        self._open, self._too_long = bytearray(letters), length > longest
        self._held = suffix[:held].decode("latin-1")
        return True

    @staticmethod
    def _may_hold(held: str, kind: str, position: int) -> bool:
        return position >= len(held) and _begins_suffix(held) and kind == (WORD if held[0] == "n" else SPACE)

    def _take(self, char: str, at: int, tokens: list[Token]) -> None:
        """Takes one lower-cased character that came from place `at` of the text."""
        kind, behind_suffix = char_class(char), False
        while self._held:
            if _begins_suffix(self._held + char):
                self._held += char
                return
            if kind != WORD and self._held in SUFFIXES:
                start = at - len(self._held)
                self._close(start, tokens)
                fits = len(self._held) <= self._longest
                tokens.append((self._held if fits else None, start, at))
                self._held, behind_suffix = "", True
            else:
                self._release(at, tokens)
        behind_word = behind_suffix or self._kind == WORD
        if kind == self._kind == WORD:
            if char == "n":
                self._held = char
            else:
                self._add(char)
        elif kind == self._kind == SYMBOL and char == self._symbol:
            self._add(char)
        else:
            self._close(at, tokens)
            if char == "'" and behind_word:
                self._held = char
            elif kind != SPACE:
                self._begin(char, kind, at)

    def _release(self, at: int, tokens: list[Token]) -> None:
        """Nothing came of what is held back: its first character is ordinary, the others begin anew."""
        held, self._held = self._held, ""
        if self._kind == WORD:
            self._add(held[0])
        else:
            self._begin(held[0], SYMBOL, at - len(held))
        for place, char in enumerate(held[1:], at - len(held) + 1):
            self._take(char, place, tokens)

    def _begin(self, char: str, kind: str, at: int) -> None:
        self._kind, self._symbol, self._start = kind, char, at
        self._open, self._too_long = bytearray(), False
        self._add(char)

    def _add(self, char: str) -> None:
        if not self._too_long:
            self._open += char.encode()
            self._too_long = len(self._open) > self._longest

    def _close(self, end: int, tokens: list[Token]) -> None:
        if self._kind != SPACE:
            tokens.append((None if self._too_long else self._open.decode(), self._start, end))
            self._kind = SPACE


class WordSplitter:
    """As the `Splitter` of the C extension: token ids of a text that comes in pieces.

    Args:
        words: The ids of the words.
        unknown: The id of every other word.
    """

    def __init__(self, words: Mapping[str, int], unknown: int) -> None:
        self._words, self._unknown = words, unknown
        self._splitter = StreamSplitter(max((len(word.encode()) for word in words), default=0))

    def feed(self, text: str, is_last: bool = False) -> tuple[bytearray, bytearray]:
        """Ids of the tokens that are certain, as int32, and where they are, as pairs of int64."""
        return self._encoded(self._splitter.feed(text, is_last))

    def rest(self) -> tuple[bytearray, bytearray]:
        """What would follow if the text ended here; changes nothing."""
        return self._encoded(self._splitter.rest())

    def copy(self) -> WordSplitter:
        """A splitter that goes on from here by itself."""
        twin = WordSplitter.__new__(WordSplitter)
        twin._words, twin._unknown = self._words, self._unknown
        twin._splitter = self._splitter.copy()
        return twin

    def reset(self) -> None:
        """Begins a new text."""
        self._splitter.reset()

    def save(self) -> bytes:
        """The state as bytes."""
        return self._splitter.save()

    def load(self, state: bytes) -> None:
        """Goes on where `save` was called; ValueError if the bytes are no such state."""
        self._splitter.load(state)

    def _encoded(self, tokens: list[Token]) -> tuple[bytearray, bytearray]:
        ids = [
            self._unknown if word is None else self._words.get(word, self._unknown) for word, _, _ in tokens
        ]
        places = [place for _, start, end in tokens for place in (start, end)]
        return bytearray(np.array(ids, np.int32).tobytes()), bytearray(np.array(places, np.int64).tobytes())


def _begins_suffix(held: str) -> bool:
    return any(suffix.startswith(held) for suffix in SUFFIXES)
