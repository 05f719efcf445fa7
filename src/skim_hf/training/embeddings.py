"""The embedding matrix of a model that starts from pretrained word vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .word_vectors import WordVectors, load_word_vectors

__all__ = ["EmbeddingInit", "WordVectors", "embedding_matrix", "load_word_vectors"]


@dataclass(frozen=True, eq=False)
class EmbeddingInit:
    """First values of a model's embedding matrix.

    Attributes:
        matrix: [V, dim] float32, a row for each id of the vocabulary.
        found: Number of entries of the vocabulary that have a vector.
        total: Number of entries V, special tokens included.
        coverage: Share of the running words of a corpus that have a vector; None if it was not asked for.
    """

    matrix: npt.NDArray[np.float32]
    found: int
    total: int
    coverage: float | None = None

    def summary(self) -> str:
        """One line such as "28,123 of 30,000 words (93.7 %) have a vector"."""
        line = f"{self.found:,} of {self.total:,} words ({self.found / self.total:.1%}) have a vector"
        if self.coverage is not None:
            line += f", covering {self.coverage:.1%} of the running words"
        return line.replace("%", " %")


def embedding_matrix(
    vocabulary: Mapping[str, int],
    vectors: WordVectors,
    *,
    seed: int,
    padding_id: int | None = 0,
    counts: Mapping[str, int] | None = None,
) -> EmbeddingInit:
    """Looks up the vector of each entry of a vocabulary and makes up those that are missing.

    A missing row is drawn from a normal distribution with the mean and the standard deviation that the found
    rows have in each dimension. What is drawn for an id depends on the seed and on that distribution only.
    Words are looked up exactly as they are spelt.

    Args:
        vocabulary: The id of each word, from 0 to V - 1; `tokenizer.get_vocab()`.
        vectors: What `load_word_vectors` gave.
        seed: Seed of the random rows.
        padding_id: The id whose row is zero, or None for no such row.
        counts: How often each word occurs in a corpus, words outside of the vocabulary included, to have the
            coverage of running words computed.

    Returns:
        The matrix and how much of it was found.

    Raises:
        ValueError: The ids are not 0 to V - 1, `padding_id` is not among them, no word was found, or a
            vector holds NaN.

    Example:
        >>> vectors = WordVectors(["film", "good"], np.eye(2, 3, dtype=np.float32), "two words")
        >>> init = embedding_matrix({"[PAD]": 0, "[UNK]": 1, "good": 2}, vectors, seed=0)
        >>> init.matrix[0], init.matrix[2]
        (array([0., 0., 0.], dtype=float32), array([0., 1., 0.], dtype=float32))
        >>> init.summary()
        '1 of 3 words (33.3 %) have a vector'
    """
    _check_ids(vocabulary, padding_id)
    row_of_id = _find_rows(vocabulary, vectors, padding_id)
    ids = np.flatnonzero(row_of_id >= 0)
    if not len(ids):
        raise ValueError(
            f"none of the {len(vocabulary):,} words of the vocabulary has a vector in {vectors.name}; check "
            "that both are of one language and both lower-cased"
        )
    rows = vectors.rows(row_of_id[ids])
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    noise = np.random.default_rng(seed).standard_normal((len(vocabulary), vectors.dim))
    matrix = (mean + spread * noise).astype(np.float32)
    matrix[ids] = rows
    if padding_id is not None:
        matrix[padding_id] = 0.0
    coverage = None
    if counts is not None:
        found = {word for word, index in vocabulary.items() if row_of_id[index] >= 0}
        covered = sum(count for word, count in counts.items() if word in found)
        coverage = covered / max(1, sum(counts.values()))
    return EmbeddingInit(matrix, len(ids), len(vocabulary), coverage)


def _check_ids(vocabulary: Mapping[str, int], padding_id: int | None) -> None:
    """The ids must be usable as row numbers."""
    size, ids = len(vocabulary), vocabulary.values()
    if not size or set(ids) != set(range(size)):
        raise ValueError(
            f"the ids of the vocabulary must be 0 to its size - 1, each of them once; got {size:,} words "
            f"with ids from {min(ids, default=None)} to {max(ids, default=None)}"
        )
    if padding_id is not None and not 0 <= padding_id < size:
        raise ValueError(f"padding_id must be an id from 0 to {size - 1} or None, but it is {padding_id}")


def _find_rows(
    vocabulary: Mapping[str, int], vectors: WordVectors, padding_id: int | None
) -> npt.NDArray[np.int64]:
    """[V] int64: the row of each id's vector, -1 where there is none."""
    row_of_id = np.full(len(vocabulary), -1, dtype=np.int64)
    for row, word in enumerate(vectors.words):
        index = vocabulary.get(word)
        if index is not None and index != padding_id and row_of_id[index] < 0:
            row_of_id[index] = row
    return row_of_id
