"""Padded batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DataCollatorWithPadding


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
