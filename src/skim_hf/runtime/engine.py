"""From token ids to logits in NumPy: all layers and directions, pooling and the classifier."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import CountedProducts, OperationCounter, Products
from skim_hf.runtime.engine_stream import NumpyStream
from skim_hf.runtime.ids import check_ids
from skim_hf.runtime.inputs import CHUNK
from skim_hf.runtime.pools import Pool
from skim_hf.runtime.prepare import FOLD_LIMIT, prepare_reader, table_bytes
from skim_hf.runtime.reader import BoundReader
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.scores import final_scores
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import Array, ModelWeights


class NumpyEngine:
    """A loaded model; safe to be called from several threads, each of which gets buffers of its own.

    Args:
        config: Of the model.
        weights: Of the model; their dtype is that of the whole computation.
        threshold: Skim above this probability, in [0, 1]; 1 reads everything.
        fold_limit: Largest total size in bytes of the first layer's tables (see
            `prepare.table_bytes`). A larger vocabulary is served without tables, more slowly.

    Attributes:
        config: Of the model.
        dtype: Of the computation.
    """

    def __init__(
        self, config: RuntimeConfig, weights: ModelWeights, threshold: float, *, fold_limit: int = FOLD_LIMIT
    ) -> None:
        if weights.embedding is None:
            raise ValueError(
                "Expected a model of words, with vocab_size and an embedding table; got one of continuous "
                "features (vocab_size null), which the runtime cannot read yet. Use transformers for it."
            )
        if config.policy not in ("full", "skim") or config.jumps or not config.num_hidden_layers:
            raise ValueError(
                "This engine runs the policies 'full' and 'skim'; use transformers for the others."
            )
        self.config = config
        self.dtype: np.dtype[Any] = weights.embedding.dtype
        self._threshold = threshold
        self._embedding = weights.embedding
        self._classifier, self._classifier_bias = weights.classifier_weight, weights.classifier_bias
        folded = table_bytes(config, self.dtype.itemsize) <= fold_limit
        directions = config.num_directions
        self._readers = [
            # Layers above read what the layer below found, so they have no vocabulary to fold.
            prepare_reader(config, reader, self._embedding if folded and index < directions else None)
            for index, reader in enumerate(weights.readers)
        ]
        self._is_folded = folded
        self._local = threading.local()

    def with_threshold(self, threshold: float) -> NumpyEngine:
        """The same model with another threshold; shares all tables."""
        twin = copy.copy(self)
        twin._threshold, twin._local = threshold, threading.local()
        return twin

    def open(self) -> NumpyStream:
        """A stream at the start of a text; for models that read in one direction."""
        return NumpyStream(self)

    def scores(
        self, texts: Sequence[str], encoder: TextEncoder, max_tokens: int | None = None
    ) -> NDArray[np.float32]:
        """Final scores of texts, [n, labels]; see `protocols.Engine`."""
        logits = [self.read(encoder.ids(text, max_tokens)).logits for text in texts]
        return self.final_scores(np.array(logits, np.float32).reshape(len(texts), len(self.config.labels)))

    def final_scores(self, logits: Array) -> Array:
        """What `scores` makes of logits; see `scores.final_scores`."""
        return final_scores(self.config, logits)

    def read(self, inputs: ArrayLike, counter: OperationCounter | None = None) -> Reading:
        """Reads one text.

        Memory beyond the result is bounded for one layer; a stacked model keeps the outputs of the
        layers below, 4 * d * directions bytes per token.

        Args:
            inputs: [T] token ids.
            counter: What to add the multiply-adds to; counting makes reading slower.

        Raises:
            ValueError: Not a list of integers below `vocab_size`.
        """
        tokens = self.check(inputs)
        config, readers = self.config, self.bound(counter)
        length, directions = len(tokens), config.num_directions
        decisions = np.empty((length, config.num_readers), np.int64)
        scores = np.empty((length, config.num_readers, config.num_choices - 1), self.dtype)
        layer: NDArray[Any] = tokens
        pools = [self.pool() for _ in range(directions)]
        for number in range(config.num_hidden_layers):
            is_top = number == config.num_hidden_layers - 1
            keeps = config.labels_tokens or not is_top
            outputs = np.empty((length, directions, config.hidden_size), self.dtype) if keeps else None
            for direction in range(directions):
                index = number * directions + direction
                # The backward reader sees everything in reverse, and its results land where the token is.
                order = slice(None, None, -1 if direction else 1)
                self._run(
                    readers[index],
                    layer[order],
                    (decisions[order, index], scores[order, index]),
                    pools[direction] if outputs is None else outputs[order, direction],
                )
            if outputs is not None:
                layer = outputs.reshape(length, directions * config.hidden_size)
        hidden = np.array([reader.hidden for reader in readers])
        memory = np.array([reader.memory for reader in readers]) if config.cell_type == "lstm" else None
        if config.labels_tokens:
            logits = self.classify_tokens(layer)
        else:
            logits = self.classify(hidden[-directions:], pools)
        reading = Reading(decisions, scores, hidden, memory, logits)
        if counter is not None:
            counter.add_text(reading, config.num_choices)
        return reading

    def _run(
        self,
        reader: BoundReader,
        inputs: NDArray[Any],
        results: tuple[NDArray[np.int64], Array],
        outputs: Array | Pool | None,
    ) -> None:
        """Reads one direction of one layer in chunks, from the initial state."""
        reader.reset()
        decisions, scores = results
        for start in range(0, len(inputs), CHUNK):
            part = slice(start, start + CHUNK)
            chunk = self.embed(inputs[part]) if inputs.ndim == 1 else inputs[part]
            if isinstance(outputs, Pool):
                room = np.empty((len(chunk), self.config.hidden_size), self.dtype)
                decisions[part], scores[part] = reader.read(chunk, room)
                outputs.add(room)
            else:
                decisions[part], scores[part] = reader.read(chunk, None if outputs is None else outputs[part])

    def embed(self, tokens: NDArray[np.int64]) -> NDArray[Any]:
        """What the first layer reads of [n] ids: themselves if their products are in tables, or vectors."""
        return tokens if self._is_folded else self._embedding[tokens]

    def classify(self, hidden: Array, pools: list[Pool | None]) -> Array:
        """Logits of a text, [labels].

        Args:
            hidden: [directions, d], final states of the top layer.
            pools: One per direction; what they hold counts instead, if anything.
        """
        found = [pool.result() for pool in pools if pool is not None and pool.count]
        pooled = np.concatenate(found).astype(self.dtype) if found else hidden.reshape(-1)
        logits: Array = self._classifier.dot(pooled) + self._classifier_bias
        return logits

    def classify_tokens(self, outputs: Array) -> Array:
        """[n, labels] logits of the top layer's outputs, [n, d * directions]."""
        return Products().multiply(outputs, self._classifier.T) + self._classifier_bias

    def pool(self) -> Pool | None:
        """Where a direction's outputs go; None if only the last one counts, or each by itself."""
        config = self.config
        no_pool = config.labels_tokens or config.pooling == "last"
        return None if no_pool else Pool(config.pooling, config.hidden_size)

    def bound(self, counter: OperationCounter | None = None) -> list[BoundReader]:
        """This thread's readers, or fresh ones that count."""
        if counter is not None:
            return self._bind(CountedProducts(counter))
        if not hasattr(self._local, "readers"):
            self._local.readers = self._bind(Products())
        readers: list[BoundReader] = self._local.readers
        return readers

    def _bind(self, products: Products) -> list[BoundReader]:
        return [BoundReader(reader, self._threshold, products) for reader in self._readers]

    def check(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Token ids as an array, [T]; see `ids.check_ids`."""
        return check_ids(ids, len(self._embedding))
