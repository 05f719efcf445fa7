"""A loaded model with the engine that runs it: token ids in, readings out; `SkimRuntime` adds the texts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.backends import Backend, choose_backend
from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.loading import SavedModel
from skim_hf.runtime.options import RuntimeOptions
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.snapshot import settings_of


class RunningModel:
    """What a model is, how it is run, and what it makes of token ids.

    Args:
        model: Configuration, weights and tokenizer.
        options: How to run it; None for the defaults and the configuration's threshold.
        backend: An engine for these, if there is one already.
        folder: Where the model was loaded from.

    Raises:
        ImportError: The native engine was asked for and is not there.
        ValueError: The model reads continuous features, or the engine cannot run it.
    """

    def __init__(
        self,
        model: SavedModel,
        options: RuntimeOptions | None = None,
        *,
        backend: Backend | None = None,
        folder: Path | None = None,
    ) -> None:
        self._model, self._folder = model, folder
        self._options = options or RuntimeOptions(model.config.skim_threshold)
        self._backend = backend or choose_backend(model.config, model.weights, self._options)

    @property
    def config(self) -> RuntimeConfig:
        """What the model is."""
        return self._model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of `predict_proba`."""
        return self.config.labels

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The labels as scikit-learn calls and keeps them."""
        return np.array(self.labels)

    @property
    def threshold(self) -> float:
        """Skim above this probability."""
        return self._options.threshold

    @property
    def options(self) -> RuntimeOptions:
        """How the model is run."""
        return self._options

    @property
    def backend(self) -> str:
        """What runs the model: `native` or `numpy`."""
        return self._backend.name

    @property
    def backend_declined(self) -> str | None:
        """Why the native engine does not run the model; None if it does, or was not to."""
        return self._backend.declined

    def count_operations(self, texts: str | Iterable[str]) -> OperationCounter:
        """Reads texts with NumPy, counting the multiply-adds that are really done.

        Raises:
            TypeError: Not text.
        """
        counter = OperationCounter()
        for text in check_texts(texts):
            self._counting_engine.read(self.encode(text), counter)
        return counter

    def encode(self, text: str) -> NDArray[np.int32]:
        """Token ids of a text, as many as are read, [T].

        Raises:
            TypeError: Not text.
        """
        return self._model.encoder.ids(text, self._options.max_tokens)

    def read_ids(self, ids: ArrayLike) -> Reading:
        """Reads one text of token ids: decisions, probabilities, final states and logits.

        Args:
            ids: [T] integers below the vocabulary size.

        Raises:
            ValueError: Not such ids.
        """
        return self._backend.engine.read(ids)

    @cached_property
    def _counting_engine(self) -> NumpyEngine:
        engine = self._backend.engine
        if isinstance(engine, NumpyEngine):
            return engine
        return NumpyEngine(self.config, self._model.weights, self.threshold)

    @cached_property
    def _snapshot_settings(self) -> dict[str, Any]:
        """What has to be the same where a stream goes on."""
        return settings_of(self._model, self._options, self.backend)
