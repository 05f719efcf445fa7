r"""The splitting rule of the tokenizers made here: one table, one regular expression, one readable reference.

The rule is written down for people in `docs/tokenizer.md`. `TABLE` is its only data, `PATTERN` is generated
from it and is what `tokenizer.json` carries, and `split` says the same thing step by step. `StreamSplitter`
in `stream_splitter.py` and `native/text.c` take a text in pieces. Tests hold them all together on any text.

    >>> [token for token, start, end in split("Don't go... it's 10/10!")]
    ['do', "n't", 'go', '...', 'it', "'s", '10', '/', '10', '!']
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

SPACE = "space"
SYMBOL = "symbol"
WORD = "word"

# (first, last, class) of every code point that is not WORD, ascending and disjoint. Classes are looked up
# after lower-casing. Code points that Unicode has not assigned are WORD, so the table never changes with a
# new version of Unicode; explicit ranges instead of Unicode properties for the same reason.
TABLE: tuple[tuple[int, int, str], ...] = (
    (0x0000, 0x0020, SPACE),  # controls, tab, newline, blank
    (0x0021, 0x002F, SYMBOL),  # ! " # $ % & ' ( ) * + , - . /
    (0x003A, 0x0040, SYMBOL),  # : ; < = > ? @
    (0x005B, 0x0060, SYMBOL),  # [ \ ] ^ _ `   (the underscore too: it marks _emphasis_ in plain text)
    (0x007B, 0x007E, SYMBOL),  # { | } ~
    (0x007F, 0x00A0, SPACE),  # delete, C1 controls with next line, no-break space
    (0x00A1, 0x00A9, SYMBOL),  # inverted !, currency, section, copyright; U+00AA is a letter
    (0x00AB, 0x00AC, SYMBOL),  # left guillemet, not sign
    (0x00AD, 0x00AD, SPACE),  # soft hyphen, invisible
    (0x00AE, 0x00B4, SYMBOL),  # registered, degree, superscript 2 and 3; U+00B5 is a letter
    (0x00B6, 0x00B9, SYMBOL),  # pilcrow, middle dot, superscript 1; U+00BA is a letter
    (0x00BB, 0x00BF, SYMBOL),  # right guillemet, fractions, inverted ?
    (0x00D7, 0x00D7, SYMBOL),  # multiplication sign, amid letters
    (0x00F7, 0x00F7, SYMBOL),  # division sign, amid letters
    (0x037E, 0x037E, SYMBOL),  # Greek question mark
    (0x0387, 0x0387, SYMBOL),  # Greek semicolon
    (0x0589, 0x0589, SYMBOL),  # Armenian full stop
    (0x05BE, 0x05BE, SYMBOL),  # Hebrew hyphen
    (0x05C3, 0x05C3, SYMBOL),  # Hebrew full stop
    (0x060C, 0x060C, SYMBOL),  # Arabic comma
    (0x061B, 0x061B, SYMBOL),  # Arabic semicolon
    (0x061F, 0x061F, SYMBOL),  # Arabic question mark
    (0x06D4, 0x06D4, SYMBOL),  # Urdu full stop
    (0x0964, 0x0965, SYMBOL),  # Devanagari full stops, used by most scripts of India
    (0x1680, 0x1680, SPACE),  # Ogham blank
    (0x2000, 0x200F, SPACE),  # blanks, zero-width joiners, direction marks
    (0x2010, 0x2027, SYMBOL),  # dashes, quotation marks, bullets, ellipsis
    (0x2028, 0x202F, SPACE),  # line and paragraph separators, direction controls, narrow blank
    (0x2030, 0x205E, SYMBOL),  # per mille, primes, daggers, further punctuation
    (0x205F, 0x206F, SPACE),  # mathematical blank, invisible operators and controls
    (0x20A0, 0x20CF, SYMBOL),  # currency; the combining marks from U+20D0 on stay with their word
    (0x2100, 0x2BFF, SYMBOL),  # letterlike, arrows, mathematics, boxes, dingbats
    (0x2E00, 0x2FFF, SYMBOL),  # further punctuation, ideograph parts
    (0x3000, 0x3000, SPACE),  # ideographic blank
    (0x3001, 0x9FFF, SYMBOL),  # CJK punctuation, kana, ideographs: written without blanks, so one by one
    (0xF900, 0xFAFF, SYMBOL),  # compatibility ideographs
    (0xFE00, 0xFE0F, SPACE),  # variation selectors: U+2764 with and without U+FE0F is one heart
    (0xFE10, 0xFE1F, SYMBOL),  # vertical punctuation; the combining half marks U+FE20-FE2F are WORD
    (0xFE30, 0xFE6F, SYMBOL),  # vertical and small punctuation
    (0xFEFF, 0xFEFF, SPACE),  # byte order mark
    (0xFF01, 0xFF0F, SYMBOL),  # full-width punctuation; full-width digits and letters are WORD
    (0xFF1A, 0xFF20, SYMBOL),
    (0xFF3B, 0xFF40, SYMBOL),
    (0xFF5B, 0xFF9F, SYMBOL),  # full-width brackets, half-width punctuation and kana
    (0xFFE0, 0xFFEE, SYMBOL),  # full-width currency, half-width arrows
    (0x1AFF0, 0x1B16F, SYMBOL),  # further kana
    (0x1F000, 0x1FBFF, SYMBOL),  # emoji with their skin tones, pictographs, playing cards
    (0x20000, 0x3FFFF, SYMBOL),  # further ideographs
    (0xE0000, 0xE0FFF, SPACE),  # invisible tags (of flags) and variation selectors
)

# Contraction suffixes, after the typographic apostrophe has become the plain one.
APOSTROPHE = "\u2019"
SUFFIXES = ("n't", "'s", "'m", "'d", "'re", "'ve", "'ll")

# (first, last, distance to the lower-case letter): capitals that entered Unicode after the oldest Python
# supported here. tokenizers lower-cases by Unicode 17, so all Pythons have to.
NEW_CAPITALS: tuple[tuple[int, int, int], ...] = (
    (0x1C89, 0x1C89, 0x1),
    (0x2C2F, 0x2C2F, 0x30),
    (0xA7C0, 0xA7C0, 0x1),
    (0xA7CB, 0xA7CB, -0xA567),
    (0xA7CC, 0xA7CC, 0x1),
    (0xA7CE, 0xA7CE, 0x1),
    (0xA7D0, 0xA7D0, 0x1),
    (0xA7D2, 0xA7D2, 0x1),
    (0xA7D4, 0xA7D4, 0x1),
    (0xA7D6, 0xA7D6, 0x1),
    (0xA7D8, 0xA7D8, 0x1),
    (0xA7DA, 0xA7DA, 0x1),
    (0xA7DC, 0xA7DC, -0xA641),
    (0x10570, 0x1057A, 0x27),
    (0x1057C, 0x1058A, 0x27),
    (0x1058C, 0x10592, 0x27),
    (0x10594, 0x10595, 0x27),
    (0x10D50, 0x10D65, 0x20),
    (0x16EA0, 0x16EB8, 0x1B),
)

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_FIRST = [first for first, _, _ in TABLE]
_NEW_LOWER = {
    chr(code): chr(code + distance)
    for first, last, distance in NEW_CAPITALS
    for code in range(first, last + 1)
}


@lru_cache(maxsize=4096)
def char_class(char: str) -> str:
    """Class of one lower-cased character: `SPACE`, `SYMBOL` or `WORD`."""
    row = bisect_right(_FIRST, ord(char)) - 1
    first, last, kind = TABLE[row]
    return kind if first <= ord(char) <= last else WORD


def lower(char: str) -> str:
    """Lower-cases one character without looking at its neighbours, and makes U+2019 a plain apostrophe.

    Phones and word processors type U+2019, and word vectors know "n't" with the plain one only. As
    `Lowercase` and `Replace` of tokenizers do it.

    One character gives one character, except that U+0130 (capital I with dot) gives two: i and U+0307. A
    capital sigma is always U+03C3, also at the end of a word. U+00DF (sharp s) stays as it is. A lone
    surrogate, which no encoding can carry, counts as U+FFFD.
    """
    if "\ud800" <= char <= "\udfff":
        return _REPLACEMENT
    return "'" if char == APOSTROPHE else _NEW_LOWER.get(char) or char.lower()


def printable(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, code point for code point."""
    return text if text.isascii() else _SURROGATES.sub(_REPLACEMENT, text)


