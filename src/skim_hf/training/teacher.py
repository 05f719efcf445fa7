"""Learning from a stronger model: probabilities of classes that come with the training texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from skim_hf.results.scores import SINGLE, problem_type
from skim_hf.tables import Rows, describe_rows
from skim_hf.tables.columns import values_of

from .labels import LabelSchema

TEACHER = "teacher"
"""Column of the probabilities in tokenized rows."""

_TOLERANCE = 1e-3


def teacher_probabilities(rows: Rows, column: str, labels: LabelSchema, where: str) -> list[list[float]]:
    """The probabilities that a teacher gives to the classes of every training text.

    Args:
        rows: The training rows.
        column: That of the probabilities, a list per row in the order of the label ids.
        labels: What the labels mean.
        where: What the rows are, for messages: the subject of a sentence.

    Raises:
        ValueError: Texts have other than one label each, there is no such column, or it holds something else
            than as many probabilities as there are labels, which sum to 1 within 0.001.
    """
    check_single(labels.problem_type)
    values = values_of(rows, column, where, "teacher-column")
    wrong = [row for row, value in enumerate(values) if not _are_probabilities(value, labels.num_labels)]
    if wrong:
        raise ValueError(
            f"{where} must hold {labels.num_labels} probabilities that sum to 1 in column {column!r}, those "
            f"of the labels {', '.join(map(repr, labels.names))} in this order; {describe_rows(wrong[:1])}, "
            f"holds {values[wrong[0]]!r:.80}. Lists need JSON lines, Parquet or a data set of the Hub."
        )
    return [list(map(float, value)) for value in values]


def check_single(kind: str | None) -> None:
    """Refuses a teacher of anything but classes of which a text has one.

    Raises:
        ValueError: Another kind of labels.
    """
    if kind != SINGLE:
        raise ValueError(
            f"A teacher's probabilities are for texts with one label each; this is a {kind}. Leave the "
            "teacher out."
        )


def check_student(model: Any) -> None:
    """Refuses a model that cannot learn from probabilities.

    Raises:
        ValueError: No classifier of texts with one label each, or several sampled paths per text.
    """
    config = model.config
    if not type(model).__name__.endswith("ForSequenceClassification"):
        raise ValueError(
            f"A teacher's probabilities are for classifiers of texts; got {type(model).__name__}."
        )
    check_single(problem_type(config.problem_type, config.num_labels))
    if config.num_rollouts > 1 and (config.jumps or config.estimator == "reinforce"):
        raise ValueError(
            f"With a teacher a text is read once; got num_rollouts={config.num_rollouts}. Use num_rollouts=1."
        )


def teacher_term(logits: Tensor, labels: Tensor, probabilities: Tensor | None, weight: float) -> Tensor:
    """What turns the loss of the labels into that of both: w (CE(teacher) - CE(labels)).

    Together they are (1 - w) CE(labels) + w CE(teacher), where CE(teacher) is the mean over texts of
    -sum_c p_c log softmax(logits)_c (Hinton et al., 2015, at temperature 1).

    Args:
        logits: [B, C].
        labels: [B] int64.
        probabilities: [B, C], the teacher's.
        weight: w in [0, 1].

    Returns:
        0-dim.

    Raises:
        ValueError: No probabilities, or not as many as there are logits.
    """
    if probabilities is None or probabilities.shape != logits.shape:
        came = "none" if probabilities is None else f"the shape {list(probabilities.shape)}"
        raise ValueError(
            f"teacher_weight needs a column {TEACHER!r} of the shape {list(logits.shape)} in every batch; "
            f"got {came}. Load the rows with teacher_column, or leave teacher_weight out."
        )
    taught = functional.cross_entropy(logits, probabilities.to(logits.dtype))
    return weight * (taught - functional.cross_entropy(logits, labels))


def _are_probabilities(value: Any, count: int) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != count:
        return False
    if not all(isinstance(p, int | float) and math.isfinite(p) and p >= 0 for p in value):
        return False
    return abs(sum(value) - 1) <= _TOLERANCE
