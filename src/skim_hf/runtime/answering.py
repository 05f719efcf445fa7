"""What `SkimRuntime` does with a model that answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, cast

from skim_hf.runtime.answers import Answer
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.question_engine import NO_BUDGET, NO_LABELS, QuestionEngine
from skim_hf.runtime.question_options import AnswerOptions
from skim_hf.runtime.question_trace import AnswerTrace, trace_answer
from skim_hf.runtime.questions import Asking, Passage, QuestionReading, read_question
from skim_hf.runtime.running import RunningModel
from skim_hf.runtime.text import TextEncoder, check_text


class FoundAnswer(TypedDict):
    """An answer as the pipeline of transformers gave it: `context[start:end]`, in code points."""

    answer: str
    score: float
    start: int
    end: int


class AnsweringModel(RunningModel):
    """Questions in, answers out; every method refuses a model that labels texts instead."""

    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        *,
        top_k: int = 1,
        doc_stride: int | None = None,
        max_length: int = 400,
        max_answer_length: int | None = None,
        null_answers: bool = False,
        null_threshold: float = 0.0,
    ) -> Any:
        """Finds the answer to a question in a context.

        A context of more than `max_length` tokens is read in windows that overlap, one after the other, so
        that its length is limited by nothing but time. What is the same for all questions about one context
        is computed once, unless that context is very long.

        Args:
            question: One question, or several. An empty one gives the likeliest answer to anything.
            context: What it is about, or as many contexts as questions; one may serve them all.
            top_k: Answers to each question.
            doc_stride: Tokens that neighbouring windows share. An answer of up to one token more lies within
                one of them. None for 128, or for half of a window where that is less.
            max_length: Tokens of a window.
            max_answer_length: Tokens that an answer has at most; None for the model's own.
            null_answers: Whether "no answer", an empty one, is an answer too: of models trained so.
            null_threshold: By how much its score has to exceed that of the best span.

        Returns:
            A `FoundAnswer`, or a list of them, the best first, if `top_k` is above 1; a list of these for
            several questions. A context without words gives an empty answer with score 0.

        Raises:
            TypeError: Not texts.
            ValueError: A model that labels texts, an impossible option, or another number of contexts.

        Example:
            >>> qa = SkimRuntime.from_pretrained(model_folder)  # doctest: +SKIP
            >>> qa.answer("Who wrote it?", "Ada wrote it.")  # doctest: +SKIP
            {'answer': 'Ada', 'score': 0.97, 'start': 0, 'end': 3}
        """
        engine = self._question_engine
        options = AnswerOptions(
            top_k, doc_stride, max_length, max_answer_length, null_answers, null_threshold
        )

        pairs = pair_texts(question, context)
        passage = None
        if isinstance(context, str) and len(pairs) > 1:
            passage = self._passage(context, options)
            passage.keep(engine)

        def found(pair: tuple[str, str]) -> Any:
            asking = Asking(passage or self._passage(pair[1], options), pair[0])
            answers = [_as_dict(answer) for answer in asking.answers(asking.windows(engine))]
            return answers[0] if options.top_k == 1 else answers

        return found(pairs[0]) if isinstance(question, str) else list(self._workers.map(found, pairs))

    def read_question(self, question: str, context: str, **options: Any) -> QuestionReading:
        """Answers a question and tells how much of the context was read in full, reader by reader.

        Args:
            question: The question.
            context: What it is about.
            **options: Of `answer`.

        Raises:
            TypeError: Not texts, or no such option.
            ValueError: See `answer`.
        """
        engine = self._question_engine
        return read_question(self._asking(question, context, AnswerOptions(**options)), engine)

    def trace_answer(self, question: str, context: str, **options: Any) -> AnswerTrace:
        """Answers a question and tells how every token of the context was read, layer by layer.

        Args:
            question: The question.
            context: What it is about.
            **options: Of `answer`.

        Raises:
            TypeError: Not texts, or no such option.
            ValueError: See `answer`.
        """
        engine = self._question_engine
        return trace_answer(self._asking(question, context, AnswerOptions(**options)), engine)

    def count_question_operations(
        self, question: str | Sequence[str], context: str | Sequence[str], **options: Any
    ) -> OperationCounter:
        """Answers questions with NumPy, counting the multiply-adds of the readers of the context.

        Args:
            question: As of `answer`.
            context: As of `answer`.
            **options: Of `answer`.

        Raises:
            TypeError: Not texts, or no such option.
            ValueError: See `answer`.
        """
        # Refuses what has no such engine.
        self._question_engine  # noqa: B018
        counter = OperationCounter()
        for pair in pair_texts(question, context):
            for _ in self._asking(*pair, AnswerOptions(**options)).windows(self._counting_engine, counter):
                pass
        return counter

    @property
    def _question_engine(self) -> QuestionEngine:
        engine: object = self._backend.engine
        if not isinstance(engine, QuestionEngine):
            raise ValueError(
                f"This model ({self.config.architecture}) labels texts and answers no questions: call the "
                "runtime with texts, or load a model of SkimRNNForQuestionAnswering."
            )
        return engine

    def _check_labels(self) -> None:
        """Refuses a model that gives no labels."""
        if self.config.reader is not None:
            raise ValueError(NO_LABELS)

    def _check_budget(self) -> None:
        """Refuses a model that is asked questions, for which texts alone tell nothing."""
        if self.config.reader is not None:
            raise ValueError(NO_BUDGET)

    def _asking(self, question: str, context: str, options: AnswerOptions) -> Asking:
        return Asking(self._passage(context, options), question)

    def _passage(self, context: str, options: AnswerOptions) -> Passage:
        encoder = cast(TextEncoder, self.encoder)
        return Passage(self.config, encoder, context, options, self._options.max_tokens)


def pair_texts(question: str | Sequence[str], context: str | Sequence[str]) -> list[tuple[str, str]]:
    """Questions with their contexts.

    Raises:
        TypeError: Not texts.
        ValueError: Several contexts that are not as many as the questions.
    """
    if isinstance(question, str) and isinstance(context, str):
        return [(question, context)]
    questions = _listed(question, "question")
    contexts = [context] * len(questions) if isinstance(context, str) else _listed(context, "context")
    if isinstance(question, str) or len(questions) != len(contexts):
        raise ValueError(
            "Expected one question and one context, several questions about one context, or as many "
            f"questions as contexts; got {_how_many(question)} and {_how_many(context)}."
        )
    return list(zip(questions, contexts, strict=True))


def _listed(texts: Any, name: str) -> list[str]:
    if isinstance(texts, str):
        return [texts]
    if not isinstance(texts, Sequence) or isinstance(texts, bytes):
        raise TypeError(f"{name} must be a string or a list of strings; got {type(texts).__name__}.")
    for position, text in enumerate(texts):
        check_text(text, f" at position {position} of {name}")
    return list(texts)


def _how_many(texts: str | Sequence[str]) -> str:
    return "one text" if isinstance(texts, str) else f"a list of {len(texts)}"


def _as_dict(answer: Answer) -> FoundAnswer:
    return {"answer": answer.text, "score": answer.score, "start": answer.start, "end": answer.end}