def split(text: str) -> list[tuple[str, int, int]]:
    """Splits a text into tokens with their places in it.

    Args:
        text: Any text.

    Returns:
        (token, start, end) in order of appearance: the lower-cased token, and the code-point offsets into
        `text` such that `text[start:end]` is what it was made from.
    """
    chars: list[str] = []
    source: list[int] = []
    for index, char in enumerate(text):
        for piece in lower(char):
            chars.append(piece)
            source.append(index)
    tokens = []
    at = 0
    while at < len(chars):
        if char_class(chars[at]) == SPACE:
            at += 1
            continue
        end = _token_end(chars, at)
        tokens.append(("".join(chars[at:end]), source[at], source[end - 1] + 1))
        at = end
    return tokens


def _token_end(chars: list[str], at: int) -> int:
    """Where the token that begins at `at`, which is not SPACE, ends."""
    end = _suffix_end(chars, at)
    if end > at:
        return end
    end = at + 1
    if char_class(chars[at]) == SYMBOL:
        while end < len(chars) and chars[end] == chars[at]:
            end += 1
        return end
    # A run of WORD characters ends early where its last letter belongs to "n't".
    while end < len(chars) and char_class(chars[end]) == WORD and _suffix_end(chars, end) == end:
        end += 1
    return end


def _suffix_end(chars: list[str], at: int) -> int:
    """Where the contraction suffix that begins at `at` ends; `at` itself if none begins there."""
    if chars[at] not in "n'" or at == 0 or char_class(chars[at - 1]) != WORD:
        return at
    for suffix in SUFFIXES:
        end = at + len(suffix)
        if "".join(chars[at:end]) == suffix and (end >= len(chars) or char_class(chars[end]) != WORD):
            return end
    return at


def _pattern() -> str:
    r"""The rule as a regular expression over the lower-cased text; each match is a token.

    Only syntax that Oniguruma, Rust, JavaScript and Python share: `\uXXXX` in the basic plane, the
    characters themselves beyond it. No alternative needs to back up, so the time is linear in the text.
    """
    no_word = "".join(_range(first, last) for first, last, _ in TABLE)
    symbol = "".join(_range(first, last) for first, last, kind in TABLE if kind == SYMBOL)
    suffix = f"(?<=[^{no_word}])(?:{'|'.join(SUFFIXES)})(?![^{no_word}])"
    word = f"[^{no_word}](?:[^{no_word}n]+|n(?!'t(?![^{no_word}])))*"
    run = f"([{symbol}])\\1*"
    return f"{suffix}|{word}|{run}"


def _range(first: int, last: int) -> str:
    ends = (f"\\u{code:04X}" if code < 0x10000 else chr(code) for code in sorted({first, last}))
    return "-".join(ends)


PATTERN = _pattern()
