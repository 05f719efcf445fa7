"""Tokenizers built from a corpus: vocabulary, offsets, saving and loading, bad input."""

from __future__ import annotations

import json
import pickle
import random
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from skim_hf.runtime.splitting import split
from skim_hf.training.tokenizer import build_tokenizer

CORPUS = [
    "A good film, not a bad film!",
    "I didn't like it... [PAD] [UNK]",
    "It's \u0130stanbul's best caf\u00e9 \U0001f600\U0001f600",
]
texts = st.text(max_size=50) | st.lists(
    st.sampled_from([*CORPUS, "[PAD]", "[UNK]", "[pad]", " ", "\u0130", "film", "n't", "zzz", "\U0001f600"]),
    max_size=6,
).map("".join)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(CORPUS, min_frequency=1, model_max_length=1000, progress=False)


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(folder):
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def bare(folder):
    """tokenizer.json alone, as a runtime without transformers reads it."""
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.encode_special_tokens = True
    return backend


def test_vocabulary_is_ordered_by_count_then_code_point():
    tokenizer = build_tokenizer(["b a b a c c d", "z \u00e9 Z \u00c9 x X X once"], progress=False)
    expected = ["[PAD]", "[UNK]", "x", "a", "b", "c", "z", "\u00e9"]
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == expected


def test_same_counts_give_the_same_file(tmp_path):
    words = [f"w{number % 97}" for number in range(1000)]
    files = []
    for seed in range(3):
        random.Random(seed).shuffle(words)
        build_tokenizer([" ".join(words[:491]), " ".join(words[491:])], progress=False).save_pretrained(
            tmp_path
        )
        files.append([(tmp_path / name).read_bytes() for name in ("tokenizer.json", "tokenizer_config.json")])
    assert files[0] == files[1] == files[2]


def test_sizes_are_respected():
    corpus = ["a a a b b c"]
    assert set(build_tokenizer(corpus, vocab_size=3, progress=False).get_vocab()) == {"[PAD]", "[UNK]", "a"}
    assert len(build_tokenizer(corpus, min_frequency=1, progress=False)) == 5
    assert len(build_tokenizer(corpus, progress=False)) == 4


def test_a_generator_is_read_once(capsys):
    tokenizer = build_tokenizer(text for text in ["a b", "b a"])
    assert tokenizer("b a c").input_ids == [3, 2, 1]
    assert capsys.readouterr().out == ""


def test_defaults(tokenizer, loaded):
    for each in (tokenizer, loaded):
        assert isinstance(each, PreTrainedTokenizerFast)
        assert (each.pad_token_id, each.unk_token_id) == (0, 1)
        assert each.model_input_names == ["input_ids", "attention_mask"]
        assert each.padding_side == "right"
        assert each.model_max_length == 1000
        assert set(each("a")) == {"input_ids", "attention_mask"}
    assert build_tokenizer(CORPUS, progress=False).model_max_length > 10**9


def test_saved_files_need_no_custom_code(folder):
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    assert "auto_map" not in config
    assert config["split_special_tokens"] is True
    assert not list(folder.glob("*.py"))


@settings(max_examples=200, deadline=None)
@given(texts)
def test_ids_and_offsets_survive_saving(tokenizer, loaded, bare, text):
    vocabulary = tokenizer.get_vocab()
    ids = [vocabulary.get(token, 1) for token, _, _ in split(text)]
    offsets = [(start, end) for _, start, end in split(text)]
    for each in (tokenizer, loaded):
        encoding = each(text, return_offsets_mapping=True)
        assert encoding["input_ids"] == ids
        assert encoding["attention_mask"] == [1] * len(ids)
        assert encoding["offset_mapping"] == offsets
    encoding = bare.encode(text)
    assert (encoding.ids, encoding.offsets) == (ids, offsets)
    assert 0 not in ids


def test_special_tokens_in_a_text_are_text(tokenizer, loaded):
    for each in (tokenizer, loaded, pickle.loads(pickle.dumps(loaded))):
        assert each.tokenize("[PAD][UNK]") == ["[", "pad", "]", "[", "unk", "]"]
        assert each(["[PAD]", "a [UNK] b"], padding=True)["attention_mask"] == [[1, 1, 1, 0, 0], [1] * 5]


@pytest.mark.parametrize("empty", ["", " ", "\n\u200b\ufeff"])
def test_empty_text_has_no_tokens(tokenizer, loaded, bare, empty):
    assert tokenizer(empty).input_ids == loaded(empty).input_ids == bare.encode(empty).ids == []


def test_padding_on_either_side(folder):
    left = AutoTokenizer.from_pretrained(folder, padding_side="left")
    right = AutoTokenizer.from_pretrained(folder)
    batch = ["a good film", "", "film"]
    film = right.get_vocab()["film"]
    assert left(batch, padding=True).input_ids[2] == [0, 0, film]
    assert right(batch, padding=True).input_ids[2] == [film, 0, 0]
    assert left(batch, padding=True).attention_mask == [[1, 1, 1], [0, 0, 0], [0, 0, 1]]
    assert right(batch, padding=True).attention_mask == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]


def test_truncation_keeps_the_beginning():
    tokenizer = build_tokenizer(CORPUS, model_max_length=2, progress=False)
    assert tokenizer("film a film", truncation=True).input_ids == tokenizer("film a").input_ids


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("one text", "it is of type str; put a single text into a list"),
        (b"bytes", "it is of type bytes"),
        ({"train": ["a"]}, "it is of type dict"),
        (None, "it is None"),
        (7, "it is of type int"),
        (["a a", None], "item 1 of `texts` is None"),
        ([*["a a"] * 1000, 3.5], "item 1000 of `texts` is of type float"),
        ([["a", "b"]], "item 0 of `texts` is of type list"),
    ],
)
def test_what_is_not_a_text_is_refused(bad, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        build_tokenizer(bad, progress=False)


@pytest.mark.parametrize(
    ("corpus", "options", "message"),
    [
        ([], {}, "`texts` is empty"),
        (iter(()), {}, "`texts` is empty"),
        (["", " "], {}, "no word occurs 2 times"),
        (["all words differ"], {}, "no word occurs 2 times"),
        (["a a"], {"vocab_size": 2}, "vocab_size must be at least 3, but it is 2"),
        (["a a"], {"min_frequency": 0}, "min_frequency must be at least 1, but it is 0"),
        (["a a"], {"model_max_length": 0}, "model_max_length must be at least 1, but it is 0"),
    ],
)
def test_wrong_values_are_refused(corpus, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build_tokenizer(corpus, progress=False, **options)


@pytest.mark.parametrize("value", [3.0, "3", True])
def test_sizes_must_be_ints(value):
    with pytest.raises(TypeError, match="vocab_size must be an int"):
        build_tokenizer(["a a"], vocab_size=value, progress=False)


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'skim-hf[train]'")):
        build_tokenizer(["a a"], progress=False)
