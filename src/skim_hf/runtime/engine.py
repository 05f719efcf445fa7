"""From token ids to logits: all layers and directions, pooling and the classifier."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import CountedProducts, OperationCounter, Products
from skim_hf.runtime.inputs import CHUNK
from skim_hf.runtime.prepare import prepare_reader, table_bytes
from skim_hf.runtime.reader import BoundReader
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.weights import Array, ModelWeights

FOLD_LIMIT = 1 << 30
"""Bytes that the tables of folded input products may take; above, the products are done per token."""


class Engine:
    """A loaded model; safe to be called from several threads, each of which gets buffers of its own.

    Args:
        config: Of the model.
        weights: Of the model; their dtype is that of the whole computation.
        threshold: Skim above this probability, in [0, 1]; 1 reads everything.
        fold_limit: Largest total size in bytes of the first layer's tables (see
            `prepare.table_bytes`). A larger vocabulary is served without tables, more slowly.
    """

    def __init__(
        self, config: RuntimeConfig, weights: ModelWeights, threshold: float, *, fold_limit: int = FOLD_LIMIT
    ) -> None:
        if weights.embedding is None:
            raise ValueError(
                "Expected a model of words, with vocab_size and an embedding table; got one of continuous "
                "features (vocab_size null), which the runtime cannot read yet. Use transformers for it."
            )
        self._config = config
        self._threshold = threshold
        self._embedding = weights.embedding
        self._classifier, self._classifier_bias = weights.classifier_weight, weights.classifier_bias
        self._dtype = weights.embedding.dtype
        folded = table_bytes(config, self._dtype.itemsize) <= fold_limit
        directions = config.num_directions
        self._readers = [
            # Layers above read what the layer below found, so they have no vocabulary to fold.
            prepare_reader(config, reader, self._embedding if folded and index < directions else None)
            for index, reader in enumerate(weights.readers)
        ]
        self._is_folded = folded
        self._local = threading.local()

    def read(self, ids: ArrayLike, counter: OperationCounter | None = None) -> Reading:
        """Reads one text.

        Memory beyond the result is bounded for one layer; a stacked model keeps the outputs of the
        layers below, 4 * d * directions bytes per token.

        Args:
            ids: [T] token ids.
            counter: What to add the multiply-adds to; counting makes reading slower.

        Raises:
            ValueError: Not a list of integers below `vocab_size`.
        """
        tokens = self._check(ids)
        config, readers = self._config, self._bound(counter)
        length, directions = len(tokens), config.num_directions
        decisions = np.empty((length, config.num_readers), np.int64)
        scores = np.empty((length, config.num_readers, config.num_choices - 1), self._dtype)
        inputs: NDArray[Any] = tokens
        pools = [self._pool() for _ in range(directions)]
        for layer in range(config.num_hidden_layers):
            is_top = layer == config.num_hidden_layers - 1
            outputs = None if is_top else np.empty((length, directions, config.hidden_size), self._dtype)
            for direction in range(directions):
                index = layer * directions + direction
                # The backward reader sees everything in reverse, and its results land where the token is.
                order = slice(None, None, -1 if direction else 1)
                self._run(
                    readers[index],
                    inputs[order],
                    (decisions[order, index], scores[order, index]),
                    pools[direction] if outputs is None else outputs[order, direction],
                )
            if outputs is not None:
                inputs = outputs.reshape(length, directions * config.hidden_size)
        if counter is not None:
            counter.add_text(decisions, config.num_choices)
        hidden = np.array([reader.hidden for reader in readers])
        memory = np.array([reader.memory for reader in readers]) if config.cell_type == "lstm" else None
        pooled = hidden[-directions:].reshape(-1)
        if length and config.pooling != "last":
            pooled = np.concatenate([pool.result() for pool in pools if pool]).astype(self._dtype)
        return Reading(
            decisions, scores, hidden, memory, self._classifier.dot(pooled) + self._classifier_bias
        )

    def _run(
        self,
        reader: BoundReader,
        inputs: NDArray[Any],
        results: tuple[NDArray[np.int64], Array],
        outputs: Array | _Pool | None,
    ) -> None:
        """Reads one direction of one layer in chunks, from the initial state."""
        reader.reset()
        decisions, scores = results
        for start in range(0, len(inputs), CHUNK):
            part = slice(start, start + CHUNK)
            chunk = inputs[part]
            if inputs.ndim == 1 and not self._is_folded:
                chunk = self._embedding[chunk]
            if isinstance(outputs, _Pool):
                room = outputs.room(len(chunk))
                decisions[part], scores[part] = reader.read(chunk, room)
                outputs.add(room)
            else:
                decisions[part], scores[part] = reader.read(chunk, None if outputs is None else outputs[part])

    def _bound(self, counter: OperationCounter | None) -> list[BoundReader]:
        """This thread's readers, or fresh ones that count."""
        if counter is not None:
            return self._bind(CountedProducts(counter))
        if not hasattr(self._local, "readers"):
            self._local.readers = self._bind(Products())
        readers: list[BoundReader] = self._local.readers
        return readers

    def _bind(self, products: Products) -> list[BoundReader]:
        return [BoundReader(reader, self._threshold, products) for reader in self._readers]

    def _pool(self) -> _Pool | None:
        config = self._config
        return None if config.pooling == "last" else _Pool(config.pooling, config.hidden_size, self._dtype)

    def _check(self, ids: ArrayLike) -> NDArray[np.int64]:
        tokens = np.asarray(ids)
        if tokens.size == 0:
            return np.zeros(0, np.int64)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise ValueError(
                "Expected one text as a list of token ids (integers); "
                f"got {tokens.dtype} of shape {tokens.shape}."
            )
        numbers = tokens.astype(np.int64, copy=False)
        # Seen as unsigned, negative numbers are the largest of all: one comparison catches both ends.
        if numbers.view(np.uint64).max() >= len(self._embedding):
            raise ValueError(
                f"Token ids must be from 0 to {len(self._embedding) - 1}, the rows of the embedding table; "
                f"got {tokens.min()} to {tokens.max()}."
            )
        return numbers


class _Pool:
    """Mean or maximum of one direction's outputs, chunk by chunk: a long text needs no memory for them."""

    def __init__(self, kind: str, hidden_size: int, dtype: np.dtype[Any]) -> None:
        self._kind = kind
        self._rooms = np.empty((CHUNK, hidden_size), dtype)
        self._pooled: NDArray[np.float64] = np.full(hidden_size, -np.inf if kind == "max" else 0.0)
        self._count = 0

    def room(self, length: int) -> Array:
        """Where to put [length, d] outputs."""
        return self._rooms[:length]

    def add(self, outputs: Array) -> None:
        """Adds a chunk, [n, d] with n at least 1."""
        self._count += len(outputs)
        if self._kind == "mean":
            self._pooled += outputs.sum(axis=0, dtype=np.float64)
        else:
            np.maximum(self._pooled, outputs.max(axis=0), out=self._pooled)

    def result(self) -> Array:
        """What the classifier sees of at least one token, [d]."""
        return self._pooled / self._count if self._kind == "mean" else self._pooled
