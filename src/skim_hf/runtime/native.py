"""The engine in C: the readings of the NumPy engine, at the speed of the processor's vectors.

The C sources are in `native/`; `native/reader.h` says how they lay out a model. Importing this module raises
an ImportError where the package was installed without a C compiler.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.native import _runtime
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.ids import check_frames, check_ids
from skim_hf.runtime.native_arrays import MAX_CHOICES, MAX_HIDDEN_SIZE, ModelArrays, arrange
from skim_hf.runtime.native_parts import MAX_JUMP
from skim_hf.runtime.protocols import Encoder, Inputs
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.scores import final_scores
from skim_hf.runtime.weights import Array, ModelWeights

INSTRUCTIONS = ("avx512", "avx2", "neon_dot", "neon", "portable")
SWITCH = "SKIM_HF_INSTRUCTIONS"
"""The environment variable that chooses kernels by hand; the best that the processor has without it."""


def declined(config: RuntimeConfig, dtype: str) -> str | None:
    """Why the engine cannot run a model, or None if it can."""
    if config.hidden_size > MAX_HIDDEN_SIZE:
        return f"its hidden_size of {config.hidden_size} is above {MAX_HIDDEN_SIZE}"
    if config.num_choices > MAX_CHOICES:
        return f"its {config.num_choices} choices per token are more than {MAX_CHOICES}"
    if (config.jump_size or 0) > MAX_JUMP:
        return f"its jump_size of {config.jump_size} is above {MAX_JUMP}"
    return None


def kernels() -> tuple[str, int]:
    """Name of the kernels in use, and how many floats their vectors hold."""
    wanted = os.environ.get(SWITCH, "")
    try:
        found: tuple[str, int] = _runtime.kernels(wanted)
    except ValueError:
        # What a processor lacks cannot be chosen; the next best is.
        found = _runtime.kernels("")
    return found


class NativeEngine:
    """A loaded model; safe to be called from several threads, which really run side by side.

    Args:
        config: Of the model.
        weights: Of the model.
        threshold: Skim above this probability, in [0, 1]; 1 reads everything.
        dtype: `float32`, or `int8`: tables and large products of bytes, everything else in float32.
            So is all of policy `selective`, whose products are of single rows.
    """

    def __init__(self, config: RuntimeConfig, weights: ModelWeights, threshold: float, dtype: str) -> None:
        self.config = config
        self._name, lanes = kernels()
        self._arrays: ModelArrays = arrange(config, weights, lanes, quantise=dtype == "int8")
        self._model = self._pack(threshold)

    def _pack(self, threshold: float) -> Any:
        return _runtime.Model(self._name, *self._arrays.arguments(threshold))

    def with_threshold(self, threshold: float) -> NativeEngine:
        """The same model with another threshold; shares all tables."""
        twin = copy.copy(self)
        twin._model = self._pack(threshold)
        return twin

    @property
    def counts(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice in all finished calls; branches really executed."""
        return _counts(self.config, self._model)

    @property
    def units(self) -> NDArray[np.int64]:
        """[R], how many units were updated one by one in all finished calls."""
        return np.array(self._model.units(), np.int64)

    @property
    def jumps(self) -> NDArray[np.int64]:
        """[directions], how many jump decisions were taken in all finished calls."""
        return np.array(self._model.jumps(), np.int64)

    def read(self, inputs: Inputs) -> Reading:
        """Reads one text; see `protocols.Engine`."""
        return self._read(inputs)

    def read_outputs(self, inputs: Inputs) -> Reading:
        """Reads one text for what the top layer gives at every token, and for no labels."""
        return self._read(inputs, wants_outputs=True)

    def _read(self, inputs: Inputs, *, wants_outputs: bool = False) -> Reading:
        text, config = _check(inputs, self.config), self.config
        shape = (len(text), config.num_readers)
        decisions, units = np.empty(shape, np.int64), np.zeros(shape, np.int64)
        scores = np.zeros((*shape, config.num_choices - 1), np.float32)
        hidden = np.empty((config.num_readers, config.hidden_size), np.float32)
        memory = np.empty_like(hidden) if config.cell_type == "lstm" else None
        labels = 0 if wants_outputs else len(config.labels)
        logits = np.empty((len(text), labels) if config.labels_tokens else (labels,), np.float32)
        outputs = np.empty((len(text), config.output_width), np.float32) if wants_outputs else None
        jumps = np.empty(config.num_directions, np.int64)
        asked = None if wants_outputs else logits
        self._model.read(text, decisions, scores, hidden, memory, asked, units, jumps, outputs)
        odds = scores if config.policy in ("full", "skim") else scores[..., :0]
        return Reading(
            decisions,
            odds,
            hidden,
            memory,
            logits,
            likelihoods=_likelihoods(config, decisions, scores, units),
            units=units if config.policy == "selective" else None,
            jumps=jumps,
            outputs=outputs,
        )

    def scores(
        self, texts: Sequence[Any], encoder: Encoder, max_tokens: int | None = None
    ) -> NDArray[np.float32]:
        """Final scores of texts, [n, labels]; see `protocols.Engine`."""
        scores = np.empty((len(texts), len(self.config.labels)), np.float32)
        if encoder.native is not None:
            self._model.classify(encoder.native, tuple(texts), max_tokens, scores)
            return scores
        for row, text in zip(scores, texts, strict=True):
            row[:] = self.read(encoder.ids(text, max_tokens)).logits
        return self.final_scores(scores)

    def final_scores(self, logits: Array) -> Array:
        """What `scores` makes of logits, to the bit; see `scores.final_scores`."""
        if self.config.labels_tokens:
            return final_scores(self.config, logits)
        scores = np.array(logits, np.float32)
        self._model.scores(scores)
        return scores

    def open(self) -> NativeStream:
        """A stream at the start of a text; for models that read in one direction."""
        return NativeStream(self.config, self._model.open())


