"""One core and one thread; import this before NumPy and torch, which size their thread pools at import."""

from __future__ import annotations

import os

for _name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
):
    os.environ[_name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# They choose what BLAS or our kernels run, so a result is only worth something together with them.
_CHOOSING = ("OPENBLAS_CORETYPE", "SKIM_HF_BACKEND", "SKIM_HF_INSTRUCTIONS")


def pin() -> int | None:
    """Keeps this process and its future threads on one core; None where the system has no such call.

    The last core, because systems tend to serve interrupts on the first.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def cores() -> list[int]:
    """The cores that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def choosing_variables() -> dict[str, str]:
    """Environment variables that are set and choose kernels by hand."""
    return {name: os.environ[name] for name in _CHOOSING if name in os.environ}
