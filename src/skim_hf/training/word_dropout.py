"""Words that are hidden from a model while it learns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..modeling.inputs_skim_rnn import real_tokens


def drop_words(
    inputs: dict[str, Any], share: float, unknown: int, padding: int | None = None
) -> dict[str, Any]:
    """Replaces words of a batch by the unknown one.

    Which ones is drawn from torch's own generator, whose state checkpoints keep.

    Args:
        inputs: A batch with `input_ids` `[B, T]` and as a rule `attention_mask`, of a question reader those
            of the context.
        share: Probability of every word to be replaced.
        unknown: Id of the unknown word.
        padding: Id of padding, of a batch without a mask.

    Returns:
        The batch with other `input_ids`.
    """
    ids: Tensor = inputs["input_ids"]
    real = real_tokens(ids, inputs.get("attention_mask"), None, padding)
    dropped = torch.rand(ids.shape, device=ids.device) < share
    return {**inputs, "input_ids": ids.masked_fill(dropped & real, unknown)}


def unknown_id(tokenizer: Any) -> int:
    """The id of the unknown word.

    Raises:
        ValueError: Not a tokenizer, or one that knows all words.
    """
    number: int | None = getattr(tokenizer, "unk_token_id", None)
    if number is None:
        raise ValueError(
            "word_dropout replaces words by the unknown one, and so needs a tokenizer that has such a word: "
            f"processing_class=tokenizer; got {type(tokenizer).__name__}."
        )
    return number
