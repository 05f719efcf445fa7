"""What training texts say of words: how common they are, and how strongly they speak for a label."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm.auto import tqdm

from skim_hf.runtime.protocols import Encoder

# Rarer words tell labels apart by chance.
FEWEST_TEXTS = 20


@dataclass
class Lexicon:
    """What training texts say of words.

    Attributes:
        counts: Occurrences by word.
        strengths: By word the log-odds of the label that it speaks for most, against all others together.
    """

    counts: Counter[str] = field(default_factory=Counter)
    strengths: dict[str, float] = field(default_factory=dict)


def words_of(encoder: Encoder, text: str) -> list[str]:
    """The words of a text as a model's tokenizer finds them, in lower case."""
    return [text[start:end].lower() for start, end in encoder.encode(text, None).offsets]


def learn_lexicon(encoder: Encoder, texts: Sequence[str], labels: Sequence[Any]) -> Lexicon:
    """Counts the words of labelled texts.

    The strength of a word is the largest over labels k of log(odds of the word in texts of k / odds in the
    other texts), each count of texts raised by a half.

    Args:
        encoder: Splits texts.
        texts: The training texts.
        labels: One for each.
    """
    lexicon = Lexicon()
    holding: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for text, label in tqdm(zip(texts, labels, strict=True), "Lexicon", len(texts), unit=" texts"):
        words = words_of(encoder, text)
        lexicon.counts.update(words)
        holding[label].update(set(words))
    sizes, everywhere = Counter(labels), sum(holding.values(), Counter[str]())
    for word, count in everywhere.items():
        if count >= FEWEST_TEXTS:
            lexicon.strengths[word] = max(
                _log_odds(holding[label][word], size)
                - _log_odds(count - holding[label][word], len(texts) - size)
                for label, size in sizes.items()
            )
    return lexicon


def _log_odds(count: int, texts: int) -> float:
    return math.log((count + 0.5) / (texts - count + 0.5))
