"""Recognises the tokenizers made by `skim_hf.training.build_tokenizer` and serves them by the C extension.

What is read here is only the JSON of a `tokenizer.json`, so that loading one needs no other library.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.splitting import APOSTROPHE, PATTERN

NATIVE = "skim_hf.native._runtime"

_RULE: dict[str, Any] = {
    "version": "1.0",
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"String": APOSTROPHE}, "content": "'"},
        ],
    },
    "pre_tokenizer": {
        "type": "Split",
        "pattern": {"Regex": PATTERN},
        "behavior": "Removed",
        "invert": True,
    },
    "decoder": None,
}
_FIELDS = {*_RULE, "truncation", "padding", "added_tokens", "post_processor", "model"}
# transformers writes a template that adds nothing.
_TEXT, _PAIR = ({"Sequence": {"id": name, "type_id": type_id}} for name, type_id in (("A", 0), ("B", 1)))
_NO_TEMPLATES = (
    None,
    {"type": "TemplateProcessing", "single": [_TEXT], "pair": [_TEXT, _PAIR], "special_tokens": {}},
)
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@cache
def native_module() -> Any | None:
    """The C extension; None where it was not compiled."""
    try:
        return importlib.import_module(NATIVE)
    except ImportError:
        return None


@dataclass(frozen=True)
class WordVocabulary:
    """The words of a tokenizer that splits by the rule of `splitting.py`.

    Attributes:
        words: Their ids, each of which belongs to one word.
        unknown: The one that stands for all other words.
    """

    words: dict[str, int]
    unknown: str

    @property
    def unknown_id(self) -> int:
        """The id of a word that is not in the vocabulary."""
        return self.words[self.unknown]

    @classmethod
    def from_json(cls, text: str) -> WordVocabulary | None:
        """Reads the text of a `tokenizer.json`; None if it is anything but such a tokenizer."""
        try:
            return cls._from_content(json.loads(text))
        except (ValueError, RecursionError):
            return None

    @classmethod
    def _from_content(cls, content: Any) -> WordVocabulary | None:
        if not isinstance(content, dict) or set(content) != _FIELDS:
            return None
        if not all(_same(content[name], value) for name, value in _RULE.items()):
            return None
        if not any(_same(content["post_processor"], value) for value in _NO_TEMPLATES):
            return None
        # How long texts may be and how they are padded is not the tokenizer's business here.
        if not all(isinstance(content[name], dict | None) for name in ("truncation", "padding")):
            return None
        words = _words_of(content["model"])
        if words is None or not _are_words(content["added_tokens"], words):
            return None
        return cls(words, content["model"]["unk_token"])

    def to_json(self) -> str:
        """The text of a `tokenizer.json` with these words."""
        model = {"type": "WordLevel", "vocab": self.words, "unk_token": self.unknown}
        rest: dict[str, object] = {
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "post_processor": None,
        }
        return json.dumps({**_RULE, **rest, "model": model})


class NativeText:
    """Splits and looks up in C.

    Args:
        vocabulary: The words.
        module: The C extension.
    """

    kind = "native"

    def __init__(self, vocabulary: WordVocabulary, module: Any) -> None:
        words = vocabulary.words
        self.words = vocabulary
        self.vocabulary = module.Vocabulary(list(words), list(words.values()), vocabulary.unknown_id)

    @property
    def highest_id(self) -> int:
        """The highest id of a word."""
        return max(self.words.words.values())

    @property
    def unknown(self) -> str:
        """What the vocabulary calls a word that it lacks."""
        return self.words.unknown

    @property
    def unknown_id(self) -> int:
        """The id of a word that it lacks."""
        return self.words.unknown_id

    def token(self, number: int) -> str:
        """What the vocabulary calls the token of an id."""
        return self._names[number]

    def ids(self, text: str, limit: int | None) -> NDArray[np.int32]:
        """Token ids of a text, [T]."""
        return np.frombuffer(self.vocabulary.ids(text, limit), np.int32)

    def encode(
        self, text: str, limit: int | None
    ) -> tuple[NDArray[np.int32], list[tuple[int, int]], list[str]]:
        """Ids, offsets and names of the tokens of a text."""
        numbers, places = self.vocabulary.encode(text, limit)
        ids = np.frombuffer(numbers, np.int32)
        ends = iter(np.frombuffer(places, np.int64).tolist())
        return ids, list(zip(ends, ends, strict=True)), [self._names[number] for number in ids.tolist()]

    def to_json(self) -> str:
        """The text of a `tokenizer.json` that does the same."""
        return self.words.to_json()

    @cached_property
    def _names(self) -> dict[int, str]:
        return {number: word for word, number in self.words.words.items()}


def _same(value: object, wanted: object) -> bool:
    """Whether two values are the same JSON, where `1` is not `true`."""
    return json.dumps(value, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def _words_of(model: object) -> dict[str, int] | None:
    """The words of a word-level model; None if they are not what C can hold."""
    if not isinstance(model, dict) or set(model) != {"type", "vocab", "unk_token"}:
        return None
    words, unknown = model["vocab"], model["unk_token"]
    if model["type"] != "WordLevel" or not isinstance(words, dict) or not isinstance(unknown, str):
        return None
    if unknown not in words or not all(type(number) is int for number in words.values()):
        return None
    # A token's name follows from its id only where no two words share one.
    if len(set(words.values())) != len(words) or not 0 <= min(words.values()) <= max(words.values()) < 2**31:
        return None
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        return None
    return words


def _are_words(tokens: object, words: dict[str, int]) -> bool:
    """Whether added tokens are special ones that the vocabulary has, so that they never match in a text."""
    if not isinstance(tokens, list):
        return False
    for token in tokens:
        if not isinstance(token, dict) or set(token) != {"id", "content", "special", *_FLAGS}:
            return False
        if token["special"] is not True or not all(isinstance(token[flag], bool) for flag in _FLAGS):
            return False
        if type(token["id"]) is not int or not isinstance(token["content"], str):
            return False
        if words.get(token["content"]) != token["id"]:
            return False
    return True
