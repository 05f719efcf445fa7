"""Which words a model read, and which it skimmed."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.splitting import printable
from skim_hf.runtime.text import EncodedText
from skim_hf.runtime.weights import Array

_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
# Grey on white and black on yellow both have a contrast of at least 7:1, and read words are bold as
# well, so that nothing depends on seeing colours.
_STYLE = (
    "<style>.skim-trace{color:#595959;background:#fff;font:1rem/1.7 Georgia,serif;white-space:pre-wrap;"
    "overflow-wrap:anywhere}.skim-trace mark{color:#000;background:#ffe08a;font-weight:bold}</style>"
)
PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n</head>\n'
    '<body style="max-width:46rem;margin:2rem auto;padding:0 1rem;font-family:sans-serif">\n'
    "<h1>{title}</h1>\n<p>{summary}</p>\n{fragment}\n</body>\n</html>\n"
)


@dataclass(frozen=True)
class TokenTrace:
    """What happened to one token.

    Attributes:
        token: Its name in the vocabulary.
        start: Where it starts in the text, in code points.
        end: Where it ends.
        decisions: The choice of each of R = layers * directions readers: 0 is a full read (of a selective
            one: at least one unit was updated), j the j-th small size or a copy, -1 that it was passed over.
        p_skim: Probability of not reading it fully, averaged over the readers; of a selective one the share
            of units that were not updated, and 1.0 where the token was passed over.
        label: Its label where every token gets one; None where the text does.
        score: The label's probability.
    """

    token: str
    start: int
    end: int
    decisions: tuple[int, ...]
    p_skim: float
    label: str | None = None
    score: float | None = None

    @property
    def decision(self) -> int:
        """The choice of most readers; on ties the one that does more work. 0 where there is no reader."""
        # Passed over is -1, and less work than any choice.
        choices = sorted(set(self.decisions), key=lambda choice: (choice < 0, choice))
        return max(choices, key=self.decisions.count, default=0)

    @property
    def read_share(self) -> float:
        """Share of the readers that read the token fully; 0 or 1 for a single reader, and 1 without any."""
        return self.decisions.count(0) / len(self.decisions) if self.decisions else 1.0

    @property
    def is_passed(self) -> bool:
        """Whether no reader looked at the token, because of jumps."""
        return bool(self.decisions) and set(self.decisions) == {-1}

    @property
    def is_read(self) -> bool:
        """Whether at least half of the readers read it: what the renderings highlight."""
        return self.read_share >= 0.5


@dataclass(frozen=True)
class ReadingTrace:
    r"""How one text was read, token by token.

    Attributes:
        text: The text as it came.
        tokens: In the order of the text.
        skim_rate: Share of decisions that were not a full read (of a selective model, of units that were not
            updated); 0.0 for a text without tokens.
        label: The predicted label; None where every token has one of its own.
        score: Its probability, or the value of a regression.

    Example:
        >>> word = TokenTrace("good", 2, 6, decisions=(0,), p_skim=0.1)
        >>> ReadingTrace("A good film.", (word,), 0.0, "positive", 0.98).to_ansi()
        '\x1b[2mA \x1b[0m\x1b[1mgood\x1b[0m\x1b[2m film.\x1b[0m'
    """

    text: str
    tokens: tuple[TokenTrace, ...]
    skim_rate: float
    label: str | None
    score: float | None

    def to_ansi(self) -> str:
        """The text for a terminal: read words bold, everything else dim.

        Control characters other than line breaks and tabs appear as U+FFFD, so that a text cannot
        command the terminal.
        """
        return "".join(
            f"{_BOLD if token and token.is_read else _DIM}{harmless(piece)}{_PLAIN}"
            for piece, token in self._pieces()
        )

    def to_text(self) -> str:
        """The text with every read word in square brackets; control characters as in `to_ansi`.

        Example:
            >>> word = TokenTrace("good", 2, 6, decisions=(0,), p_skim=0.1)
            >>> ReadingTrace("A good film.", (word,), 0.0, "positive", 0.98).to_text()
            'A [good] film.'
        """
        return "".join(
            f"[{harmless(piece)}]" if token and token.is_read else harmless(piece)
            for piece, token in self._pieces()
        )

    def to_html(self, *, full_page: bool = False) -> str:
        """The text with read words marked, and the probability of skimming in every word's tooltip.

        Args:
            full_page: Whether to return a whole document with label and skim rate as its heading;
                otherwise a `<div>` with its own style, to be put into a page.
        """
        words = "".join(_word(piece, token) for piece, token in self._pieces())
        fragment = f'<div class="skim-trace">{_STYLE}{words}</div>'
        if not full_page:
            return fragment
        summary = (
            f"{len(self.tokens)} tokens, {self.skim_rate:.1%} of the reading decisions skimmed. "
            "Marked words were read in full."
        )
        heading = "Labels of tokens" if self.label is None else f"{self.label} ({self.score:.3f})"
        title = html.escape(printable(heading))
        return PAGE.format(title=title, summary=summary, fragment=fragment)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.to_html()

    def _pieces(self) -> Iterator[tuple[str, TokenTrace | None]]:
        """Cuts the text into tokens and what lies between them; joined, they are the text."""
        text, position = printable(self.text), 0
        for token in self.tokens:
            # Byte-level tokenizers give several tokens to one character, template tokens have no place.
            # Frames of features have numbers for places, and no text at all.
            start, end = max(token.start, position), min(token.end, len(text))
            if start >= end:
                continue
            if start > position:
                yield text[position:start], None
            yield text[start:end], token
            position = end
        if position < len(text):
            yield text[position:], None


def trace_reading(
    config: RuntimeConfig, text: str, encoded: EncodedText, reading: Reading, scores: Array
) -> ReadingTrace:
    """Tells how a text was read.

    Args:
        config: Of the model.
        text: The text.
        encoded: Its tokens, as many as were read.
        reading: What reading them left behind.
        scores: Final scores, [labels], or [T, labels] where every token gets a label.
    """
    scores = np.atleast_2d(scores)
    best = scores.argmax(axis=1)
    named = [(config.labels[choice], float(row[choice])) for choice, row in zip(best, scores, strict=True)]
    p_skim = np.zeros(len(reading.decisions))
    if reading.decisions.shape[1]:
        by_reader = reading.probabilities[..., 1:].sum(axis=-1)
        p_skim = np.where(reading.decisions < 0, 1, by_reader).mean(axis=-1)
    tokens = [
        TokenTrace(token, start, end, tuple(decisions), p)
        for token, (start, end), decisions, p in zip(
            encoded.tokens, encoded.offsets, reading.decisions.tolist(), p_skim.tolist(), strict=True
        )
    ]
    label, score = None, None
    if config.labels_tokens:
        tokens = [
            replace(token, label=label, score=score)
            for token, (label, score) in zip(tokens, named, strict=True)
        ]
    else:
        ((label, score),) = named
    return ReadingTrace(text, tuple(tokens), reading.skim_rate, label, score)


def harmless(text: str) -> str:
    """A text that cannot command a terminal: control characters but line breaks and tabs become U+FFFD."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) == "Cc" and char not in "\n\t" else char
        for char in text
    )


def _word(piece: str, token: TokenTrace | None) -> str:
    if token is None:
        return html.escape(piece)
    tag = "mark" if token.is_read else "span"
    how = "passed over" if token.is_passed else f"p(skim) {token.p_skim:.2f}"
    title = html.escape(printable(f"{token.token}: {how}"))
    if token.label is not None:
        title += html.escape(printable(f", {token.label} {token.score:.2f}"))
    return f'<{tag} title="{title}">{html.escape(piece)}</{tag}>'
