"""One direction of a pass through a text: a stack of layers, and the policy that leads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime import coins
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import Products
from skim_hf.runtime.gate import Gate
from skim_hf.runtime.pointer import SIZE, Pointer
from skim_hf.runtime.prepare import PreparedReader
from skim_hf.runtime.reader import BoundReader
from skim_hf.runtime.record import Record
from skim_hf.runtime.weights import Array


class LaneState(NamedTuple):
    """Everything that a lane remembers between two pieces of a text; its arrays are never changed.

    Attributes:
        states: [L, parts * d], of every layer.
        memory: [2], the accumulator of Skip RNN and what it grows by; anything for other policies.
        places: [1 + 4] int64, the position in the text, and the pointer of a model that jumps.
    """

    states: Array
    memory: Array
    places: NDArray[np.int64]


class Lane:
    """Reads a text in one direction, piece by piece; for one thread at a time.

    Layers take a piece one after the other, each in its own tight loop. Only the layers of Skip RNN, whose
    one gate sees the top, take every token together.

    Args:
        config: Of the model.
        readers: The layers, from the lowest to the top; none where vectors are pooled as they are.
        embedding: [V, d_x], what the lowest layer looks ids up in; None if it has tables or takes vectors.
        threshold: Skim above this probability; 1 reads everything.
        products: Does, or does and counts, the products.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        readers: Sequence[PreparedReader],
        embedding: Array | None,
        threshold: float,
        products: Products,
    ) -> None:
        self._config, self._embedding = config, embedding
        self.readers = [BoundReader(reader, threshold, products) for reader in readers]
        self._position = 0
        gate, jump = (readers[-1].gate, readers[-1].jump) if readers else (None, None)
        self._gate, self._pointer = None, None
        if gate is not None:
            increment, dtype = self.readers[-1].bind_gate(gate), gate.bias.dtype
            self._gate = Gate(self.readers, increment, config.hidden_size, dtype, threshold)
        if jump is not None:
            top = self.readers[-1]
            self._pointer = Pointer(config, top.bind_head(jump), top.copy_hidden)

    @property
    def jumps(self) -> int:
        """Jump decisions since the last reset."""
        return 0 if self._pointer is None else self._pointer.taken

    def reset(self) -> None:
        """Goes back to the start of a text."""
        self._position = 0
        for part in (*self.readers, self._gate, self._pointer):
            if part is not None:
                part.reset()

    def save(self) -> LaneState:
        """What the lane remembers."""
        memory = [0, 0] if self._gate is None else self._gate.save()
        pointer = [0] * SIZE if self._pointer is None else self._pointer.save()
        states = np.array([reader.save() for reader in self.readers])
        return LaneState(states, np.array(memory, states.dtype), np.array([self._position, *pointer]))

    def load(self, state: LaneState) -> None:
        """Goes back to what `save` gave."""
        for reader, saved in zip(self.readers, state.states, strict=True):
            reader.load(saved)
        self._position, *pointer = state.places.tolist()
        if self._gate is not None:
            self._gate.load(state.memory)
        if self._pointer is not None:
            self._pointer.load(pointer)

    def read(self, inputs: NDArray[Any], record: Record) -> None:
        """Reads on from the current state.

        Args:
            inputs: [n] token ids or [n, d_x] vectors, in reading order. Those that are not read are not
                looked at.
            record: What becomes of them; blank.
        """
        start = self._position
        self._position += len(inputs)
        if self._pointer is None:
            self._walk(inputs, record, start)
        else:
            self._pointer.read(inputs, record, lambda part, view, at: self._walk(part, view, start + at))

    def _walk(self, inputs: NDArray[Any], record: Record, start: int) -> None:
        """Reads tokens of which none is passed over, the first at a position in reading order."""
        if self._gate is not None:
            self._gate.read(self._take(inputs), record)
        elif self._config.policy in ("random", "periodic"):
            self._toss(inputs, record, start)
        else:
            self._read_layers(inputs, record)

    def _take(self, inputs: NDArray[Any]) -> Sequence[int]:
        """Numbers by which the lowest layer finds its inputs when it reads them."""
        if self._embedding is None:
            return self.readers[0].take(inputs)
        self.readers[0].take(self._embedding)
        numbers: list[int] = inputs.tolist()
        return numbers

    def _toss(self, inputs: NDArray[Any], record: Record, start: int) -> None:
        """Reads what the policies without parameters read, as if there was nothing else."""
        is_read = coins.reads(self._config, start, start + len(inputs))
        shape = (np.count_nonzero(is_read), len(self.readers))
        kept = Record(np.empty(shape, np.int64), np.empty((*shape, 0), record.scores.dtype))
        if record.outputs is not None:
            before = np.empty(record.outputs.shape[1:], record.outputs.dtype)
            self.readers[-1].copy_hidden(before)
            found = np.empty((shape[0], len(before)), before.dtype)
            self._read_layers(inputs[is_read], kept.of(slice(None), slice(None), found))
            record.repeat_outputs(before, found, is_read)
        else:
            self._read_layers(inputs[is_read], kept)
        record.decisions[:] = ~is_read[:, None]
        if record.likelihoods is not None:
            is_random = self._config.policy == "random"
            record.likelihoods[:] = 1 - self._config.skip_rate if is_random else is_read[:, None]

    def _read_layers(self, inputs: NDArray[Any], record: Record) -> None:
        """Layer by layer, each from its current state."""
        layer = inputs if self._embedding is None else self._embedding[inputs]
        for number, reader in enumerate(self.readers):
            is_top = number + 1 == len(self.readers)
            below = None if is_top else np.empty((len(inputs), self._config.hidden_size), record.scores.dtype)
            outputs = record.outputs if is_top else below
            found = reader.read(layer, outputs)
            record.decisions[:, number] = found.choices
            record.scores[:, number] = found.scores
            if found.units is not None and record.units is not None and record.likelihoods is not None:
                record.units[:, number] = found.units
                record.likelihoods[:, number] = found.units / self._config.hidden_size
            layer = layer if below is None else below
        if not self.readers and record.outputs is not None:
            record.outputs[:] = layer
