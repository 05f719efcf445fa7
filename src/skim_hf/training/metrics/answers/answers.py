"""Exact match and F1 as an `evaluate` module. One package per import: `evaluate` scans the text."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from skim_hf.results.answers import answer_scores

_DESCRIPTION = "Exact match and F1 of answers to questions, equal to the official SQuAD evaluators."
_INPUTS = """
Args:
    predictions: Of every question `id` and `prediction_text`.
    references: Of every question `id` and `answers`, with lists `text` and `answer_start`.
    null_answers: Whether a question may have no answer (SQuAD 2.0); given to `compute`.
Returns:
    exact_match: Share of answers that are a right one after normalisation, in percent.
    f1: Mean overlap of words with the nearest right answer, in percent.
    has_answer_exact_match, has_answer_f1, no_answer_exact_match, no_answer_f1: The same of the questions with
        and without an answer, with null_answers.
"""


class Answers(evaluate.Metric):
    """Exact match and F1 from rows as the metrics `squad` and `squad_v2` of the Hub take them.

    Example:
        >>> reference = {"id": "q", "answers": {"text": ["a cat"], "answer_start": [4]}}
        >>> metric = Answers()
        >>> metric.compute(predictions=[{"id": "q", "prediction_text": "Cat!"}], references=[reference])
        {'exact_match': 100.0, 'f1': 100.0}
    """

    def _info(self) -> evaluate.MetricInfo:
        text, place = datasets.Value("string"), datasets.Value("int32")
        answers = {"text": datasets.Sequence(text), "answer_start": datasets.Sequence(place)}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": {"id": text, "prediction_text": text},
                    "references": {"id": text, "answers": answers},
                }
            ),
        )

    def _compute(
        self, predictions: list[Any], references: list[Any], null_answers: bool = False
    ) -> dict[str, Any]:
        given = {row["id"]: row["prediction_text"] for row in predictions}
        wanted = {row["id"]: row["answers"]["text"] for row in references}
        if len(given) < len(predictions) or len(wanted) < len(references):
            raise ValueError(
                f"Every question needs an id of its own; got {len(given)} different ids in "
                f"{len(predictions)} predictions and {len(wanted)} in {len(references)} references."
            )
        return answer_scores(given, wanted, null_answers=null_answers)
