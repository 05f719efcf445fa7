"""The engine in C: the same readings as the NumPy engine, at the speed of the processor's vectors."""

from __future__ import annotations

import importlib
import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.native_arrays import KINDS, Arranger, prepare
from skim_hf.runtime.prepare import table_bytes
from skim_hf.runtime.reader import log_odds
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.weights import ModelWeights

_POOLING = {"last": 0, "mean": 1, "max": 2}
_SOFTMAX, _SIGMOID, _NONE = range(3)


@cache
def compiled() -> Any | None:
    """The compiled module; None where the package was installed without a C compiler."""
    try:
        return importlib.import_module("skim_hf.native._runtime")
    except ImportError:
        return None


def build_model(
    config: RuntimeConfig, weights: ModelWeights, threshold: float, *, quantise: bool, fold: bool, kernels: str = ""
) -> Any:
    """Packs a model for the kernels.

    Args:
        config: Of the model.
        weights: Of the model, float32.
        threshold: Skim above this probability; 1 reads everything.
        quantise: Whether large products and all tables are int8.
        fold: Whether the first layer's input products become tables.
        kernels: `avx512`, `avx2` or `portable`; empty for the best that this processor has.
    """
    runtime = compiled()
    _, lanes = runtime.kernels(kernels)
    arranger = Arranger(runtime, lanes, quantise, weights.embedding if fold else None)
    readers = prepare(config, weights)
    directions = config.num_directions
    arrays = tuple(arranger.reader(reader, index < directions) for index, reader in enumerate(readers))
    sizes = (
        KINDS[config.cell_type],
        config.hidden_size,
        config.num_hidden_layers,
        directions,
        config.num_choices,
        config.vocab_size,
        config.input_width,
        _POOLING[config.pooling],
        _scoring(config),
        False,
        len(config.labels),
        readers[0].hidden_scale,
        log_odds(threshold, readers[0].dtype),
    )
    embedding = None if fold else weights.embedding
    classifier = (weights.classifier_weight, weights.classifier_bias)
    return runtime.Model(kernels, quantise, sizes, embedding, arrays, *classifier)


def _scoring(config: RuntimeConfig) -> int:
    if config.problem_type == "regression":
        return _NONE
    is_sigmoid = config.problem_type == "multi_label_classification" or len(config.labels) == 1
    return _SIGMOID if is_sigmoid else _SOFTMAX