class NativeStream:
    """A text that is read as its tokens arrive; see `protocols.TokenStream`.

    Args:
        config: Of the model.
        stream: The state in C.
    """

    def __init__(self, config: RuntimeConfig, stream: Any) -> None:
        self._config, self._stream = config, stream

    @property
    def tokens(self) -> int:
        """Tokens fed so far, those that jumps passed over included."""
        return int(self._stream.tokens)

    @property
    def decisions(self) -> NDArray[np.int64]:
        """[R, k], how often each reader made each choice so far, the full read first."""
        return _counts(self._config, self._stream)

    @property
    def units(self) -> NDArray[np.int64] | None:
        """[R], how many units policy `selective` updated so far; None for other policies."""
        return np.array(self._stream.units(), np.int64) if self._config.policy == "selective" else None

    @property
    def jumps(self) -> NDArray[np.int64]:
        """[1], how many jump decisions were taken so far."""
        return np.array(self._stream.jumps(), np.int64)

    def feed(self, inputs: Inputs) -> Array | None:
        """Reads on; returns [n, labels] logits where every token gets a label, else None."""
        text = _check(inputs, self._config)
        if not self._config.labels_tokens:
            self._stream.feed(text, None)
            return None
        logits = np.empty((len(text), len(self._config.labels)), np.float32)
        self._stream.feed(text, logits)
        return logits

    def logits(self) -> Array:
        """[labels], what is known of the text so far."""
        logits = np.empty(len(self._config.labels), np.float32)
        self._stream.logits(logits)
        return logits

    def copy(self) -> NativeStream:
        """A stream that goes on from here on its own."""
        return NativeStream(self._config, self._stream.copy())

    def save(self) -> bytes:
        """The state as bytes."""
        saved: bytes = self._stream.save()
        return saved

    def load(self, data: bytes) -> None:
        """Goes back to a saved state.

        Raises:
            ValueError: Not the state of a stream of this model; the state is unchanged.
        """
        self._stream.load(data)


def _counts(config: RuntimeConfig, owner: Any) -> NDArray[np.int64]:
    return np.array(owner.counts(), np.int64).reshape(config.num_readers, config.num_choices)


def _check(inputs: Inputs, config: RuntimeConfig) -> NDArray[Any]:
    """A text as the kernels read it: [T] int32 ids, or [T, input_size] float32 frames."""
    if config.vocab_size is None:
        frames = check_frames(inputs, config.input_width, np.dtype(np.float32))
        return np.ascontiguousarray(frames)
    return check_ids(inputs, config.vocab_size).astype(np.int32)


def _likelihoods(
    config: RuntimeConfig, decisions: NDArray[np.int64], scores: Array, units: NDArray[np.int64]
) -> Array | None:
    """See `Reading.likelihoods`; of policy `skip` the scores are the accumulator."""
    if config.policy == "skip":
        return scores[..., 0]
    if config.policy == "selective":
        return (units / config.hidden_size).astype(np.float32)
    if config.policy == "random":
        return np.where(decisions < 0, 0, 1 - config.skip_rate).astype(np.float32)
    return (decisions == 0).astype(np.float32) if config.policy == "periodic" else None
