"""Who is timed by bench_question.py: our runtime by its backends, and the same model in torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _ours import ENGINES, engine_name, load_ours
from numpy.typing import NDArray

from skim_hf import SkimRuntime
from skim_hf.runtime.question_options import AnswerOptions
from skim_hf.runtime.question_words import Words
from skim_hf.runtime.questions import Asking, Passage

TORCH = "torch_eager"
Pair = tuple[str, str]
"""A question and its context."""
Asked = list[tuple[Words, Words]]
"""The windows of a context, each with the question."""


class Scores(NamedTuple):
    """What an engine says of a window of T tokens.

    Attributes:
        logits: [T, 2], of a start and of an end.
        decisions: [T, R].
    """

    logits: NDArray[Any]
    decisions: NDArray[Any]


class Contender(NamedTuple):
    """One who answers.

    Attributes:
        answer: From a question and its context to the place of the answer.
        ask: From words as ids, and characters where they are read, to the scores of all tokens.
    """

    answer: Callable[[Pair], tuple[int, int]]
    ask: Callable[[Asked], list[Any]]


def makers(folder: Path, policy: str) -> dict[str, Callable[[], Contender]]:
    """All who can take part with a model, by name; making one raises ImportError where it cannot run.

    `torch_eager` computes in PyTorch alone, step by step, `torch_scan` by the fused scan of this library, and
    `torch_lstm`, of models that read everything, by `torch.nn.LSTM`.
    """
    found: dict[str, Callable[[], Contender]] = {
        engine_name(*engine): partial(_ours, folder, *engine) for engine in ENGINES
    }
    found |= {TORCH: partial(_torch, folder, "torch"), "torch_scan": partial(_torch, folder, None)}
    if policy == "full":
        found["torch_lstm"] = partial(_torch, folder, None, lstm=True)
    return found


def encode(runtime: SkimRuntime, pair: Pair) -> Asked:
    """A question and the windows of its context as an engine takes them."""
    return [window.reading for window in _asking(runtime, pair).windows(WholeEngine())]


class WholeEngine:
    """Takes the place of the runtime's engine, and reads nothing before a question and a context meet."""

    def encode_context(self, context: Words, counter: None = None) -> Words:
        """The words as they are."""
        return context

    def encode_question(self, question: Words) -> Words:
        """The words as they are."""
        return question

    def meet(self, context: Words, question: Words, counter: None = None) -> Any:
        """Gives back what it is asked."""
        return context, question


def _asking(runtime: SkimRuntime, pair: Pair) -> Asking:
    question, context = pair
    return Asking(Passage(runtime.config, runtime.encoder, context, AnswerOptions()), question)


def _ours(folder: Path, backend: str, dtype: str) -> Contender:
    runtime = load_ours(folder, backend, dtype)
    # No method of the runtime takes words that are ids already.
    engine = runtime._question_engine

    def answer(pair: Pair) -> tuple[int, int]:
        found = runtime.answer(*pair)
        return found["start"], found["end"]

    return Contender(answer, lambda asked: [engine.ask(*window) for window in asked])


def _torch(folder: Path, scan: str | None, *, lstm: bool = False) -> Contender:
    """The model of transformers between the runtime's own splitting and search, which cost all the same."""
    engine, runtime = TorchEngine(folder, scan, lstm=lstm), load_ours(folder, "numpy", "float32")

    def answer(pair: Pair) -> tuple[int, int]:
        asking = _asking(runtime, pair)
        found = asking.answers(asking.windows(engine))[0]
        return found.start, found.end

    return Contender(answer, lambda asked: [engine.meet(*window) for window in asked])


class TorchEngine(WholeEngine):
    """A model of transformers in the place of the runtime's engine, on one thread.

    Args:
        folder: Of the model.
        scan: Backend of the fused scan; None for the fastest.
        lstm: Whether its layers are `torch.nn.LSTM`; of a model that reads everything.

    Raises:
        ImportError: torch is not installed.
    """

    def __init__(self, folder: Path, scan: str | None, *, lstm: bool = False) -> None:
        import torch

        from skim_hf import SkimRNNForQuestionAnswering

        torch.set_num_threads(1)
        self._model, self._scan = SkimRNNForQuestionAnswering.from_pretrained(folder).eval(), scan
        if lstm:
            from _question_lstm import with_lstms

            self._model = with_lstms(self._model)

    def meet(self, context: Words, question: Words, counter: None = None) -> Any:
        """Reads a window of a context for a question; counts nothing."""
        import torch

        with torch.inference_mode():
            given = dict(_tensors("input_ids", "char_ids", context))
            given |= _tensors("question_ids", "question_char_ids", question)
            # It is looked up at every scan, and another contestant may have set it.
            if self._scan is None:
                os.environ.pop("SKIM_HF_SCAN", None)
            else:
                os.environ["SKIM_HF_SCAN"] = self._scan
            found = self._model(**given)
            logits = torch.stack([found.start_logits[0], found.end_logits[0]], dim=1)
        return Scores(logits.numpy(), found.decisions[0].numpy())


def _tensors(ids: str, characters: str, words: Words) -> Iterator[tuple[str, Any]]:
    """A batch of one, by the names that the model has for it."""
    import torch

    yield ids, torch.from_numpy(words.ids.astype(np.int64))[None]
    if words.characters is not None:
        yield characters, torch.from_numpy(words.characters.astype(np.int64))[None]
