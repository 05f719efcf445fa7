"""What was measured of a model, and how it is kept beside the weights: `results.json`.

Needs the base install only. `evaluate`, `measure_latency` and `describe_example` make the blocks of a
`ModelResults`, which is written to the model's folder, checked when it is read again, and held against the
weights by their digest; `from_training` makes the first of them from what a Trainer knows.

Example:
    >>> results = ModelResults.of(folder)  # doctest: +SKIP
    >>> found = evaluate(clf, texts, labels, data={"name": "reviews"}, split="test")  # doctest: +SKIP
    >>> dataclasses.replace(results, evaluation=found).save(folder)  # doctest: +SKIP
"""

from __future__ import annotations

from skim_hf.results.answering import describe_answer, evaluate_answers
from skim_hf.results.answers import answer_scores
from skim_hf.results.evaluation import THRESHOLDS, evaluate, threshold_curve
from skim_hf.results.example import describe_example
from skim_hf.results.files import RESULTS_NAME, ModelResults, write_json
from skim_hf.results.latency import ADAPTIVE, DENSE, measure_answer_latency, measure_latency
from skim_hf.results.machine import command_line, describe_machine
from skim_hf.results.null_threshold import best_null_threshold
from skim_hf.results.places import where_read
from skim_hf.results.predictions import (
    check_predictions,
    describe_found_answers,
    describe_predictions,
    prediction_differences,
)
from skim_hf.results.schema import Block
from skim_hf.results.training import from_training

__all__ = [
    "ADAPTIVE",
    "DENSE",
    "RESULTS_NAME",
    "THRESHOLDS",
    "Block",
    "ModelResults",
    "answer_scores",
    "best_null_threshold",
    "check_predictions",
    "command_line",
    "describe_answer",
    "describe_example",
    "describe_found_answers",
    "describe_machine",
    "describe_predictions",
    "evaluate",
    "evaluate_answers",
    "from_training",
    "measure_answer_latency",
    "measure_latency",
    "prediction_differences",
    "threshold_curve",
    "where_read",
    "write_json",
]
