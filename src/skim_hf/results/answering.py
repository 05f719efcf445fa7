"""How well a model answers questions, how much of their contexts it reads, and one answer as an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skim_hf.results.answers import answer_scores
from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import reading_scores
from skim_hf.results.machine import command_line, describe_machine
from skim_hf.results.progress import with_bar
from skim_hf.results.schema import Block
from skim_hf.runtime.classifier import SkimRuntime
from skim_hf.runtime.question_options import AnswerOptions
from skim_hf.runtime.question_trace import layer_titles
from skim_hf.tables import Questions


class Answered(NamedTuple):
    """What a model made of some questions.

    Attributes:
        answers: The best answer to each, by its id.
        counts: How their contexts were read.
    """

    answers: dict[str, str]
    counts: TextCounts


def evaluate_answers(
    runtime: SkimRuntime,
    questions: Questions,
    *,
    data: Mapping[str, str],
    split: str,
    progress: bool = False,
    **options: Any,
) -> Block:
    """Scores a model on questions with their right answers.

    Args:
        runtime: The model, at the threshold to be reported.
        questions: At least one.
        data: Name of the data set, and if known `source`, `hub_id` and `language`.
        split: The part of the data that these questions are.
        progress: Whether to show a progress bar.
        **options: Of `SkimRuntime.answer`.

    Returns:
        The block `evaluation` of a result file: `texts` counts questions, `tokens` those of all windows that
        were read, `metrics` has exact match and F1 in percent, `layer_skim_rates` what each layer did not
        read in full, and `answers` how answers were sought. The other entries are those of `evaluate`.

    Raises:
        ValueError: A model that labels texts, no questions, a question without a right answer where null
            answers are not allowed, or an impossible option.
    """
    found = answer_all(runtime, questions, "Evaluation", progress=progress, **options)
    chosen, counts = AnswerOptions(**options), found.counts
    return {
        "data": dict(data),
        "split": split,
        "texts": len(questions),
        "tokens": counts.tokens,
        "threshold": runtime.threshold,
        "backend": runtime.backend,
        "dtype": runtime.options.dtype,
        "metrics": answer_scores(found.answers, questions.references(), null_answers=chosen.null_answers),
        **reading_scores(counts, runtime.config),
        "layer_skim_rates": _by_layer(runtime, counts),
        "answers": {
            "max_length": chosen.max_length,
            "doc_stride": chosen.stride,
            "max_answer_length": chosen.max_answer_length or runtime.config.max_answer_length,
            **({"null_threshold": chosen.null_threshold} if chosen.null_answers else {}),
        },
        "machine": describe_machine(),
        "command": command_line(),
    }


def answer_all(
    runtime: SkimRuntime, questions: Questions, label: str, *, progress: bool = False, **options: Any
) -> Answered:
    """Answers questions one by one.

    Args:
        runtime: The model.
        questions: At least one.
        label: Of the progress bar.
        progress: Whether to show it.
        **options: Of `SkimRuntime.answer`.

    Raises:
        ValueError: A model that labels texts, no questions, or an impossible option.
    """
    if not questions:
        raise ValueError("Expected at least one question to evaluate on; got none.")
    found = [
        runtime.read_question(each.question, each.context, **options)
        for each in with_bar(questions, label, " questions", shown=progress)
    ]
    parts: dict[str, Any] = {
        "choices": np.array([reading.choices for reading in found]),
        "lengths": np.array([reading.tokens_read for reading in found]),
    }
    if runtime.config.policy == "selective":
        parts["units"] = np.array([reading.units for reading in found])
    best = {each.id: reading.answers[0].text for each, reading in zip(questions, found, strict=True)}
    return Answered(best, TextCounts.of(parts))


def describe_answer(runtime: SkimRuntime, question: str, context: str, **options: Any) -> Block:
    """Shows what a model answers to a question, and which words of the context were read in full.

    Args:
        runtime: The model; one that answers questions.
        question: The question.
        context: A short one.
        **options: Of `SkimRuntime.answer`.

    Returns:
        The block `answer` of a result file; places are in code points, and `read` lists the words that at
        least half of the readers read.

    Raises:
        TypeError: Not texts.
        ValueError: A model that labels texts, or an impossible option.
    """
    trace = runtime.trace_answer(question, context, **options)
    best = trace.answer
    return {
        "question": question,
        "context": context,
        "answer": best.text,
        "score": best.score,
        "start": best.start,
        "end": best.end,
        "read": [
            {"token": token.token, "start": token.start, "end": token.end}
            for token in trace.tokens
            if token.is_read
        ],
    }


def _by_layer(runtime: SkimRuntime, counts: TextCounts) -> dict[str, float]:
    """Share of the tokens that each layer did not read in full, both directions together, by its name."""
    read = counts.read(runtime.config).sum(axis=0).reshape(-1, runtime.config.num_directions).mean(axis=1)
    rates = 1.0 - read / max(counts.tokens, 1) if counts.tokens else np.zeros(len(read))
    return dict(zip(layer_titles(runtime.config), map(float, rates), strict=True))
