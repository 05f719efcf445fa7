"""Sequences of continuous features: frames of speech, of sensors, of anything that is measured in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from .padding import pad_arrays

Array = NDArray[Any]


class FeatureDataset(Dataset[dict[str, Any]]):
    """Sequences in memory, with their labels.

    Args:
        sequences: One array per row: `[T, width]` float32 frames, or what `map` makes frames of.
        labels: One per row, as the model takes them; None where they are not known.
        groups: What each row belongs to, such as a speaker; None if rows stand alone.

    Raises:
        ValueError: Labels or groups of another number.
    """

    def __init__(
        self,
        sequences: Sequence[Array],
        labels: Sequence[Any] | None = None,
        groups: Sequence[Any] | None = None,
    ) -> None:
        for name, column in (("labels", labels), ("groups", groups)):
            if column is not None and len(column) != len(sequences):
                raise ValueError(
                    f"Expected as many {name} as sequences, {len(sequences)}; got {len(column)}."
                )
        self.sequences, self.labels, self.groups = list(sequences), labels, groups

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.sequences)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """A row as `FeatureCollator` takes it."""
        inputs = {"inputs_embeds": self.sequences[row]}
        return inputs if self.labels is None else {**inputs, "labels": self.labels[row]}

    def select(self, rows: Iterable[int]) -> FeatureDataset:
        """The dataset of some rows, in the order given."""
        chosen = [int(row) for row in rows]
        columns = (self.labels, self.groups)
        picked = [None if column is None else [column[row] for row in chosen] for column in columns]
        return FeatureDataset([self.sequences[row] for row in chosen], *picked)

    def map(self, function: Callable[[Array], Array]) -> FeatureDataset:
        """The dataset with a function applied to every sequence, such as an extractor to recordings."""
        return FeatureDataset([function(each) for each in self.sequences], self.labels, self.groups)


@dataclass
class FeatureCollator:
    """Pads sequences of features to batches with a mask.

    Args:
        width: Features per frame.

    Raises:
        ValueError: When called: a sequence of another shape.
    """

    width: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pads the sequences of a batch with zeros to a common length of at least 1.

        Args:
            rows: With `inputs_embeds` and, as a rule, `labels`.

        Returns:
            `inputs_embeds` `[B, T, width]` float32, `attention_mask` `[B, T]` int64 and `labels`: int64 for
            ids, float32 for numbers and for several labels.
        """
        frames = [np.asarray(row["inputs_embeds"], np.float32) for row in rows]
        for each in frames:
            if each.ndim != 2 or each.shape[1] != self.width:
                raise ValueError(
                    f"Expected sequences of the shape [T, {self.width}]; got {list(each.shape)}. Every frame "
                    "must have the same features, those that the model was made for."
                )
        inputs, mask = pad_arrays(frames, dtype=torch.float32, inner=(self.width,))
        batch = {"inputs_embeds": inputs, "attention_mask": mask}
        if "labels" in rows[0]:
            batch["labels"] = torch.tensor([row["labels"] for row in rows])
        return batch
