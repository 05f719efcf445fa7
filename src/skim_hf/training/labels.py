"""Labels: from what a file holds to the ids of a model, with the names kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from skim_hf.results.scores import MULTI, REGRESSION, SINGLE, problem_type
from skim_hf.tables import describe_rows

PROBLEM_TYPES = (SINGLE, MULTI, REGRESSION)
"""Kinds of labels, by the names that the configuration of a model uses."""


@dataclass(frozen=True)
class LabelSchema:
    """The labels of a data set.

    Attributes:
        problem_type: `single_label_classification`, `multi_label_classification` or `regression`,
            as in the configuration of a model.
        names: Name of each label id; empty for regression.
    """

    problem_type: str
    names: tuple[str, ...] = ()

    @property
    def num_labels(self) -> int:
        """Width of the model's output: the number of labels, or 1 for regression."""
        return len(self.names) or 1

    @classmethod
    def from_values(
        cls, values: Sequence[Any], *, names: Sequence[str] = (), problem_type: str | None = None
    ) -> LabelSchema:
        """Finds the labels that occur in training data.

        Lists mean several labels per text and floats a regression; anything else names one label
        per text. Integers are ordered by value and other labels by their text.

        Args:
            values: Label of every row, none missing.
            names: Names declared by the data set (`ClassLabel`), in the order of their ids.
            problem_type: Overrides what the values look like.

        Returns:
            The schema.

        Raises:
            ValueError: Fewer than two labels, or an unknown problem type.
        """
        kind = problem_type or _guess_kind(values)
        if kind not in PROBLEM_TYPES:
            raise ValueError(f"problem_type must be one of {', '.join(PROBLEM_TYPES)}; got {kind!r}.")
        if kind == REGRESSION:
            return cls(REGRESSION)
        occurring = {label for value in values for label in _labels_of(value, kind)}
        if len(occurring) < 2:
            found = ", ".join(repr(name_of(label)) for label in occurring) or "none"
            raise ValueError(
                f"A classifier needs at least two different labels in the training data; found {found}. "
                "Check that the label column is the right one and that the rows are not cut from a file "
                "sorted by label."
            )
        return cls(kind, tuple(names) or tuple(name_of(label) for label in sorted(occurring, key=_sort_key)))

    @classmethod
    def from_config(cls, config: Any) -> LabelSchema:
        """Reads the labels of a trained model.

        Args:
            config: Configuration of the model.

        Returns:
            The schema.
        """
        kind = problem_type(config.problem_type, config.num_labels)
        if kind == REGRESSION:
            return cls(REGRESSION)
        return cls(kind, tuple(config.id2label[index] for index in range(config.num_labels)))

    def encode(self, values: Iterable[Any], *, split: str) -> list[Any]:
        """Turns labels into what a model is trained with.

        Args:
            values: Label of every row, none missing.
            split: Name of the part of the data, for the message.

        Returns:
            Per row an id, a list of 0.0 and 1.0 (several labels per text), or a float (regression).

        Raises:
            ValueError: Labels that the schema does not have, or that are no numbers for regression.
        """
        rows = list(values)
        if self.problem_type == REGRESSION:
            return _floats(rows, split)
        ids = {name: index for index, name in enumerate(self.names)}
        named = [[name_of(label) for label in _labels_of(value, self.problem_type)] for value in rows]
        self._refuse_unseen(named, ids, split)
        if self.problem_type == SINGLE:
            return [ids[labels[0]] for labels in named]
        return [[float(name in labels) for name in self.names] for labels in named]

    def config_fields(self) -> dict[str, Any]:
        """Keyword arguments for the configuration of a model with these labels.

        Returns:
            `problem_type` with `id2label` and `label2id`, or with `num_labels=1` for regression.
        """
        if self.problem_type == REGRESSION:
            return {"problem_type": REGRESSION, "num_labels": 1}
        names = dict(enumerate(self.names))
        return {
            "problem_type": self.problem_type,
            "id2label": names,
            "label2id": {name: index for index, name in names.items()},
        }

    def _refuse_unseen(self, named: list[list[str]], ids: dict[str, int], split: str) -> None:
        unseen = sorted({name for labels in named for name in labels} - set(ids))
        if not unseen:
            return
        rows = [row for row, labels in enumerate(named) if any(name not in ids for name in labels)]
        raise ValueError(
            f"The {split} split has labels that the training data does not have: "
            f"{', '.join(map(repr, unseen))} ({describe_rows(rows)}). The labels seen in training are "
            f"{', '.join(map(repr, self.names))}. Correct or remove these rows, or add examples of the new "
            "labels to the training data."
        )


def name_of(label: Any) -> str:
    """Name of a label value.

    Args:
        label: A string, integer, boolean or float.

    Returns:
        The string itself, or the value written out.
    """
    return label if isinstance(label, str) else str(label)


def _guess_kind(values: Sequence[Any]) -> str:
    if any(isinstance(value, (list, tuple)) for value in values):
        return MULTI
    if values and all(isinstance(value, (int, float)) for value in values):
        return REGRESSION if any(isinstance(value, float) for value in values) else SINGLE
    return SINGLE


def _labels_of(value: Any, kind: str) -> list[Any]:
    return list(value) if kind == MULTI and isinstance(value, (list, tuple)) else [value]


def _sort_key(label: Any) -> tuple[bool, Any]:
    # Numbers first and by value, so that 10 comes after 9; a mixture still has one order.
    is_number = isinstance(label, (int, float))
    return (not is_number, label if is_number else name_of(label))


def _floats(rows: list[Any], split: str) -> list[float]:
    bad = [row for row, value in enumerate(rows) if not _is_number(value)]
    if bad:
        raise ValueError(
            f"The {split} split has labels that are no numbers, in a regression: {rows[bad[0]]!r} "
            f"({describe_rows(bad)}). Correct these rows, or set the problem type to {SINGLE}."
        )
    return [float(value) for value in rows]


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
