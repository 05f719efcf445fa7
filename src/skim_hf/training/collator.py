"""Padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DataCollatorWithPadding

from .padding import pad_arrays


@dataclass
class TextCollator(DataCollatorWithPadding):
    """`DataCollatorWithPadding` that also takes a batch of which every text is empty.

    Args:
        tokenizer: The tokenizer of the model, which pads.
    """

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Pads the texts of a batch to a common length of at least 1.

        Args:
            features: Rows with `input_ids` and, as a rule, `labels`.

        Returns:
            `input_ids` and `attention_mask`, `[B, T]` int64, and the other columns as tensors.
        """
        batch = super().__call__(features)
        if batch["input_ids"].shape[1] == 0:
            # Without a single number torch makes an empty float tensor, which is no list of ids.
            shape = (len(features), 1)
            batch["input_ids"] = torch.full(shape, self.tokenizer.pad_token_id, dtype=torch.int64)
            batch["attention_mask"] = torch.zeros(shape, dtype=torch.int64)
        return batch


@dataclass
class QuestionCollator:
    """Pads questions and windows of their contexts to batches, each side with a mask of its own.

    Args:
        pad_token_id: Id of padding.
    """

    pad_token_id: int = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pads contexts and questions on the right, each to a common length of at least 1.

        Args:
            rows: Those of a `QuestionDataset`, with or without characters and positions.

        Returns:
            `input_ids` and `attention_mask` `[B, T]`, `question_ids` and `question_mask` `[B, J]`, with
            characters `char_ids` `[B, T, W]` and `question_char_ids` `[B, J, W]`, and the positions and
            numbers `[B]` where the rows have them; all int64.
        """
        batch: dict[str, torch.Tensor] = {}
        for name, mask in (("input_ids", "attention_mask"), ("question_ids", "question_mask")):
            batch[name], batch[mask] = pad_arrays(
                [row[name] for row in rows], dtype=torch.int64, fill=self.pad_token_id
            )
        for name in ("char_ids", "question_char_ids"):
            if name in rows[0]:
                width = rows[0][name].shape[1]
                batch[name], _ = pad_arrays([row[name] for row in rows], dtype=torch.int64, inner=(width,))
        for name in ("start_positions", "end_positions", "row"):
            if name in rows[0]:
                batch[name] = torch.tensor([row[name] for row in rows])
        return batch
