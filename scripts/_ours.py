"""The one place where the benchmarks load our own runtime."""

from __future__ import annotations

import os

from skim_hf.runtime import SkimRuntime

ENGINES = (("native", "float32"), ("native", "int8"), ("numpy", "float32"))
"""Backends and dtypes that take part."""


def load_ours(
    folder: str | os.PathLike[str],
    backend: str,
    dtype: str,
    *,
    threads: int = 1,
    threshold: float | None = None,
) -> SkimRuntime:
    """A saved model by one of our backends.

    Raises:
        ImportError: The native backend is not compiled here.
    """
    return SkimRuntime.from_pretrained(
        folder, backend=backend, dtype=dtype, threads=threads, threshold=threshold
    )


def engine_name(backend: str, dtype: str) -> str:
    """What the result files call a backend."""
    return f"{backend}_{dtype}"


def instructions() -> str | None:
    """The instruction set that the native backend chose; None without it."""
    try:
        from skim_hf.runtime import native
    except ImportError:
        return None
    return native.kernels()[0]
