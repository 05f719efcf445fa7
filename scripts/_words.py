"""Which words a model reads: by place in the text, by how common they are, by what they say of the label."""

from __future__ import annotations

import bisect
import html
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from _lexicon import Lexicon
from tqdm.auto import tqdm

from skim_hf import SkimRuntime

DECILES = 10
ENDS = 5
FREQUENCIES = (1, 10, 100, 1_000, 10_000, 100_000)
STRENGTHS = (0.25, 0.5, 1.0, 2.0)


@dataclass
class Tally:
    """Reading of the words of a group: how many, and the sums over them."""

    words: int = 0
    probability: float = 0.0
    read: float = 0.0

    def add(self, probability: float, read: float) -> None:
        """Counts a word."""
        self.words += 1
        self.probability += probability
        self.read += read

    def means(self) -> dict[str, float]:
        """The number of words, the mean probability of reading one, and the share that was read."""
        return {
            "words": self.words,
            "probability": self.probability / self.words,
            "read": self.read / self.words,
        }


def tally_reading(
    runtime: SkimRuntime, texts: Sequence[str], lexicon: Lexicon
) -> dict[str, dict[str, Tally]]:
    """Reads texts, and counts what was read in each group of words.

    Args:
        runtime: The model.
        texts: What it reads.
        lexicon: Of its training texts.

    Returns:
        By kind of group (`position`, `ends`, `frequency`, `strength`, `word`) and name of the group; groups
        without words are left out.
    """
    found: dict[str, dict[str, Tally]] = {
        "position": _empty(_share(at) for at in range(DECILES)),
        "ends": _empty([*(f"{n + 1}" for n in range(ENDS)), *(f"-{n}" for n in range(ENDS, 0, -1))]),
        "frequency": _empty(_spans(FREQUENCIES)),
        "strength": _empty(_spans(STRENGTHS)),
        "word": defaultdict(Tally),
    }
    for text in tqdm(texts, "Reading", unit=" texts"):
        tokens = runtime.trace(text).tokens
        for at, token in enumerate(tokens):
            word = text[token.start : token.end].lower()
            for kind, name in _groups(word, at, len(tokens), lexicon):
                found[kind][name].add(1 - token.p_skim, token.read_share)
    return {
        kind: {name: tally for name, tally in each.items() if tally.words} for kind, each in found.items()
    }


def _groups(word: str, at: int, length: int, lexicon: Lexicon) -> Iterable[tuple[str, str]]:
    """The groups that a word at a place of a text of some length is in."""
    yield "word", word
    # By the middle of the word, so that first and last words of short texts are as far from the ends.
    yield "position", _share(DECILES * (2 * at + 1) // (2 * length))
    # Of a short text a word may be near both ends.
    if at < ENDS:
        yield "ends", f"{at + 1}"
    if length - at <= ENDS:
        yield "ends", f"-{length - at}"
    yield "frequency", _spans(FREQUENCIES)[bisect.bisect(FREQUENCIES, lexicon.counts[word])]
    if word in lexicon.strengths:
        yield "strength", _spans(STRENGTHS)[bisect.bisect(STRENGTHS, lexicon.strengths[word])]


def _share(decile: int) -> str:
    return f"{100 * decile // DECILES} to {100 * (decile + 1) // DECILES}%"


def _spans(limits: Sequence[float]) -> list[str]:
    """Names of the spans below, between and above some limits."""
    between = [f"{low:,g} to {high:,g}" for low, high in itertools.pairwise(limits)]
    return [f"< {limits[0]:,g}", *between, f"\u2265 {limits[-1]:,g}"]


def _empty(names: Iterable[str]) -> dict[str, Tally]:
    return {name: Tally() for name in names}


def most_and_least(
    words: Mapping[str, Tally], lexicon: Lexicon, *, fewest: int, count: int
) -> dict[str, list[dict[str, Any]]]:
    """The frequent words that are read most and least often.

    Args:
        words: By word.
        lexicon: Of the training texts.
        fewest: Occurrences in the texts that were read, from which on a word is frequent.
        count: How many of each.
    """
    frequent = [
        {"word": word, **tally.means(), "strength": lexicon.strengths.get(word)}
        for word, tally in words.items()
        if tally.words >= fewest
    ]
    frequent.sort(key=lambda found: (-found["read"], -found["probability"], found["word"]))
    count = min(count, len(frequent) // 2)
    return {"read": frequent[:count], "skimmed": frequent[::-1][:count]}


def show_reading(runtime: SkimRuntime, text: str) -> str:
    """A text as Markdown in one line, with what was read in bold."""
    parts, end = [], 0
    for token in runtime.trace(text).tokens:
        piece = _plain(text[token.start : token.end])
        parts += [_plain(text[end : token.start]), f"<b>{piece}</b>" if token.is_read else piece]
        end = token.end
    # Tags, because asterisks beside punctuation are not bold; between neighbours they are not needed.
    return re.sub(r"</b>(\s*)<b>", r"\1", " ".join("".join([*parts, _plain(text[end:])]).split()))


def _plain(text: str) -> str:
    """Characters that mean nothing to Markdown."""
    return re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", html.escape(text, quote=False))
