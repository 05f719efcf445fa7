"""A loaded model with its engine: token ids or frames in, readings out; `SkimRuntime` adds the texts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.backends import Backend, choose_backend, numpy_engine
from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.loading import SavedModel
from skim_hf.runtime.options import RuntimeOptions
from skim_hf.runtime.protocols import Encoder, Inputs
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.snapshot import settings_of
from skim_hf.runtime.workers import Workers


class RunningModel:
    """What a model is, how it is run, and what it makes of token ids.

    Args:
        model: Configuration, weights and tokenizer.
        options: How to run it; None for the defaults and the configuration's threshold.
        backend: An engine for these, if there is one already.
        folder: Where the model was loaded from.

    Raises:
        ImportError: The native engine was asked for and is not there.
        ValueError: The engine cannot run the model, or jump settings are given for one that does not jump.
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
        self._config = model.config.with_jumps(self._options.jump_every, self._options.jump_limit)
        self._backend = backend or choose_backend(self._config, model.weights, self._options)
        self._workers = Workers(self._options.threads)

    @property
    def config(self) -> RuntimeConfig:
        """What the model is, with the jump settings that are in force."""
        return self._config

    @property
    def encoder(self) -> Encoder:
        """What turns texts into token ids, or checks the frames of a model of features."""
        return self._model.encoder

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

    def count_operations(self, texts: Any) -> OperationCounter:
        """Reads texts, or sequences of features, with NumPy, counting the multiply-adds that are really done.

        Raises:
            TypeError: Not text.
            ValueError: Not features of this model.
        """
        counter = OperationCounter()
        for text in check_texts(texts, self.encoder):
            self._counting_engine.read(self.encode(text), counter)
        return counter

    def encode(self, text: Any) -> NDArray[Any]:
        """Token ids of a text, as many as are read, [T]; or the checked frames of features.

        Raises:
            TypeError: Not text.
            ValueError: Not features of this model.
        """
        return self.encoder.ids(text, self._options.max_tokens)

    def read_ids(self, ids: Inputs) -> Reading:
        """Reads one text of token ids: decisions, probabilities, final states and logits.

        Args:
            ids: [T] integers below the vocabulary size; for a model of features [T, input_size] numbers,
                of which those that are not read may be anything.

        Raises:
            ValueError: Not such ids or frames.
        """
        return self._backend.engine.read(ids)

    @cached_property
    def _counting_engine(self) -> Any:
        if self.backend == "numpy":
            return self._backend.engine
        return numpy_engine(self.config, self._model.weights, self.threshold)

    @cached_property
    def _snapshot_settings(self) -> dict[str, Any]:
        """What has to be the same where a stream goes on."""
        return settings_of(self._model, self._options, self.backend)
