"""Questions and windows of their contexts as token ids, and answers out of what a model says about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from skim_hf.results.answers import answer_scores
from skim_hf.results.null_threshold import best_null_threshold
from skim_hf.results.scores import IGNORED_LABEL
from skim_hf.runtime.answers import Answer, WindowScores, find_answers, null_margin, window_bounds
from skim_hf.runtime.characters import character_ids
from skim_hf.tables import Question, Questions

from .question_tokens import answer_tokens, encode_texts

Array = NDArray[Any]
Rows = Sequence[Array] | Array


class QuestionWindow(NamedTuple):
    """Part of the context of a question.

    Attributes:
        question: Number of the question.
        first: Its first token in the context.
        stop: The token behind its last.
        start_position: First token of the answer, counted within the row; -100 where there is none to learn.
        end_position: Last token of the answer.
    """

    question: int
    first: int
    stop: int
    start_position: int
    end_position: int


class QuestionDataset(Dataset[dict[str, Any]]):
    """Windows of contexts with their questions, one row each.

    Of several right answers the first is learnt. A window without it has no label, except with
    `null_answers`, where the label is the null token.

    Args:
        questions: The questions.
        tokenizer: A fast tokenizer, as `build_tokenizer` makes them.
        max_length: Tokens of a context that a row holds; longer contexts are cut into windows.
        stride: Tokens that neighbouring windows share. An answer of more than `stride` + 1 tokens may lie in
            none of them.
        max_question_length: Tokens after which a question is cut off; None keeps all.
        null_answers: Puts the unknown token in front of every window, to stand for "no answer here".
        labelled_only: Leaves out windows without a label, as for training.
        max_word_length: Characters of a token that a row holds, see `skim_hf.runtime.characters`; None for a
            model that reads no characters.
        char_vocab_size: Rows of the model's table of characters.

    Attributes:
        windows: The rows.
        left_out: Questions without a row.

    Raises:
        ValueError: Numbers that do not go together, or no row is left.
    """

    def __init__(
        self,
        questions: Questions,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int = 400,
        stride: int = 128,
        max_question_length: int | None = None,
        null_answers: bool = False,
        labelled_only: bool = False,
        max_word_length: int | None = None,
        char_vocab_size: int = 258,
    ) -> None:
        self.questions, self.null_answers, self.labelled_only = questions, null_answers, labelled_only
        self.max_word_length, self.char_vocab_size = max_word_length, char_vocab_size
        # A null token in front of the ids, which belongs to no character.
        self._front = np.array([tokenizer.unk_token_id] if null_answers else [], np.int32)
        self._size, self._stride = max_length - len(self._front), stride
        self._contexts = encode_texts((each.context for each in questions), tokenizer)
        self._questions = encode_texts((each.question for each in questions), tokenizer, max_question_length)
        windows = (w for number, each in enumerate(questions) for w in self._windows(number, each))
        self.windows = [w for w in windows if w.start_position != IGNORED_LABEL or not labelled_only]
        self.left_out = len(questions) - len({window.question for window in self.windows})
        if not self.windows:
            raise ValueError(
                f"None of {len(questions)} questions has an answer to learn from in a window of {max_length} "
                "tokens. Check the data, or raise max_length and stride."
            )

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.windows)

    @property
    def lengths(self) -> list[int]:
        """Tokens of the context in every row, without making the row."""
        return [window.stop - window.first + len(self._front) for window in self.windows]

    def __getitem__(self, row: int) -> dict[str, Any]:
        """A row as `QuestionCollator` takes it."""
        window = self.windows[row]
        question = self.questions[window.question]
        ids, offsets = self._contexts[question.context]
        question_ids, question_offsets = self._questions[question.question]
        found = {
            "input_ids": np.concatenate([self._front, ids[window.first : window.stop]]),
            "question_ids": question_ids,
            "start_positions": window.start_position,
            "end_positions": window.end_position,
            # So that what is evaluated in another order finds its way back.
            "row": row,
        }
        if self.max_word_length is not None:
            shape = {"width": self.max_word_length, "rows": self.char_vocab_size}
            found["char_ids"] = character_ids(question.context, self._offsets(offsets, window), **shape)
            found["question_char_ids"] = character_ids(question.question, question_offsets, **shape)
        return found

    def answers(
        self,
        start_logits: Rows,
        end_logits: Rows,
        *,
        max_answer_length: int,
        count: int = 1,
        null_threshold: float = 0.0,
    ) -> dict[str, list[Answer]]:
        """The best answers to every question.

        Args:
            start_logits: Of every row, in the order of the rows, [T] with any padding behind.
            end_logits: The same for the ends.
            max_answer_length: Tokens that an answer has at most.
            count: Answers per question.
            null_threshold: See `skim_hf.runtime.answers.find_answers`.

        Returns:
            By the id of the question at least one answer, the best first.

        Raises:
            ValueError: Logits of another number of rows, or too short; or `labelled_only`, which leaves out
                windows by what is to be found.
        """
        options: dict[str, Any] = {
            "max_length": max_answer_length,
            "count": count,
            "null_answers": self.null_answers,
            "null_threshold": null_threshold,
        }
        return {
            question.id: find_answers(question.context, windows, **options)
            for question, windows in self._scored(start_logits, end_logits)
        }

    def scores(self, start_logits: Rows, end_logits: Rows, **options: Any) -> dict[str, float]:
        """Exact match and F1 of the best answers.

        Args:
            start_logits: See `answers`.
            end_logits: See `answers`.
            **options: See `answers`.

        Returns:
            As `skim_hf.results.answer_scores`.
        """
        found = self.answers(start_logits, end_logits, **options)
        best = {name: answers[0].text for name, answers in found.items()}
        return answer_scores(best, self.questions.references(), null_answers=self.null_answers)

    def null_threshold(self, start_logits: Rows, end_logits: Rows, *, max_answer_length: int) -> float:
        """The threshold of the null answer with the best F1 on these questions, for `answers` on others.

        Args:
            start_logits: See `answers`.
            end_logits: See `answers`.
            max_answer_length: See `answers`.

        Returns:
            The threshold; see `skim_hf.results.null_threshold`.

        Raises:
            ValueError: The dataset was made without `null_answers`; or see `answers`.
        """
        if not self.null_answers:
            raise ValueError("Every question has an answer here; make the dataset with null_answers=True.")
        margins = {
            question.id: null_margin(windows, max_length=max_answer_length)
            for question, windows in self._scored(start_logits, end_logits)
        }
        # Of an empty context nothing depends on the threshold.
        margins = {name: margin for name, margin in margins.items() if np.isfinite(margin)}
        spans = self.answers(
            start_logits, end_logits, max_answer_length=max_answer_length, null_threshold=np.inf
        )
        golds = self.questions.references()
        best = {name: spans[name][0].text for name in margins}
        return best_null_threshold(margins, best, {name: golds[name] for name in margins})[0]

    def _scored(self, start_logits: Rows, end_logits: Rows) -> Iterator[tuple[Question, list[WindowScores]]]:
        """Every question with the logits of its windows, without their padding."""
        if self.labelled_only:
            raise ValueError("Answers are sought in all windows; make the dataset without labelled_only.")
        if not len(start_logits) == len(end_logits) == len(self):
            raise ValueError(
                f"Expected start and end logits for each of {len(self)} rows; got {len(start_logits)} and "
                f"{len(end_logits)}."
            )
        parts: dict[int, list[WindowScores]] = {}
        for window, *logits in zip(self.windows, start_logits, end_logits, strict=True):
            question = self.questions[window.question]
            offsets = self._offsets(self._contexts[question.context][1], window)
            if any(len(each) < len(offsets) for each in logits):
                raise ValueError(f"A row of {len(offsets)} tokens has {[*map(len, logits)]} logits.")
            cut = [np.asarray(each)[: len(offsets)] for each in logits]
            parts.setdefault(window.question, []).append(WindowScores(cut[0], cut[1], offsets))
        for number, windows in parts.items():
            yield self.questions[number], windows

    def _offsets(self, offsets: Array, window: QuestionWindow) -> Array:
        """[T, 2] of a row; a null token stands for no character."""
        null = np.zeros((len(self._front), 2), offsets.dtype)
        return np.concatenate([null, offsets[window.first : window.stop]])

    def _windows(self, number: int, question: Question) -> Iterator[QuestionWindow]:
        offsets = self._contexts[question.context][1]
        answer = answer_tokens(question, offsets)
        # Of an answer whose place is not known, no window can say that it is not there.
        is_open = answer is None and bool(question.answers)
        for first, stop in window_bounds(len(offsets), self._size, self._stride):
            label = (IGNORED_LABEL, IGNORED_LABEL)
            if answer is not None and first <= answer[0] and answer[1] < stop:
                label = answer[0] - first + len(self._front), answer[1] - first + len(self._front)
            elif self.null_answers and not is_open:
                label = (0, 0)
            yield QuestionWindow(number, first, stop, *label)
