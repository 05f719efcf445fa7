"""A text that the NumPy engine reads as it arrives."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.inputs import CHUNK
from skim_hf.runtime.reader import BoundReader
from skim_hf.runtime.weights import Array

if TYPE_CHECKING:
    from skim_hf.runtime.engine import NumpyEngine


class NumpyStream:
    """The states of all readers between two pieces of a text; see `protocols.TokenStream`.

    It has no buffers: whichever thread feeds it lends its own. Its arrays are replaced, never changed in
    place, so that copies may share them.

    Args:
        engine: Reads; of a model that reads in one direction.
    """

    def __init__(self, engine: NumpyEngine) -> None:
        config = engine.config
        self._engine = engine
        parts = 2 if config.cell_type == "lstm" else 1
        self._states: Array = np.zeros((config.num_readers, parts * config.hidden_size), engine.dtype)
        self._counts = np.zeros((config.num_readers, config.num_choices), np.int64)
        self._pool = engine.pool()

    @property
    def tokens(self) -> int:
        """Tokens read so far."""
        return int(self._counts[0].sum())

    @property
    def decisions(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice so far, the full read first."""
        return self._counts.copy()

    @property
    def units(self) -> None:
        """No policy that selects units runs here yet."""

    def feed(self, inputs: ArrayLike) -> Array | None:
        """Reads on; returns [n, labels] logits where every token gets a label, else None."""
        engine = self._engine
        tokens, readers = engine.check(inputs), engine.bound()
        for reader, state in zip(readers, self._states, strict=True):
            reader.load(state)
        outputs = [self._read(readers, tokens[i : i + CHUNK]) for i in range(0, len(tokens), CHUNK)]
        self._states = np.array([reader.save() for reader in readers])
        if not engine.config.labels_tokens:
            return None
        empty = np.empty((0, len(engine.config.labels)), engine.dtype)
        return np.concatenate([empty, *(engine.classify_tokens(output) for output in outputs)])

    def _read(self, readers: list[BoundReader], tokens: NDArray[np.int64]) -> Array:
        """Takes a chunk through all layers; returns the top layer's outputs if somebody needs them."""
        config = self._engine.config
        counts = np.empty_like(self._counts)
        inputs: NDArray[Any] = self._engine.embed(tokens)
        for index, reader in enumerate(readers):
            is_needed = config.labels_tokens or self._pool is not None or index + 1 < len(readers)
            outputs = np.empty((len(tokens), config.hidden_size), self._engine.dtype) if is_needed else None
            choices, _ = reader.read(inputs, outputs)
            counts[index] = np.bincount(choices, minlength=config.num_choices)
            inputs = inputs[:0] if outputs is None else outputs
        self._counts = self._counts + counts
        if self._pool is not None:
            self._pool.add(inputs)
        return inputs if config.labels_tokens else inputs[:0]

    def logits(self) -> Array:
        """[labels], what is known of the text so far."""
        readers = self._engine.bound()
        readers[-1].load(self._states[-1])
        return self._engine.classify(readers[-1].hidden[None], [self._pool])

    def copy(self) -> NumpyStream:
        """A stream that goes on from here on its own."""
        twin = copy.copy(self)
        twin._pool = None if self._pool is None else self._pool.copy()
        return twin

    def save(self) -> bytes:
        """The state as bytes."""
        pooled = np.zeros(0) if self._pool is None else self._pool.values
        return self._counts.tobytes() + self._states.tobytes() + pooled.tobytes()

    def load(self, data: bytes) -> None:
        """Goes back to a saved state.

        Raises:
            ValueError: Not the state of a stream of this model; the state is unchanged.
        """
        wanted = len(self.save())
        if len(data) != wanted:
            raise ValueError(f"Expected the {wanted} bytes of a stream of this model; got {len(data)}.")
        at = self._counts.nbytes
        counts = np.frombuffer(data[:at], np.int64).reshape(self._counts.shape)
        states = np.frombuffer(data[at : at + self._states.nbytes], self._states.dtype)
        pooled = np.frombuffer(data[at + self._states.nbytes :], np.float64)
        totals = counts.sum(axis=1)
        # The maximum of no outputs is minus infinity.
        is_whole = np.isfinite(states).all() and (np.isfinite(pooled).all() or not totals[0])
        # No text is that long, and a sum of larger numbers could overflow.
        if (
            counts.min() < 0
            or counts.max() > 2**62 // len(counts[0])
            or (totals != totals[0]).any()
            or not is_whole
        ):
            raise ValueError("Expected the bytes of a stream of this model; these hold impossible values.")
        self._counts, self._states = counts, states.reshape(self._states.shape)
        if self._pool is not None:
            self._pool.values, self._pool.count = pooled, int(totals[0])
