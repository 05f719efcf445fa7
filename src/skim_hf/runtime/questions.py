"""From a question and its context to windows, their readings, and what was found and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.costs import ReadingCounts
from skim_hf.runtime.answers import Answer, WindowScores, find_answers, window_bounds
from skim_hf.runtime.characters import character_ids
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.question_engine import Encoded, QuestionEngine
from skim_hf.runtime.question_options import AnswerOptions
from skim_hf.runtime.question_words import Words
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.text import EncodedText, TextEncoder

KEPT = 32
"""Windows of a context that are kept for other questions; of a longer one every question reads all."""


class Window(NamedTuple):
    """Part of a context, as it was read.

    Attributes:
        first: Its first token in the context.
        stop: The token behind its last.
        null: 1 if a null token was read in front of it, else 0.
        offsets: [null + stop - first, 2], places of its tokens in the context.
        reading: What was read.
    """

    first: int
    stop: int
    null: int
    offsets: NDArray[Any]
    reading: Reading


@dataclass(frozen=True)
class QuestionReading:
    """What was found in a context, and what reading it came to.

    Tokens that two windows share are read, and counted, twice; so is a null token in every window.

    Attributes:
        answers: The best first; at least one.
        tokens: Tokens of the context.
        tokens_read: Tokens of all its windows.
        choices: How often each of R readers made each choice, [R][k], the full read first.
        units: Units that each reader of policy `selective` updated, [R]; None for other policies.
        hidden_size: d, which a full update changes.
    """

    answers: tuple[Answer, ...]
    tokens: int
    tokens_read: int
    choices: list[list[int]]
    units: list[int] | None
    hidden_size: int

    @property
    def layer_skim_rates(self) -> tuple[float, ...]:
        """Share of the tokens that each of the R readers did not read in full; zeros where there are none.

        Of policy `selective` the share of units that it did not update.
        """
        if not self.tokens_read:
            return (0.0,) * len(self.choices)
        if self.units is not None:
            most = self.tokens_read * self.hidden_size
            return tuple(1 - updated / most for updated in self.units)
        return tuple(1 - taken[0] / self.tokens_read for taken in self.choices)

    @property
    def skim_rate(self) -> float:
        """Their mean."""
        return float(np.mean(self.layer_skim_rates))

    @property
    def counts(self) -> ReadingCounts:
        """For `skim_hf.costs`."""
        return ReadingCounts(self.choices, units=self.units)


class EncodedWindow(NamedTuple):
    """A window of a context that no question has met yet; see `Window`."""

    first: int
    stop: int
    offsets: NDArray[Any]
    encoded: Encoded


class Passage:
    """A context, cut into windows.

    Args:
        config: Of the model.
        encoder: Splits texts.
        text: The context.
        options: How answers are sought.
        max_tokens: How many tokens are read; None reads all.

    Raises:
        TypeError: Not a text.
        ValueError: Null answers of a tokenizer that has no unknown token.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        encoder: TextEncoder,
        text: str,
        options: AnswerOptions,
        max_tokens: int | None = None,
    ) -> None:
        self.text, self.options, self.config, self.encoder = text, options, config, encoder
        self.encoded = encoder.encode(text, max_tokens)
        self.front = np.array([_null_id(config, encoder)] if options.null_answers else [], np.int32)
        self._kept: list[EncodedWindow] | None = None

    @cached_property
    def offsets(self) -> NDArray[Any]:
        """[T, 2], places of the tokens."""
        return _places(self.encoded)

    def keep(self, engine: QuestionEngine) -> None:
        """Reads what is the same for every question once for all, unless that is more than `KEPT` windows."""
        if len(self._bounds) <= KEPT:
            self._kept = list(self.windows(engine))

    def windows(
        self, engine: QuestionEngine, counter: OperationCounter | None = None
    ) -> Iterable[EncodedWindow]:
        """The windows, one after the other; none where there is nothing to read."""
        return self._read(engine, counter) if self._kept is None else self._kept

    def words(self, ids: NDArray[Any], text: str, offsets: NDArray[Any]) -> Words:
        """Tokens of a text as the model takes them."""
        config = self.config
        if config.char_vocab_size is None:
            return Words(ids)
        shape = {"width": config.max_word_length, "rows": config.char_vocab_size}
        return Words(ids, character_ids(text, offsets, **shape))

    @property
    def _bounds(self) -> list[tuple[int, int]]:
        return window_bounds(len(self.encoded.ids), self.options.window, self.options.stride)

    def _read(self, engine: QuestionEngine, counter: OperationCounter | None) -> Iterator[EncodedWindow]:
        null, ids, offsets = len(self.front), self.encoded.ids, self.offsets
        for first, stop in self._bounds:
            if first == stop and not null:
                continue
            places = np.concatenate([np.zeros((null, 2), offsets.dtype), offsets[first:stop]])
            words = self.words(np.concatenate([self.front, ids[first:stop]]), self.text, places)
            yield EncodedWindow(first, stop, places, engine.encode_context(words, counter))


class Asking:
    """One question about one context.

    Args:
        passage: The context.
        question: The question.

    Raises:
        TypeError: Not a text.
    """

    def __init__(self, passage: Passage, question: str) -> None:
        self.passage, self.question = passage, question
        asked = passage.encoder.encode(question)
        self._words = passage.words(asked.ids, question, _places(asked))

    def windows(self, engine: QuestionEngine, counter: OperationCounter | None = None) -> Iterator[Window]:
        """Reads the context, window by window; none where there is nothing to read."""
        null, question = len(self.passage.front), engine.encode_question(self._words)
        for first, stop, offsets, encoded in self.passage.windows(engine, counter):
            yield Window(first, stop, null, offsets, engine.meet(encoded, question, counter))

    def answers(self, windows: Iterator[Window]) -> list[Answer]:
        """The best answers; keeps no more of a window than its scores."""
        options, config = self.passage.options, self.passage.config
        scores = (
            WindowScores(window.reading.logits[:, 0], window.reading.logits[:, 1], window.offsets)
            for window in windows
        )
        return find_answers(
            self.passage.text,
            scores,
            max_length=options.max_answer_length or config.max_answer_length,
            count=options.top_k,
            null_answers=options.null_answers,
            null_threshold=options.null_threshold,
        )


def read_question(asking: Asking, engine: QuestionEngine) -> QuestionReading:
    """Answers a question and counts what was read for it."""
    config, counter = engine.config, OperationCounter()
    read = 0

    def counted() -> Iterator[Window]:
        nonlocal read
        for window in asking.windows(engine):
            counter.add_text(window.reading, config.num_choices)
            read += len(window.offsets)
            yield window

    answers = tuple(asking.answers(counted()))
    choices = counter.choices or [[0] * config.num_choices for _ in range(config.num_readers)]
    units = counter.units or ([0] * config.num_readers if config.policy == "selective" else None)
    return QuestionReading(answers, len(asking.passage.encoded.ids), read, choices, units, config.hidden_size)


def _places(encoded: EncodedText) -> NDArray[Any]:
    return np.array(encoded.offsets, np.int64).reshape(-1, 2)


def _null_id(config: RuntimeConfig, encoder: TextEncoder) -> int:
    found = encoder.unknown_id if encoder.unknown_id is not None else config.unk_token_id
    if found is None:
        raise ValueError(
            "null_answers=True puts the unknown token in front of every window, and this tokenizer has none. "
            "Leave null_answers out."
        )
    return found
