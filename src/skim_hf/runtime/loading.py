"""A saved model's files, read and held against each other."""

from __future__ import annotations

from typing import NamedTuple

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.frames import FrameEncoder
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import ModelWeights, load_weights


class SavedModel(NamedTuple):
    """What a model's folder holds.

    Attributes:
        config: What the model is.
        weights: Its tensors.
        encoder: Its tokenizer; of a model of features what checks the frames.
    """

    config: RuntimeConfig
    weights: ModelWeights
    encoder: TextEncoder | FrameEncoder


def load_model(folder: ModelFolder) -> SavedModel:
    """Reads a model.

    Raises:
        ValueError: A damaged or foreign file, or files that do not belong together.
    """
    config = RuntimeConfig.load(folder.config)
    weights = load_weights(folder.weights, config)
    if config.vocab_size is None:
        return SavedModel(config, weights, FrameEncoder(config.input_width))
    return SavedModel(config, weights, TextEncoder.load(folder.tokenizer, config.vocab_size))
