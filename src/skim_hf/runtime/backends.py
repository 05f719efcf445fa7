"""Which engine runs a model: the C kernels where they are built and can, and otherwise NumPy."""

from __future__ import annotations

import importlib
import os
from functools import cache, partial
from typing import Any, NamedTuple

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.options import BACKENDS, RuntimeOptions
from skim_hf.runtime.protocols import Engine
from skim_hf.runtime.question_engine import QuestionEngine
from skim_hf.runtime.weights import ModelWeights

SWITCH = "SKIM_HF_BACKEND"
"""The environment variable that chooses by hand where the caller leaves the choice."""

NATIVE_MODULE = "skim_hf.runtime.native"

_REINSTALL = (
    "Install a C compiler and then skim-hf again from source (pip install --no-binary skim-hf skim-hf)"
)
_REMEDY = f'{_REINSTALL}, or use backend="numpy" with dtype="float32".'


class Backend(NamedTuple):
    """An engine, and why it is this one.

    Attributes:
        name: `native` or `numpy`.
        engine: Runs the model.
        declined: Why it is not the native one; None if it is, or if NumPy was asked for.
    """

    name: str
    engine: Engine
    declined: str | None = None

    def with_threshold(self, threshold: float) -> Backend:
        """The same engine with another threshold, sharing everything that is large."""
        return self._replace(engine=self.engine.with_threshold(threshold))


def choose_backend(config: RuntimeConfig, weights: ModelWeights, options: RuntimeOptions) -> Backend:
    """Builds the engine for a model.

    The environment variable SKIM_HF_BACKEND (`native` or `numpy`) decides where `backend` is `auto`. If NumPy
    serves only for want of the C extension, the logger `skim_hf.runtime` warns of it, once per process.

    Raises:
        ImportError: The native engine was asked for, by name or by its dtype, and is not there.
        ValueError: NumPy was asked for a dtype that it lacks, the native engine for a model that it
            cannot run, or SKIM_HF_BACKEND for something else.
    """
    wanted = wanted_backend(options)
    declined = None
    if wanted != "numpy":
        declined = why_not_native(config, options.dtype)
        if declined is None:
            native = _load_native()
            kind = partial(native.NativeEngine, dtype=options.dtype)
            return Backend("native", _engine(kind, config, weights, options.threshold))
        if wanted == "native":
            raise ValueError(f'The native engine cannot run this model: {declined}. Use backend="numpy".')
        if _missing() is not None:
            _say_that_numpy_is_slow(declined)
    return Backend("numpy", numpy_engine(config, weights, options.threshold), declined)


def numpy_engine(config: RuntimeConfig, weights: ModelWeights, threshold: float) -> Any:
    """The engine that counts its operations."""
    return _engine(NumpyEngine, config, weights, threshold)


def _engine(kind: Any, config: RuntimeConfig, weights: ModelWeights, threshold: float) -> Any:
    """An engine of a kind, or what asks questions of several."""
    if config.reader is None:
        return kind(config, weights, threshold)
    return QuestionEngine(config, weights, partial(kind, threshold=threshold))


def wanted_backend(options: RuntimeOptions) -> str:
    """What is asked for: `native`, `numpy` or, where NumPy will do, `auto`.

    Raises:
        ImportError: The native engine is asked for and is not there.
        ValueError: NumPy is asked for a dtype that it lacks, or SKIM_HF_BACKEND for something else.
    """
    wanted = _by_hand(options.backend)
    if wanted == "numpy" and options.dtype != "float32":
        raise ValueError(
            f'dtype={options.dtype!r} needs the native engine, but the backend is "numpy". '
            'Use backend="native", or dtype="float32".'
        )
    if wanted == "native" or options.dtype != "float32":
        asked = 'backend="native"' if wanted == "native" else f"dtype={options.dtype!r}"
        try:
            _load_native()
        except ImportError as error:
            raise ImportError(f"{asked} needs the C extension of skim_hf ({error}). {_REMEDY}") from error
        return "native"
    return wanted


def why_not_native(config: RuntimeConfig, dtype: str = "float32") -> str | None:
    """Why the native engine does not run a model; None if it does."""
    missing = _missing()
    if missing is not None:
        return f"skim_hf is not installed with its C extension ({missing})"
    reason: str | None = _load_native().declined(config, dtype)
    return reason


def _missing() -> ImportError | None:
    """Why there is no native engine for any model; None if there is one."""
    try:
        _load_native()
    except ImportError as error:
        return error
    return None


@cache
def _say_that_numpy_is_slow(reason: str) -> None:
    """Once per process, because every model that is loaded would say the same."""
    import logging  # slow to import, and hardly ever needed

    logging.getLogger("skim_hf.runtime").warning(
        "Models are run by NumPy, many times slower than by C: %s. %s, or silence this with "
        'backend="numpy" or %s=numpy.',
        reason,
        _REINSTALL,
        SWITCH,
    )


def _by_hand(backend: str) -> str:
    chosen = os.environ.get(SWITCH) if backend == "auto" else None
    if not chosen:
        return backend
    if chosen not in BACKENDS:
        raise ValueError(f"{SWITCH} must be one of {', '.join(BACKENDS)}; got {chosen!r}.")
    return chosen


def _load_native() -> Any:
    """The module of the native engine: `NativeEngine` and `declined`.

    Raises:
        ImportError: It, or the extension that it imports, is not there or does not fit this machine.
    """
    return importlib.import_module(NATIVE_MODULE)
