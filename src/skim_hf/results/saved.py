"""What a saved model is: its size and its files."""

from __future__ import annotations

import os
from pathlib import Path

from skim_hf.results.schema import Block
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.loading import SavedModel, load_model


def load_saved(folder: str | os.PathLike[str]) -> SavedModel:
    """Reads the model in a folder.

    Raises:
        FileNotFoundError: No saved model, or one that lacks a file.
        ValueError: A damaged model.
    """
    return load_model(ModelFolder(Path(folder)))


def describe_model(folder: str | os.PathLike[str], saved: SavedModel) -> Block:
    """The block `model` of a result file.

    Args:
        folder: A saved model.
        saved: What it holds.

    Returns:
        Architecture, number of parameters, and bytes of each file that prediction needs.
    """
    # A model of features has no tokenizer.
    names = (ModelFolder.CONFIG, *([] if saved.config.reads_features else [ModelFolder.TOKENIZER]))
    files = [*(Path(folder, name) for name in names), *sorted(Path(folder).glob("*.safetensors"))]
    return {
        "architecture": saved.config.architecture,
        "parameters": saved.weights.num_parameters,
        "bytes": {file.name: file.stat().st_size for file in files},
    }
