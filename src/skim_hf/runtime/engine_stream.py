"""A text that the NumPy engine reads as it arrives."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.inputs import CHUNK
from skim_hf.runtime.lane import Lane, LaneState
from skim_hf.runtime.protocols import Inputs
from skim_hf.runtime.record import Record
from skim_hf.runtime.weights import Array

if TYPE_CHECKING:
    from skim_hf.runtime.engine import NumpyEngine

_LONGEST = 2**40
"""Tokens; no text is that long, and sums of such numbers do not overflow."""


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
        lane = self._lane()
        lane.reset()
        self._state = lane.save()
        self._counts = np.zeros((config.num_readers, config.num_choices), np.int64)
        self._units = np.zeros(config.num_readers, np.int64)
        self._pool = engine.pool()

    @property
    def tokens(self) -> int:
        """Tokens fed so far, those that jumps passed over included."""
        return int(self._state.places[0])

    @property
    def decisions(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice so far, the full read first."""
        return self._counts.copy()

    @property
    def units(self) -> NDArray[np.int64] | None:
        """[R], how many units policy `selective` updated so far; None for other policies."""
        return self._units.copy() if self._engine.config.policy == "selective" else None

    def feed(self, inputs: Inputs) -> Array | None:
        """Reads on; returns [n, labels] logits where every token gets a label, else None."""
        engine, lane = self._engine, self._lane()
        tokens = engine.check(inputs)
        lane.load(self._state)
        outputs = [self._read(lane, tokens[i : i + CHUNK]) for i in range(0, len(tokens), CHUNK)]
        self._state = lane.save()
        if not engine.config.labels_tokens:
            return None
        empty = np.empty((0, len(engine.config.labels)), engine.dtype)
        return np.concatenate([empty, *(engine.classify_tokens(output) for output in outputs)])

    def _lane(self) -> Lane:
        """This thread's; a model that reads in one direction has no other."""
        return self._engine.lanes()[0][0]

    def _read(self, lane: Lane, tokens: NDArray[Any]) -> Array:
        """Takes a chunk through all layers; returns the top layer's outputs if somebody needs them."""
        config, dtype = self._engine.config, self._engine.dtype
        is_needed = config.labels_tokens or self._pool is not None
        outputs = np.empty((len(tokens), config.output_width), dtype)
        everything = slice(None)
        record = Record.blank(config, len(tokens), dtype)
        record = record.of(everything, everything, outputs if is_needed else None)
        lane.read(tokens, record)
        if config.num_readers:
            columns = (column[column >= 0] for column in record.decisions.T)
            counts = [np.bincount(column, minlength=config.num_choices) for column in columns]
            self._counts = self._counts + np.array(counts)
        if record.units is not None:
            self._units = self._units + record.units.sum(axis=0)
        if self._pool is not None:
            self._pool.add(outputs[record.visited])
        return outputs if config.labels_tokens else outputs[:0]

    def logits(self) -> Array:
        """[labels], what is known of the text so far."""
        lane = self._lane()
        lane.load(self._state)
        return self._engine.classify([lane], [self._pool])

    def copy(self) -> NumpyStream:
        """A stream that goes on from here on its own."""
        twin = copy.copy(self)
        twin._pool = None if self._pool is None else self._pool.copy()
        return twin

    def save(self) -> bytes:
        """The state as bytes."""
        pooled = np.zeros(0) if self._pool is None else self._pool.values
        parts = (
            self._state.places,
            self._counts,
            self._units,
            self._state.states,
            self._state.memory,
            pooled,
        )
        return b"".join(part.tobytes() for part in parts)

    def load(self, data: bytes) -> None:
        """Goes back to a saved state.

        Raises:
            ValueError: Not the state of a stream of this model; the state is unchanged.
        """
        wanted = len(self.save())
        if len(data) != wanted:
            raise ValueError(f"Expected the {wanted} bytes of a stream of this model; got {len(data)}.")
        places, rest = _cut(data, self._state.places)
        counts, rest = _cut(rest, self._counts)
        units, rest = _cut(rest, self._units)
        states, rest = _cut(rest, self._state.states)
        memory, rest = _cut(rest, self._state.memory)
        pooled = np.frombuffer(rest, np.float64)
        visited = int(counts[-1].sum()) if len(counts) else int(places[0])
        # The maximum of no outputs is minus infinity.
        numbers = (states, memory, pooled if visited else states)
        if not self._may_be(places, counts, units) or not all(np.isfinite(part).all() for part in numbers):
            raise ValueError("Expected the bytes of a stream of this model; these hold impossible values.")
        self._state, self._counts, self._units = LaneState(states, memory, places), counts, units
        if self._pool is not None:
            self._pool.values, self._pool.count = pooled, visited

    def _may_be(self, places: NDArray[np.int64], counts: NDArray[np.int64], units: NDArray[np.int64]) -> bool:
        """Whether numbers of a saved state could have come from reading."""
        config = self._engine.config
        highest = (_LONGEST, config.jump_every or 0, (config.jump_size or 1) - 1, 1, config.jump_limit or 0)
        if any(not 0 <= value <= top for value, top in zip(places.tolist(), highest, strict=True)):
            return False
        if min(counts.min(initial=0), units.min(initial=0)) < 0 or counts.max(initial=0) > _LONGEST:
            return False
        totals = counts.sum(axis=1)
        if (units > totals * config.hidden_size).any() or (totals != totals[:1]).any():
            return False
        return bool((totals <= places[0]).all() if config.jumps else (totals == places[0]).all())


def _cut(data: bytes, like: NDArray[Any]) -> tuple[NDArray[Any], bytes]:
    """An array like another one from the start of some bytes, and the rest of these."""
    array = np.frombuffer(data[: like.nbytes], like.dtype).reshape(like.shape)
    return array, data[like.nbytes :]
