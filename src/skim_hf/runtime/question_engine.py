"""The engine of a model that answers questions: one engine for each layer that reads the context.

A layer's engine is that of a classifier of features without its classifier, so that every way of reading, and
what it saves, is the same here as there. The question is read by the big cells alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import TOKENS, RuntimeConfig
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.protocols import Encoder, Inputs
from skim_hf.runtime.question_layers import QuestionLayers
from skim_hf.runtime.question_words import Words, WordVectors
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.weights import Array, ModelWeights, ReaderWeights

MakeEngine = Callable[[RuntimeConfig, ModelWeights], Any]

NO_LABELS = (
    "This model answers questions and gives no labels: call answer(question=..., context=...), or "
    "read_question and trace_answer for what was read."
)

NO_BUDGET = (
    "A budget is found on texts that are to be labelled, and this model answers questions: give it a "
    "threshold instead, one that evaluate_answers (skim-hf evaluate --threshold) shows to suit them."
)


class Encoded(NamedTuple):
    """A question, or a window of its context, before one meets the other.

    Attributes:
        ids: [T] integers.
        vectors: [T, width], what the layers before the attention make of its words.
        readings: Of these layers, where they have decided anything: those of the context.
    """

    ids: NDArray[Any]
    vectors: Array
    readings: tuple[Reading, ...] = ()


class QuestionEngine:
    """A loaded model with its threshold; safe to be called from several threads at once.

    Args:
        config: Of the model.
        weights: Of the model.
        make: Makes the engine of one layer, with its threshold.

    Attributes:
        config: Of the model.
    """

    def __init__(self, config: RuntimeConfig, weights: ModelWeights, make: MakeEngine) -> None:
        self.config = config
        self._words, self._head = WordVectors(config, weights), QuestionLayers(config, weights)
        self._dtype = weights.classifier_bias.dtype
        pairs = [weights.readers[first : first + 2] for first in range(0, config.num_readers, 2)]
        self._layers = [make(*layer_of(config, layer, pair)) for layer, pair in enumerate(pairs)]
        plain = replace(config, policy="full", skim_sizes=())
        self._question_layers = [
            make(*layer_of(plain, layer, [_big_cell(reader) for reader in pair]))
            for layer, pair in enumerate(pairs[: config.num_encoder_layers])
        ]

    def with_threshold(self, threshold: float) -> QuestionEngine:
        """The same model with another threshold, sharing everything that is large."""
        twin = copy.copy(self)
        twin._layers = [layer.with_threshold(threshold) for layer in self._layers]
        return twin

    def ask(self, context: Words, question: Words, counter: OperationCounter | None = None) -> Reading:
        """Reads a context for a question.

        Args:
            context: A window of it, T tokens.
            question: All of it, also without a word.
            counter: Of engines that count: what to add the multiply-adds of the context's readers to.

        Returns:
            Decisions of all readers, and as logits [T, 2] the scores of a start and of an end at every token.

        Raises:
            ValueError: Not such words.
        """
        return self.meet(self.encode_context(context, counter), self.encode_question(question), counter)

    def encode_context(self, context: Words, counter: OperationCounter | None = None) -> Encoded:
        """What a window of a context is to any question; see `ask`."""
        vectors, readings = self._words.look_up(context), []
        for layer in self._layers[: self.config.num_encoder_layers]:
            readings.append(layer.read_outputs(vectors, *_given(counter)))
            vectors = cast(Array, readings[-1].outputs)
        return Encoded(context.ids, vectors, tuple(readings))

    def encode_question(self, question: Words) -> Encoded:
        """What a question is to any window of any context; see `ask`."""
        vectors = self._words.look_up(question)
        for layer in self._question_layers:
            vectors = layer.read_outputs(vectors).outputs
        return Encoded(question.ids, vectors)

    def meet(self, context: Encoded, question: Encoded, counter: OperationCounter | None = None) -> Reading:
        """Reads an encoded window for an encoded question; see `ask`."""
        readings = [*context.readings]

        def read(frames: Array) -> Array:
            readings.append(self._layers[len(readings)].read_outputs(frames, *_given(counter)))
            return cast(Array, readings[-1].outputs)

        match = self._exact_match(context.ids, question.ids)
        ends = self._head.score(context.vectors, question.vectors, match, read)
        reading = _joined(readings, np.stack(ends, axis=1))
        if counter is not None:
            counter.add_text(reading, self.config.num_choices)
        return reading

    def _exact_match(self, ids: NDArray[Any], question_ids: NDArray[Any]) -> Array:
        """[T, 1], 1 at words of the context that are in the question too."""
        match = (np.asarray(ids)[:, None] == question_ids).any(axis=1)
        if self.config.unk_token_id is not None:
            match &= np.asarray(ids) != self.config.unk_token_id
        column: Array = match[:, None].astype(self._dtype)
        return column

    def read(self, inputs: Inputs, counter: OperationCounter | None = None) -> NoReturn:
        """Refuses: there are no labels."""
        raise ValueError(NO_LABELS)

    def scores(self, texts: Sequence[Any], encoder: Encoder, max_tokens: int | None = None) -> NoReturn:
        """Refuses: there are no labels."""
        raise ValueError(NO_LABELS)

    def final_scores(self, logits: Array) -> NoReturn:
        """Refuses: there are no labels."""
        raise ValueError(NO_LABELS)

    def open(self) -> NoReturn:
        """Refuses: a context is read both ways."""
        raise ValueError(NO_LABELS)


def _given(counter: OperationCounter | None) -> tuple[OperationCounter, ...]:
    """What an engine gets that can count, or need not."""
    return () if counter is None else (counter,)


def layer_of(
    config: RuntimeConfig, layer: int, readers: Sequence[ReaderWeights]
) -> tuple[RuntimeConfig, ModelWeights]:
    """One layer as a model of features, whose labels nobody asks for.

    Args:
        config: Of the whole model.
        layer: Its number.
        readers: Forward and backward.
    """
    alone = replace(
        config,
        vocab_size=None,
        input_size=config.layer_width(layer),
        num_hidden_layers=1,
        architecture=TOKENS,
        labels=("",),
        reader=None,
        num_encoder_layers=0,
    )
    dtype = readers[0].dtype
    none = np.zeros((1, alone.output_width), dtype)
    return alone, ModelWeights(None, tuple(readers), none, np.zeros(1, dtype))


def _big_cell(reader: ReaderWeights) -> ReaderWeights:
    """What reads everything with the cell that a reader reads with."""
    return ReaderWeights(reader.cells[:1], None, None, reader.dtype, initial_state=reader.initial_state)


def _joined(readings: Sequence[Reading], logits: Array) -> Reading:
    """The readings of all layers as those of one model."""

    def columns(name: str) -> Any:
        parts = [getattr(reading, name) for reading in readings]
        return None if parts[0] is None else np.concatenate(parts, axis=1)

    memory = [reading.memory for reading in readings if reading.memory is not None]
    return Reading(
        decisions=columns("decisions"),
        scores=columns("scores"),
        hidden=np.concatenate([reading.hidden for reading in readings]),
        memory=np.concatenate(memory) if memory else None,
        logits=logits,
        likelihoods=columns("likelihoods"),
        units=columns("units"),
    )
