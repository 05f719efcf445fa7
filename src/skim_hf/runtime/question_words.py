"""Words of questions and contexts as vectors: their row of the table, their characters, and highway layers.

Everything works in the dtype of the weights, on one text at a time, without padding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.ids import check_ids
from skim_hf.runtime.weights import Array, ModelWeights


class Words(NamedTuple):
    """A question, or a window of its context.

    Attributes:
        ids: [T] integers.
        characters: [T, W] integers, see `characters.character_ids`; None for a model without characters.
    """

    ids: NDArray[Any]
    characters: NDArray[Any] | None = None


class WordVectors:
    """Looks words up.

    Args:
        config: Of the model.
        weights: Of the model.
    """

    def __init__(self, config: RuntimeConfig, weights: ModelWeights) -> None:
        self._table, words = weights.embedding, weights.words
        self._characters = None if config.char_vocab_size is None else CharacterFilters(config, weights)
        self._highway = [
            tuple(
                (np.ascontiguousarray(words[f"highway.{part}.{layer}.weight"].T), bias)
                for part in ("transforms", "gates")
                for bias in [words[f"highway.{part}.{layer}.bias"]]
            )
            for layer in range(config.num_highway_layers)
        ]

    def look_up(self, words: Words) -> Array:
        """[T, word_width].

        Raises:
            ValueError: Not ids of the table's rows, or no characters where the model reads them.
        """
        if self._table is None:
            raise ValueError("Expected a table of words; this model has none. Check its configuration.")
        vectors = self._table[check_ids(words.ids, len(self._table))]
        if self._characters is not None:
            if words.characters is None:
                raise ValueError("This model reads characters: give [T, W] ids of each word's characters.")
            vectors = np.concatenate([vectors, self._characters.look_up(words.characters)], axis=1)
        for (transform, shift), (gate, gate_shift) in self._highway:
            share = 0.5 * np.tanh(0.5 * (vectors @ gate + gate_shift)) + 0.5
            vectors = vectors + share * (np.maximum(vectors @ transform + shift, 0) - vectors)
        return vectors


class CharacterFilters:
    """max over the places of a word of relu(filters * characters around that place), zeros beyond the word.

    Args:
        config: Of the model.
        weights: Of the model.
    """

    def __init__(self, config: RuntimeConfig, weights: ModelWeights) -> None:
        self._table = weights.words["characters.embed.weight"].copy()
        # Padding, and what lies beyond a word, is nothing.
        self._table[0] = 0
        filters = weights.words["characters.filters.weight"]
        self._filters = np.ascontiguousarray(filters.transpose(2, 1, 0).reshape(-1, len(filters)))
        self._bias = weights.words["characters.filters.bias"]
        self._width = config.char_width

    def look_up(self, characters: NDArray[Any]) -> Array:
        """[T, W] ids, each word's characters first and then 0, to [T, filters]; zeros without characters."""
        counts = np.count_nonzero(characters, axis=1)
        result = np.zeros((len(characters), len(self._bias)), self._bias.dtype)
        longest = int(counts.max(initial=0))
        if not longest:
            return result
        before, behind = (self._width - 1) // 2, self._width // 2
        ids = np.zeros((len(characters), before + longest + behind), np.intp)
        ids[:, before : before + longest] = characters[:, :longest]
        word, place = np.nonzero(characters[:, :longest])
        # Only real characters are the centre of anything.
        around = self._table[ids[word[:, None], place[:, None] + np.arange(self._width)]]
        found = around.reshape(len(word), -1) @ self._filters
        # From long to short, so that the words that have one more character are always the first ones.
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        firsts, sizes = (np.cumsum(counts) - counts)[order], np.bincount(place)
        best = found[firsts]
        for at, size in enumerate(sizes[1:].tolist(), 1):
            np.maximum(best[:size], found[firsts[:size] + at], out=best[:size])
        result[order] = np.maximum(best + self._bias, 0)
        return result
