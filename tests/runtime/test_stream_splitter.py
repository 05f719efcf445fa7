"""Text in pieces, in plain Python: whatever the cutting, the tokens are those of the whole text."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime.splitting import split
from skim_hf.runtime.stream_splitter import StreamSplitter, WordSplitter

PIECES = [
    *[
        "'",
        "\u2019",
        "n't",
        "N\u2019T",
        "'s",
        "'re",
        "'VE",
        "'ll",
        "n",
        "t",
        "l",
        "do",
        "can",
        " ",
        "\0",
        "...",
    ],
    *["\u0130", "\u00c9", "e\u0301", "\u2764\ufe0f", "\U0001f600", "\u6f22", "\u05d0", "\ud800", "\udfff"],
]
texts = st.text(st.characters(exclude_categories=()), max_size=40) | st.lists(
    st.sampled_from(PIECES), max_size=14
).map("".join)


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(st.integers(0, 100), max_size=5), st.booleans())
def test_any_chunking_gives_the_tokens_of_the_whole(text, places, single):
    ends = sorted(place % (len(text) + 1) for place in places)
    pieces = (
        list(text) if single else [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]
    )
    splitter, tokens, read = StreamSplitter(), [], ""
    for piece in pieces:
        tokens += splitter.feed(piece)
        read += piece
        before = splitter.save()
        assert tokens + splitter.rest() == split(read)
        assert splitter.save() == before
        splitter = StreamSplitter()
        splitter.load(before)
    assert tokens + splitter.feed("", is_last=True) == split(text)
    assert splitter.feed(text, is_last=True) == split(text)


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(0, 9))
def test_tokens_that_are_too_long_have_no_name(text, longest):
    expected = [(t if len(t.encode()) <= longest else None, a, b) for t, a, b in split(text)]
    splitter = StreamSplitter(longest)
    tokens = []
    for char in text:
        tokens += splitter.feed(char)
        state = splitter.save()
        splitter.load(state)
    assert tokens + splitter.rest() == expected


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_token_comes_out_as_soon_as_nothing_can_change_it(text):
    # What is certain is what all continuations share.
    certain = StreamSplitter().feed(text)
    ways = [split(text + more)[len(certain) :][:1] for more in ("", "n't", "'t", "t", "a", " ", "'", "ll")]
    ways += [split(text + text[-1:])[len(certain) :][:1]]
    assert any(way != ways[0] for way in ways) or ways[0] == []
    assert split(text)[: len(certain)] == certain


def test_memory_does_not_grow_with_a_word():
    splitter = StreamSplitter(longest=20)
    splitter.feed("n" * 1000)
    tracemalloc.start()
    for _ in range(2000):
        splitter.feed("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000
    assert splitter.rest() == [(None, 0, 1000 + 2000 * 52)]


def test_states_of_other_lengths_and_damaged_ones_are_refused():
    splitter = StreamSplitter(5)
    splitter.feed("it's don'")
    state = splitter.save()
    for bad in (
        state[:-1],
        state + b"\0",
        b"",
        b"\0" * len(state),
        StreamSplitter(6).save(),
        StreamSplitter().save(),
    ):
        with pytest.raises(ValueError, match="not the state of a splitter"):
            splitter.load(bad)
    assert splitter.rest() == [("don", 5, 8), ("'", 8, 9)]


def test_what_is_not_text_is_refused():
    with pytest.raises(TypeError, match=r"Expected text \(str\); got bytes"):
        StreamSplitter().feed(b"a")


def test_ids_in_pieces():
    splitter = WordSplitter({"[UNK]": 1, "good": 2, "film": 3}, 1)
    parts = [splitter.feed(piece) for piece in ("A go", "od fi", "lm")]
    copy = splitter.copy()
    parts.append(splitter.feed("", is_last=True))
    ids, places = (b"".join(part) for part in zip(*parts, strict=True))
    assert np.frombuffer(ids, np.int32).tolist() == [1, 2, 3]
    assert np.frombuffer(places, np.int64).tolist() == [0, 1, 2, 6, 7, 11]
    assert np.frombuffer(copy.feed("s", is_last=True)[0], np.int32).tolist() == [1]
