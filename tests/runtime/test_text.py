import pickle
import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from skim_hf.runtime.library_text import LibraryText
from skim_hf.runtime.text import TextEncoder


@pytest.fixture(scope="module")
def encoder(folder):
    return TextEncoder.load(folder / "tokenizer.json", 15)


def test_ids_offsets_and_tokens(encoder):
    encoded = encoder.encode("The film, a Zebra.")
    assert encoded.tokens == ["the", "film", ",", "a", "[UNK]", "."]
    assert encoded.ids.tolist() == [3, 4, 10, 2, 1, 11]
    assert encoded.ids.dtype == np.int32
    assert encoded.offsets == [(0, 3), (4, 8), (8, 9), (10, 11), (12, 17), (17, 18)]
    assert np.array_equal(encoder.ids("The film, a Zebra."), encoded.ids)


@pytest.mark.parametrize("text", ["", " ", "\n\t \u00a0\u3000"])
def test_a_text_without_words_has_no_tokens(encoder, text):
    encoded = encoder.encode(text)
    assert (encoded.ids.tolist(), encoded.offsets, encoded.tokens) == ([], [], [])
    assert encoded.ids.dtype == np.int32


def test_the_name_of_a_special_token_is_plain_text(encoder):
    encoded = encoder.encode("a [PAD] film")
    assert encoded.tokens == ["a", "[UNK]", "[UNK]", "[UNK]", "film"]
    assert 0 not in encoded.ids


def test_offsets_count_code_points_of_the_original(encoder):
    # Two code points for the flag, one letter that grows when lowered, a combining accent.
    text = "🇫🇷 a İ e\u0301 film"
    encoded = encoder.encode(text)
    assert [text[start:end] for start, end in encoded.offsets][-1] == "film"
    assert [text[start:end] for start, end in encoded.offsets][:3] == ["🇫", "🇷", "a"]
    assert encoded.tokens[3] == "i̇"
    assert encoded.offsets[3] == (5, 6)


@pytest.mark.parametrize("text", ["a \ud800 film", "\udfff", "a\ud83d\ude00film", "\ud800\udc00 a"])
def test_lone_surrogates_count_as_one_unknown_character_each(encoder, text):
    plain = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert encoder.encode(text).offsets == encoder.encode(plain).offsets
    assert encoder.encode(text).tokens == encoder.encode(plain).tokens


@pytest.mark.parametrize("text", [None, 3, 1.5, b"film", ["film"], True])
def test_what_is_not_text_is_refused(encoder, text):
    with pytest.raises(TypeError, match=f"Expected text .* got {type(text).__name__}"):
        encoder.encode(text)
    with pytest.raises(TypeError):
        encoder.ids(text)


def test_bytes_get_a_hint(encoder):
    with pytest.raises(TypeError, match="decode"):
        encoder.encode(b"film")


def test_padding_and_truncation_of_the_file_are_off(models, tmp_path):
    tokenizer = models.tokenizer()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encoder = TextEncoder.load(tmp_path / "tokenizer.json", 15)
    assert encoder.encode("a the film").tokens == ["a", "the", "film"]
    assert encoder.encode("a").tokens == ["a"]


def test_ids_beyond_the_embedding_table_are_refused_at_load(folder):
    with pytest.raises(ValueError, match=r"ids up to 14.* has 14 rows.*do not belong together"):
        TextEncoder.load(folder / "tokenizer.json", 14)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "{", '{"model": {}}', '{"version": "1.0", "model": null}']
)
def test_a_file_that_is_no_tokenizer(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer.json is not a tokenizer.*save_pretrained"):
        TextEncoder.load(path, 15)


def test_a_tokenizer_without_an_unknown_token_says_what_is_wrong():
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    encoder = TextEncoder(LibraryText(tokenizer), 1)
    assert encoder.ids("a a").tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"could not encode 'a b'.*unknown token"):
        encoder.ids("a b")


def test_a_pickled_encoder_still_takes_special_names_as_text(encoder):
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.encode("[PAD] a").tokens == encoder.encode("[PAD] a").tokens


@given(text=st.text(string.printable))
def test_offsets_of_ascii_text_point_at_the_tokens(encoder, text):
    encoded = encoder.encode(text)
    position = 0
    for (start, end), token in zip(encoded.offsets, encoded.tokens, strict=True):
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert token in (text[start:end].lower(), "[UNK]")
        position = end
    assert not text[position:].strip()


@given(text=st.text(st.characters(exclude_categories=())))
@example("\ud800")
def test_offsets_of_any_text_are_inside_it_and_in_order(encoder, text):
    encoded = encoder.encode(text)
    assert len(encoded.ids) == len(encoded.offsets) == len(encoded.tokens)
    starts = [start for start, _ in encoded.offsets]
    assert starts == sorted(starts)
    assert all(0 <= start < end <= len(text) for start, end in encoded.offsets)
    assert all(0 <= token < 15 for token in encoded.ids)
