"""Splitting and looking up in C equals the readable reference and the tokenizers library."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from skim_hf.runtime.splitting import APOSTROPHE, PATTERN, SPACE, SYMBOL, TABLE, char_class, lower, split
from skim_hf.runtime.stream_splitter import WordSplitter

runtime = pytest.importorskip(
    "skim_hf.native._runtime", reason="skim_hf was installed without its C extension"
)

ROOT = Path(__file__).resolve().parents[2]
PIECES = [
    *["'", "\u2019", "n't", "N'T", "n\u2019t", "'s", "'re", "'VE", "'ll", "'d", "'m", "'t", "n", "nn", "t"],
    *["s", "do", "can", "a", "l", "r", "e", "v", " ", "\n", "\x00", "\x85", "\u00ad", "...", "!"],
    *["!!!!!!!!!", "_", "[PAD]", "10", "antidisestablishmentarianism", "\u0130", "I", "\u0131", "\u00df"],
    *["\u03a3", "\u212a", "\u00c9", "e\u0301", "\u0301", "\ufe0f", "\u200d", "\u2764", "\U0001f600"],
    *["\u6f22", "\u5b57", "\ud55c\uad6d", "\u0627\u061f", "\u05d0\u05d1", "\uff21", "\U00010d50", "\ufffd"],
    *["\U0010ffff", "\ud800", "\udfff"],
]  # fmt: skip
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
texts = any_text | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
# Every other word that the pieces can make, of all lengths around the eight bytes of a slot.
WORDS = [
    "[PAD]",
    "[UNK]",
    *sorted({token for a in PIECES for b in PIECES for token, *_ in split(a + b)})[::2],
]
KNOWN = {word: number for number, word in enumerate(WORDS)}
VOCABULARY = runtime.Vocabulary(WORDS, list(KNOWN.values()), 1)


def decoded(buffers):
    ids, places = buffers
    return np.frombuffer(ids, np.int32).tolist(), np.frombuffer(places, np.int64).reshape(-1, 2).tolist()


def joined(results):
    return tuple(b"".join(parts) for parts in zip(*results, strict=True))


def library(words, unknown="[UNK]"):
    """What tokenizer.json holds, in the tokenizers library."""
    backend = Tokenizer(models.WordLevel(words, unk_token=unknown))
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(APOSTROPHE, "'")])
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
    backend.add_special_tokens(["[PAD]", "[UNK]"])
    backend.encode_special_tokens = True
    return backend


def cut(text, places):
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


BACKEND = library(KNOWN)


@settings(max_examples=1000, deadline=None)
@given(texts)
def test_ids_and_offsets_equal_the_reference_and_tokenizers(text):
    tokens = split(text)
    ids, places = decoded(VOCABULARY.encode(text))
    assert ids == [KNOWN.get(token, 1) for token, _, _ in tokens]
    assert places == [[start, end] for _, start, end in tokens]
    plain = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    encoding = BACKEND.encode(plain)
    assert (ids, places) == (encoding.ids, [list(place) for place in encoding.offsets])
    assert VOCABULARY.ids(text) == VOCABULARY.encode(text)[0]


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(st.integers(0, 1000), max_size=6), st.booleans())
def test_any_chunking_gives_what_one_shot_gives_and_both_splitters_agree(text, places, single):
    ours, plain = VOCABULARY.splitter(), WordSplitter(KNOWN, 1)
    results = []
    for piece in text if single else cut(text, places):
        results.append(ours.feed(piece))
        assert results[-1] == plain.feed(piece)
        state = ours.save()
        assert state == plain.save()
        whole = joined([*results, ours.rest()])
        assert ours.rest() == plain.rest()
        assert ours.save() == state
        ours, plain = VOCABULARY.splitter(), WordSplitter(KNOWN, 1)
        ours.load(state)
        plain.load(state)
        twin = ours.copy()
        assert joined([*results, twin.feed("", True)]) == whole
    results.append(ours.feed("", is_last=True))
    assert results[-1] == plain.feed("", is_last=True)
    assert joined(results) == VOCABULARY.encode(text)
    # The end of a text is the beginning of another.
    assert ours.feed(text, True) == VOCABULARY.encode(text)
    ours.feed(text)
    ours.reset()
    assert ours.save() == VOCABULARY.splitter().save()


@given(texts, st.integers(0, 9))
def test_a_limit_gives_the_first_tokens(text, limit):
    ids, places = decoded(VOCABULARY.encode(text))
    assert decoded(VOCABULARY.encode(text, limit)) == (ids[:limit], places[:limit])
    assert VOCABULARY.ids(text, limit=limit) == VOCABULARY.encode(text, limit)[0]
    assert VOCABULARY.ids(text, limit=10**30) == VOCABULARY.ids(text, limit=None) == VOCABULARY.ids(text)


def test_every_code_point_alone_and_between_letters():
    chars = [chr(code) for code in range(sys.maxunicode + 1)]
    lowered = [lower(char) for char in chars]
    kinds = [char_class(low[0]) for low in lowered]
    words = dict.fromkeys(low for low, kind in zip(lowered, kinds, strict=True) if kind != SPACE)
    words.update(dict.fromkeys(f"a{low}b" for char, low in zip(chars, lowered, strict=True) if char != low))
    ids = {word: number for number, word in enumerate(words, 1)}
    vocabulary = runtime.Vocabulary(list(ids), list(ids.values()), 0)
    alone = np.frombuffer(vocabulary.ids("\n".join(chars)), np.int32)
    assert alone.tolist() == [ids[low] for low, kind in zip(lowered, kinds, strict=True) if kind != SPACE]
    between = np.frombuffer(vocabulary.ids("\n".join(f"a{char}B" for char in chars)), np.int32)
    expected = []
    a, b = ids["a"], ids["b"]
    for low, kind in zip(lowered, kinds, strict=True):
        expected += (
            [a, b] if kind == SPACE else [a, ids[low], b] if kind == SYMBOL else [ids.get(f"a{low}b", 0)]
        )
    assert between.tolist() == expected


def test_ends_of_ranges_and_capitals_equal_tokenizers():
    codes = {code for first, last, _ in TABLE for code in (first - 1, first, last, last + 1)} - {-1, 0x110000}
    codes |= {
        code for code in range(0x110000) if lower(chr(code)) != chr(code) and not 0xD800 <= code < 0xE000
    }
    units = [f"a{chr(code)}n{chr(code)}'s {chr(code)}{chr(code)}" for code in sorted(codes)]
    known = {token: number for number, token in enumerate({t for unit in units for t, *_ in split(unit)}, 2)}
    known = {"[PAD]": 0, "[UNK]": 1, **known}
    vocabulary = runtime.Vocabulary(list(known), list(known.values()), 1)
    encoding = library(known).encode("\n".join(units))
    ids, places = decoded(vocabulary.encode("\n".join(units)))
    assert (ids, places) == (encoding.ids, [list(place) for place in encoding.offsets])


@pytest.mark.parametrize("unit", ["a", "n", "an't", ".", "'", "\u00e9", "\u0130", "\U0001f600", "x'"])
def test_a_text_of_ten_megabytes_whole_and_in_pieces(unit):
    text = unit * (10_000_019 // len(unit))
    whole = VOCABULARY.encode(text)
    if len(set(text)) == 1:
        assert decoded(whole) == ([1], [[0, len(text)]])
    splitter = VOCABULARY.splitter()
    pieces = [splitter.feed(text[at : at + 70_001]) for at in range(0, len(text), 70_001)]
    assert len(splitter.save()) < 100 + VOCABULARY.longest
    assert joined([*pieces, splitter.feed("", True)]) == whole


def test_a_long_word_character_by_character():
    splitter = VOCABULARY.splitter()
    for _ in range(1_000_000):
        ids, _ = splitter.feed("n")
        assert not ids
    assert decoded(splitter.feed("'t", True)) == (
        [1, KNOWN.get("n't", 1)],
        [[0, 999_999], [999_999, 1_000_002]],
    )


def test_of_equal_words_the_last_one_wins():
    vocabulary = runtime.Vocabulary(["a", "averylongword", "a", "averylongword", "a"], [0, 1, 2, 3, 4], 5)
    assert decoded(vocabulary.encode("A averyLONGword b"))[0] == [4, 3, 5]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("ab\u00e9\u6f22", max_size=20), max_size=40), st.lists(st.integers(0, 50), max_size=40)
)
def test_any_vocabulary_finds_its_words_and_no_others(words, picks):
    words = [*words, *(f"{word}a" for word in words)]
    known = {word: number for number, word in enumerate(words)}
    vocabulary = runtime.Vocabulary(words, list(range(len(words))), 2**31 - 1)
    text = " ".join([*words, *(words[pick % len(words)] + "b" for pick in picks if words)])
    expected = [known.get(token, 2**31 - 1) for token, _, _ in split(text)]
    assert np.frombuffer(vocabulary.ids(text), np.int32).tolist() == expected


@pytest.mark.parametrize("words", [[], ["[UNK]"], [""]])
def test_a_vocabulary_without_words(words):
    vocabulary = runtime.Vocabulary(words, [0] * len(words), 3)
    assert decoded(vocabulary.encode("a, [UNK]")) == ([3] * 5, [[0, 1], [1, 2], [3, 4], [4, 7], [7, 8]])
    splitter = vocabulary.splitter()
    assert [decoded(splitter.feed(char))[0] for char in "ab cn't"] == [[], [], [3], [], [], [], []]
    assert decoded(splitter.rest())[0] == [3, 3]


def test_a_vocabulary_with_huge_words():
    words = ["a" * 1_000_000, "a" * 999_999, "\u00e9" * 300_000, "b"]
    vocabulary = runtime.Vocabulary(words, [1, 2, 3, 4], 0)
    assert vocabulary.longest == 1_000_000
    text = " ".join([*words, "a" * 999_998, "a" * 1_000_001])
    assert np.frombuffer(vocabulary.ids(text), np.int32).tolist() == [1, 2, 3, 4, 0, 0]
    splitter = vocabulary.splitter()
    splitter.feed("a" * 999_990)
    splitter.load(splitter.save())
    assert decoded(splitter.feed("A" * 10, True))[0] == [1]


@pytest.mark.parametrize(
    ("words", "ids", "unknown", "error", "match"),
    [
        (["a"], [0, 1], 0, ValueError, "1 words and 2 ids"),
        (["a"], [-1], 0, ValueError, "between 0 and 2147483647; got -1"),
        (["a"], [2**31], 0, ValueError, "between 0 and"),
        (["a"], [2**80], 0, ValueError, "between 0 and"),
        (["a"], [0], -1, ValueError, "between 0 and"),
        (["a"], [0.0], 0, TypeError, "must be an int; got float"),
        (["a"], [True], 0, TypeError, "must be an int; got bool"),
        ([b"a"], [0], 0, TypeError, "must be a str; got bytes"),
        (["a\ud800"], [0], 0, UnicodeEncodeError, "surrogates"),
        (("a",), [0], 0, TypeError, "list"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(words, ids, unknown, error, match):
    with pytest.raises(error, match=match):
        runtime.Vocabulary(words, ids, unknown)


@pytest.mark.parametrize("call", [VOCABULARY.encode, VOCABULARY.ids, VOCABULARY.splitter().feed])
@pytest.mark.parametrize("text", [None, b"a", 3, ["a"]])
def test_what_is_not_text_is_refused(call, text):
    with pytest.raises(TypeError, match=r"Expected text \(str\); got"):
        call(text)


def test_arguments_of_other_types_are_refused():
    with pytest.raises(ValueError, match="limit must be at least 0"):
        VOCABULARY.ids("a", -1)
    with pytest.raises(TypeError):
        VOCABULARY.ids("a", 1.5)
    with pytest.raises(TypeError, match="Expected a Vocabulary; got str"):
        runtime.Splitter("a")
    with pytest.raises(TypeError):
        VOCABULARY.splitter().load("text")


@settings(max_examples=300, deadline=None)
@given(texts, st.data())
@pytest.mark.parametrize("make", [VOCABULARY.splitter, lambda: WordSplitter(KNOWN, 1)])
def test_damaged_states_are_refused_and_change_nothing(make, text, data):
    splitter = make()
    splitter.feed(text)
    state = splitter.save()
    at = data.draw(st.integers(0, len(state) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = state[:at] + bytes([state[at] ^ change]) + state[at + 1 :]
    for bad in (damaged, state[:at], state + b"\0", b"", data.draw(st.binary(max_size=80))):
        with pytest.raises(ValueError, match="not the state of a splitter"):
            splitter.load(bad)
    assert splitter.save() == state


def test_a_state_of_another_vocabulary_is_refused():
    other = runtime.Vocabulary(["a" * (VOCABULARY.longest + 1)], [0], 1)
    with pytest.raises(ValueError, match="with this vocabulary"):
        other.splitter().load(VOCABULARY.splitter().save())


def test_many_threads_share_a_vocabulary():
    expected = VOCABULARY.encode("Don't do it, n't!" * 2000)
    results = [None] * 8

    def work(number):
        results[number] = [VOCABULARY.encode("Don't do it, n't!" * 2000) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for some in results for result in some)


def test_splitting_leaves_other_threads_running_and_its_splitter_alone():
    splitter, text = VOCABULARY.splitter(), "Don't do it, n't!" * 2_000_000
    thread = threading.Thread(target=splitter.feed, args=(text,))
    refused = 0
    thread.start()
    while thread.is_alive():
        try:
            splitter.save()
        except RuntimeError:
            refused += 1
    assert refused


def real_texts():
    """Texts of the data sets beside this checkout, about a third of a million words."""
    pandas = pytest.importorskip("pandas")
    folder = next((p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()), None)
    if folder is None:
        pytest.skip("there are no data sets beside this checkout")
    for path in sorted(folder.glob("*/*.parquet")):
        frame = pandas.read_parquet(path)
        for column in {"text", "sentence", "context", "question"} & set(frame):
            texts = frame[column].tolist()
            stride = max(1, sum(map(len, texts)) // 100_000)
            yield from texts[::stride]


def test_real_texts_equal_tokenizers():
    texts = list(real_texts())
    assert len(texts) > 1000
    words = sorted({token for text in texts[::3] for token, _, _ in split(text)})
    known = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    backend = library(known)
    vocabulary = runtime.Vocabulary(list(known), list(known.values()), 1)
    for text in texts:
        encoding = backend.encode(text)
        ids, places = decoded(vocabulary.encode(text))
        assert ids == encoding.ids
        assert places == [list(place) for place in encoding.offsets]


def test_the_committed_tables_are_those_of_the_rule():
    path = ROOT / "scripts" / "_text_tables.py"
    spec = importlib.util.spec_from_file_location("_text_tables", path)
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert tables.HEADER.read_text(encoding="utf-8") == tables.header()
