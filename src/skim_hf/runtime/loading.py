"""A saved model's files, read and held against each other."""

from __future__ import annotations

from typing import NamedTuple

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import ModelWeights, load_weights


class SavedModel(NamedTuple):
    """What a model's folder holds.

    Attributes:
        config: What the model is.
        weights: Its tensors.
        encoder: Its tokenizer.
    """

    config: RuntimeConfig
    weights: ModelWeights
    encoder: TextEncoder


def load_model(folder: ModelFolder) -> SavedModel:
    """Reads a model.

    Raises:
        ValueError: A damaged or foreign file, or files that do not belong together.
    """
    config = RuntimeConfig.load(folder.config)
    if config.vocab_size is None:
        raise ValueError(
            f"{folder.config}: vocab_size is null, a model of continuous features, which the runtime "
            "cannot read yet. Use transformers for it."
        )
    weights = load_weights(folder.weights, config)
    return SavedModel(config, weights, TextEncoder.load(folder.tokenizer, config.vocab_size))
