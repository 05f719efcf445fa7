"""Accuracy and macro F1 as an `evaluate` module. One package per import: `evaluate` scans the text."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from skim_hf.results.scores import accuracy, macro_f1

_DESCRIPTION = "Accuracy and macro F1 of label ids; references of -100 are left out."
_INPUTS = """
Args:
    predictions: Predicted label ids.
    references: True label ids; -100 is left out.
Returns:
    accuracy: Share of labels predicted right.
    macro_f1: Mean F1 of the labels that occur in predictions or references.
"""


class Classification(evaluate.Metric):
    """Accuracy and macro F1 of label ids.

    Example:
        >>> Classification().compute(predictions=[0, 1], references=[0, 0])["accuracy"]
        0.5
    """

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, Any]:
        return {"accuracy": accuracy(predictions, references), "macro_f1": macro_f1(predictions, references)}
