"""Skim rates and cost ratios as an `evaluate` module. One package per import: `evaluate` scans the text."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from skim_hf.results.effort import text_scores

_DESCRIPTION = "How much of the texts was skimmed, and how much arithmetic that saves."
_INPUTS = """
Args:
    skim_rate: Share of the tokens of each text that was not read in full.
    lengths: Number of tokens of each text.
    config: Configuration of the model (object or dictionary); without it no cost ratios are given.
    choice_counts: [texts, readers, choices], how often each way of processing was chosen, or an object of
        choices, lengths, units and jumps, as SkimTrainer gathers it. Needed for the cost ratios of models
        with several readers, more than two choices, selected units or jumps; given to `compute`.
Returns:
    skim_rate_macro: Mean over texts.
    skim_rate_micro: Skimmed tokens over all tokens.
    flop_ratio_paper: Cost of reading everything over the cost of this reading, published formula; left out
        for readers that have none.
    macs_ratio: The same in multiply-adds that are executed; left out where there are none.
    visited_rate, jumps_per_text: Of a model that jumps, with choice_counts.
"""


class Reading(evaluate.Metric):
    """Skim rates and cost ratios from the `skim_rate` and `lengths` that every model returns.

    Example:
        >>> Reading().compute(skim_rate=[0.5, 1.0], lengths=[2, 8])["skim_rate_micro"]
        0.9
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"skim_rate": datasets.Value("float64"), "lengths": datasets.Value("int64")}
            ),
        )

    def _compute(
        self, skim_rate: list[float], lengths: list[int], config: Any = None, choice_counts: Any = None
    ) -> dict[str, Any]:
        return text_scores(skim_rate, lengths, config=config, choice_counts=choice_counts)
