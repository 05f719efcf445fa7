"""Which tokenizer.json is served without the tokenizers library, and that nobody can tell the difference."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime import text as text_module
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.words import WordVocabulary, native_module

needs_native = pytest.mark.skipif(
    native_module() is None, reason="skim_hf was installed without its C extension"
)

WORDS = [
    "[PAD]",
    "[UNK]",
    "the",
    "film",
    "do",
    "n't",
    "'s",
    "...",
    "i\u0307",
    "caf\u00e9",
    "\U0001f600",
    "[",
    "pad",
]
TOKEN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
# As build_tokenizer writes it.
CONTENT = {
    **json.loads(WordVocabulary({word: number for number, word in enumerate(WORDS)}, "[UNK]").to_json()),
    "added_tokens": [{"id": 0, "content": "[PAD]", **TOKEN}, {"id": 1, "content": "[UNK]", **TOKEN}],
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {},
    },
}
texts = st.text(st.characters(exclude_categories=()), max_size=40) | st.lists(
    st.sampled_from([*WORDS, "[PAD]", " ", "\u2019s", "DON\u2019T", "\u0130", "\ud800"]), max_size=12
).map("".join)


def save(folder, content):
    path = folder / "tokenizer.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def changed(*keys, to):
    content = copy.deepcopy(CONTENT)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    return content


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("tokenizer"), CONTENT)
    return [TextEncoder.load(path, len(WORDS), native=native) for native in (None, False)]


def test_a_built_tokenizer_is_recognised(tmp_path):
    training = pytest.importorskip("skim_hf.training", reason="needs the train extra")
    built = training.build_tokenizer(["A film, a film", "don't don't"], model_max_length=5, progress=False)
    built.save_pretrained(tmp_path)
    text = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    assert WordVocabulary.from_json(text) == WordVocabulary(built.get_vocab(), "[UNK]")
    built.backend_tokenizer.enable_truncation(3)
    built.backend_tokenizer.enable_padding(length=9)
    assert WordVocabulary.from_json(built.backend_tokenizer.to_str()).words == built.get_vocab()


@needs_native
@settings(max_examples=500, deadline=None)
@given(texts, st.none() | st.integers(0, 8))
def test_both_ways_give_the_same(encoders, text, limit):
    native, library = encoders
    assert (native.kind, library.kind) == ("native", "tokenizers")
    got, wanted = native.encode(text, limit), library.encode(text, limit)
    assert (got.ids.tolist(), got.offsets, got.tokens) == (wanted.ids.tolist(), wanted.offsets, wanted.tokens)
    assert got.ids.dtype == wanted.ids.dtype == np.int32
    assert np.array_equal(native.ids(text, limit), library.ids(text, limit))
    assert limit is None or len(got.ids) <= limit


@given(texts)
def test_text_in_pieces_gives_the_ids_of_the_whole(encoders, text):
    for encoder in encoders:
        splitter = encoder.splitter()
        parts = [splitter.feed(char) for char in text]
        parts.append(splitter.feed("", is_last=True))
        ids, places = (b"".join(part) for part in zip(*parts, strict=True))
        encoded = encoder.encode(text)
        assert np.frombuffer(ids, np.int32).tolist() == encoded.ids.tolist()
        assert list(map(tuple, np.frombuffer(places, np.int64).reshape(-1, 2).tolist())) == encoded.offsets


def test_a_pickled_encoder_stays_what_it_is(encoders):
    for encoder in encoders:
        twin = pickle.loads(pickle.dumps(encoder))
        assert twin.kind == encoder.kind
        assert twin.encode("Don't [PAD] caf\u00e9").tokens == encoder.encode("Don't [PAD] caf\u00e9").tokens
        twin.splitter()


@needs_native
def test_neither_loading_nor_encoding_needs_the_tokenizers_library(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.modules['tokenizers'] = None\n"
        "from skim_hf.runtime.text import TextEncoder\n"
        f"encoder = TextEncoder.load(Path(sys.argv[1]), {len(WORDS)})\n"
        "assert encoder.encode('The film').tokens == ['the', 'film']\n"
    )
    subprocess.run([sys.executable, "-c", code, save(tmp_path, CONTENT)], check=True)


OTHERS = {
    "case kept": changed("normalizer", to=None),
    "apostrophe kept": changed("normalizer", to={"type": "Lowercase"}),
    "another pattern": changed("pre_tokenizer", "pattern", to={"Regex": r"\w+"}),
    "not inverted": changed("pre_tokenizer", "invert", to=False),
    "isolated": changed("pre_tokenizer", "behavior", to="Isolated"),
    "a decoder": changed("decoder", to={"type": "Fuse"}),
    "a token in front": changed(
        "post_processor",
        to={
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[PAD]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[PAD]": {"id": "[PAD]", "ids": [0], "tokens": ["[PAD]"]}},
        },
    ),
    "an added word": changed("added_tokens", 0, "special", to=False),
    "an added token with an id of its own": changed("added_tokens", to=[{"id": 13, "content": "x", **TOKEN}]),
    "two words with one id": changed("model", "vocab", "film", to=2),
    "no unknown word": changed("model", "unk_token", to="[unknown]"),
}
BROKEN = {
    "another version": changed("version", to="2.0"),
    "a negative id": changed("model", "vocab", "film", to=-1),
    "a fractional id": changed("model", "vocab", "film", to=1.5),
    "a true id": changed("model", "vocab", "film", to=True),
    "an id that is no number": changed("model", "vocab", "film", to="3"),
    "inverted by a number": changed("pre_tokenizer", "invert", to=1),
    "a surrogate in a word": changed("model", "vocab", to={"[UNK]": 0, "\ud800": 1}),
    "a word list": changed("model", "vocab", to=["[UNK]"]),
    "no model": {key: value for key, value in CONTENT.items() if key != "model"},
    "nothing": {},
    "a list": [CONTENT],
    "deep": "[" * 100_000,
    "a number of many digits": "1" * 10_000,
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_tokenizer_goes_through_tokenizers(tmp_path, name):
    path = save(tmp_path, OTHERS[name])
    encoder = TextEncoder.load(path, 14)
    assert (encoder.kind, encoder.native) == ("tokenizers", None)
    with pytest.raises(ValueError, match=r"pieces needs a tokenizer made by .*build_tokenizer"):
        encoder.splitter()
    with pytest.raises(ValueError, match=r"native=True needs a tokenizer made by .*build_tokenizer"):
        TextEncoder.load(path, 14, native=True)


@pytest.mark.parametrize("name", BROKEN)
def test_what_tokenizers_refuses_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is not a tokenizer"):
        TextEncoder.load(save(tmp_path, BROKEN[name]), 20)


def test_a_missing_file_and_one_that_is_not_utf_8(tmp_path):
    with pytest.raises(ValueError, match="is not a tokenizer"):
        TextEncoder.load(tmp_path / "tokenizer.json", 20)
    (tmp_path / "tokenizer.json").write_bytes(json.dumps(CONTENT).encode("utf-16"))
    with pytest.raises(ValueError, match="is not a tokenizer"):
        TextEncoder.load(tmp_path / "tokenizer.json", 20)


@needs_native
def test_of_equal_words_the_last_one_counts_as_in_tokenizers(tmp_path):
    double = json.dumps(CONTENT).replace('"film": 3,', '"film": 3, "the": 20, "film": 30,')
    encoders = [TextEncoder.load(save(tmp_path, double), 31, native=native) for native in (True, False)]
    assert [encoder.ids("the film").tolist() for encoder in encoders] == [[20, 30]] * 2


@needs_native
def test_a_vocabulary_of_nothing_but_the_unknown_word(tmp_path):
    content = {**changed("model", "vocab", to={"[UNK]": 0}), "added_tokens": []}
    encoder = TextEncoder.load(save(tmp_path, content), 1, native=True)
    assert encoder.encode("[UNK] a").tokens == ["[UNK]"] * 4


@pytest.mark.parametrize("native", [None, False])
def test_ids_beyond_the_embedding_table_are_refused(tmp_path, native):
    with pytest.raises(ValueError, match=r"ids up to 12.* has 12 rows"):
        TextEncoder.load(save(tmp_path, CONTENT), 12, native=native)


def test_without_the_extension_tokenizers_and_python_do_it(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module, "native_module", lambda: None)
    encoder = TextEncoder.load(save(tmp_path, CONTENT), 13)
    assert (encoder.kind, encoder.native) == ("tokenizers", None)
    assert np.frombuffer(encoder.splitter().feed("the film", True)[0], np.int32).tolist() == [2, 3]
    with pytest.raises(ImportError, match="C compiler"):
        TextEncoder.load(save(tmp_path, CONTENT), 13, native=True)


@pytest.mark.parametrize(
    ("limit", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError), (True, TypeError)]
)
def test_a_limit_that_is_none_is_refused(encoders, limit, error):
    for encoder in encoders:
        with pytest.raises(error, match="limit of tokens must be"):
            encoder.encode("a", limit)
        with pytest.raises(error, match="limit of tokens must be"):
            encoder.ids("a", limit)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
places = [
    *[(key,) for key in CONTENT],
    *[("model", key) for key in CONTENT["model"]],
    *[
        ("model", "vocab", "film"),
        ("added_tokens", 0),
        ("added_tokens", 0, "content"),
        ("pre_tokenizer", "extra"),
    ],
    *[
        ("normalizer", "normalizers"),
        ("normalizer", "normalizers", 1),
        ("post_processor", "single"),
        ("extra",),
    ],
]


def ids_or_refusal(path, native):
    try:
        return TextEncoder.load(path, 100, native).ids("The film isn\u2019t CAF\u00c9 [PAD]").tolist()
    except ValueError:
        return None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places), values)
def test_a_file_with_anything_anywhere_is_read_as_tokenizers_reads_it_or_refused(
    tmp_path_factory, place, value
):
    path = save(tmp_path_factory.getbasetemp(), changed(*place, to=value))
    wanted = ids_or_refusal(path, False)
    # Truncation and padding are not looked into.
    if wanted is not None or place[0] not in ("truncation", "padding"):
        assert ids_or_refusal(path, None) == wanted
