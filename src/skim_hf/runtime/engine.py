"""From token ids or frames to logits in NumPy: all layers and directions, pooling, the classifier."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import CountedProducts, OperationCounter, Products
from skim_hf.runtime.engine_stream import NumpyStream
from skim_hf.runtime.ids import check_frames, check_ids
from skim_hf.runtime.inputs import CHUNK
from skim_hf.runtime.lane import Lane
from skim_hf.runtime.pools import Pool
from skim_hf.runtime.prepare import FOLD_LIMIT, prepare_reader, table_bytes
from skim_hf.runtime.protocols import Encoder, Inputs
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.record import Record
from skim_hf.runtime.scores import final_scores
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
        self.config = config
        self.dtype: np.dtype[Any] = weights.classifier_bias.dtype
        self._threshold = threshold
        self._embedding = weights.embedding
        self._classifier, self._classifier_bias = weights.classifier_weight, weights.classifier_bias
        fits = table_bytes(config, self.dtype.itemsize) <= fold_limit
        folded = weights.embedding if fits and config.num_hidden_layers else None
        directions = config.num_directions
        self._readers = [
            # Layers above read what the layer below found, so they have no vocabulary to fold.
            prepare_reader(config, reader, folded if index < directions else None)
            for index, reader in enumerate(weights.readers)
        ]
        self._looked_up = None if folded is not None else weights.embedding
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
        self, texts: Sequence[Any], encoder: Encoder, max_tokens: int | None = None
    ) -> NDArray[np.float32]:
        """Final scores of texts, [n, labels]; see `protocols.Engine`."""
        logits = [self.read(encoder.ids(text, max_tokens)).logits for text in texts]
        return self.final_scores(np.array(logits, np.float32).reshape(len(texts), len(self.config.labels)))

    def final_scores(self, logits: Array) -> Array:
        """What `scores` makes of logits; see `scores.final_scores`."""
        return final_scores(self.config, logits)

    def read(self, inputs: Inputs, counter: OperationCounter | None = None) -> Reading:
        """Reads one text.

        Memory beyond the result is bounded for a reader in one direction; a bidirectional stack keeps the
        outputs of the layer below, 8 * d bytes per token.

        Args:
            inputs: [T] token ids, or [T, input_size] frames of features; see `protocols.Inputs`.
            counter: What to add the multiply-adds to; counting makes reading slower.

        Raises:
            ValueError: Not such ids or frames.
        """
        reading = self._read(inputs, counter)
        if counter is not None:
            counter.add_text(reading, self.config.num_choices)
        return reading

    def read_outputs(self, inputs: Inputs, counter: OperationCounter | None = None) -> Reading:
        """Reads one text for what the top layer gives at every token, and for no labels; see `read`.

        Only the products are added to the counter, not the text.
        """
        return self._read(inputs, counter, wants_outputs=True)

    def _read(
        self, inputs: Inputs, counter: OperationCounter | None, *, wants_outputs: bool = False
    ) -> Reading:
        layer, config = self.check(inputs), self.config
        keeps_top = config.labels_tokens or wants_outputs
        length, passes = len(layer), self.lanes(counter)
        record = Record.blank(config, length, self.dtype)
        pools = [self.pool() for _ in range(config.num_directions)]
        for number, lanes in enumerate(passes):
            keeps = keeps_top or number + 1 < len(passes)
            width = config.output_width // config.num_directions
            outputs = np.empty((length, len(lanes), width), self.dtype) if keeps else None
            for direction, lane in enumerate(lanes):
                # The backward reader sees everything in reverse, and its results land where the token is.
                order = slice(None, None, -1 if direction else 1)
                first = number * len(lanes) + direction
                kept = None if outputs is None else outputs[order, direction]
                view = record.of(slice(first, first + len(lane.readers)), order, kept)
                self._run(lane, layer[order], view, pools[direction])
            if outputs is not None:
                layer = outputs.reshape(length, len(lanes) * width)
        if wants_outputs:
            return replace(self._reading(record, passes, self._classifier_bias[:0]), outputs=layer)
        logits = self.classify_tokens(layer) if config.labels_tokens else self.classify(passes[-1], pools)
        return self._reading(record, passes, logits)

    def _run(self, lane: Lane, inputs: NDArray[Any], record: Record, pool: Pool | None) -> None:
        """Reads one direction of one pass in chunks, from the initial state."""
        lane.reset()
        for start in range(0, len(inputs), CHUNK):
            part = slice(start, start + CHUNK)
            view = record if len(inputs) <= CHUNK else record[part]
            if record.outputs is None and pool is not None:
                room = np.empty((len(view.decisions), pool.width), self.dtype)
                view = view.of(slice(None), slice(None), room)
                lane.read(inputs[part], view)
                pool.add(room[view.visited])
            else:
                lane.read(inputs[part], view)

    def _reading(self, record: Record, passes: list[list[Lane]], logits: Array) -> Reading:
        config = self.config
        readers = [reader for lanes in passes for lane in lanes for reader in lane.readers]
        hidden = np.array([reader.hidden for reader in readers], self.dtype)
        memory = np.array([reader.memory for reader in readers], self.dtype)
        shape = (len(readers), config.hidden_size)
        return Reading(
            record.decisions,
            record.scores,
            hidden.reshape(shape),
            memory.reshape(shape) if config.cell_type == "lstm" else None,
            logits,
            likelihoods=record.likelihoods,
            units=record.units,
            jumps=np.array([lane.jumps for lane in passes[-1]]),
        )

    def classify(self, lanes: list[Lane], pools: list[Pool | None]) -> Array:
        """Logits of a text, [labels].

        Args:
            lanes: Of the top layer, one per direction; their final states are seen, unless there are pools.
            pools: One per direction.
        """
        found = [
            lane.readers[-1].hidden if pool is None else pool.result()
            for lane, pool in zip(lanes, pools, strict=True)
        ]
        logits: Array = self._classifier.dot(np.concatenate(found).astype(self.dtype)) + self._classifier_bias
        return logits

    def classify_tokens(self, outputs: Array) -> Array:
        """[n, labels] logits of the top layer's outputs, [n, d * directions]."""
        return Products().multiply(outputs, self._classifier.T) + self._classifier_bias

    def pool(self) -> Pool | None:
        """Where a direction's outputs go; None if only the last one counts, or each by itself."""
        config = self.config
        no_pool = config.labels_tokens or config.pooling == "last"
        return None if no_pool else Pool(config.pooling, config.output_width // config.num_directions)

    def lanes(self, counter: OperationCounter | None = None) -> list[list[Lane]]:
        """This thread's lanes, [passes][directions], or fresh ones that count."""
        if counter is not None:
            return self._bind(CountedProducts(counter))
        if not hasattr(self._local, "lanes"):
            self._local.lanes = self._bind(Products())
        lanes: list[list[Lane]] = self._local.lanes
        return lanes

    def _bind(self, products: Products) -> list[list[Lane]]:
        def lane(numbers: list[int], number: int) -> Lane:
            readers = [self._readers[reader] for reader in numbers]
            embedding = self._looked_up if number == 0 else None
            return Lane(self.config, readers, embedding, self._threshold, products)

        passes = enumerate(self.config.passes)
        return [[lane(numbers, number) for numbers in directions] for number, directions in passes]

    def check(self, inputs: Inputs) -> NDArray[Any]:
        """Token ids, [T], or frames, [T, input_size], as an array; see `ids`."""
        if self._embedding is None:
            return check_frames(inputs, self.config.input_width, self.dtype)
        return check_ids(inputs, len(self._embedding))
