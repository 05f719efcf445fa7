"""How much two runtimes of one model differ, such as one in int8 from one in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.running import RunningModel
from skim_hf.runtime.scores import final_scores, has_independent_labels
from skim_hf.runtime.weights import Array


@dataclass(frozen=True)
class ParityReport:
    """What two runtimes of one model made of the same texts.

    Attributes:
        texts: How many were read.
        label_agreement: Share of equal labels; of texts, or of tokens where these get labels.
        largest_probability_change: Of any label's score; of a regression, of any value.
        decision_agreement: Share of equal reading decisions, over all tokens and readers.
    """

    texts: int
    label_agreement: float
    largest_probability_change: float
    decision_agreement: float

    def __str__(self) -> str:
        return (
            f"{self.texts} texts: {self.label_agreement:.2%} of the labels and {self.decision_agreement:.2%} "
            f"of the reading decisions agree, probabilities differ by at most "
            f"{self.largest_probability_change:.2g}"
        )

    def check(self, min_agreement: float, max_probability_change: float | None = None) -> None:
        """Refuses a difference that is too large.

        Args:
            min_agreement: Share of labels that must be equal.
            max_probability_change: How far a probability may differ; None for any distance.

        Raises:
            ValueError: Beyond a bound; holds the report.
        """
        if self.label_agreement < min_agreement:
            bound = f"at least {min_agreement:.2%} of the labels to agree"
        elif max_probability_change is not None and self.largest_probability_change > max_probability_change:
            bound = f"probabilities to differ by at most {max_probability_change:.2g}"
        else:
            return
        raise ValueError(f'Expected {bound}; got {self}. Use dtype="float32", or allow more.')


def compare(first: RunningModel, second: RunningModel, texts: Any) -> ParityReport:
    """Reads texts with two runtimes of one model.

    Args:
        first: One.
        second: The other; its configuration must be the same.
        texts: At least one, or sequences of features.

    Raises:
        TypeError: Not texts.
        ValueError: No texts, or runtimes of different models.
    """
    config, texts = first.config, check_texts(texts, first.encoder)
    if config != second.config:
        raise ValueError("Expected two runtimes of one model; got two whose configurations differ.")
    if not texts:
        raise ValueError("Expected at least one text to compare on; got none.")
    labels, changes, decisions = [], [0.0], []
    for text in texts:
        a, b = first.read_ids(first.encode(text)), second.read_ids(second.encode(text))
        x, y = final_scores(config, a.logits), final_scores(config, b.logits)
        labels.append((_labels(config, x) == _labels(config, y)).reshape(-1))
        changes.append(float(np.abs(x - y).max(initial=0)))
        decisions.append((a.decisions == b.decisions).reshape(-1))
    return ParityReport(len(texts), _share(labels), max(changes), _share(decisions))


def _labels(config: RuntimeConfig, scores: Array) -> NDArray[np.generic]:
    """What of the scores is a label: the best one, or for independent labels each that is likely."""
    return scores > 0.5 if has_independent_labels(config) else np.asarray(scores.argmax(axis=-1))


def _share(agreements: list[NDArray[np.bool_]]) -> float:
    everything = np.concatenate(agreements)
    return float(everything.mean()) if everything.size else 1.0
