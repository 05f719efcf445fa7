"""Metrics of adaptive readers as `evaluate` modules that work offline; their functions are in `results`.

The modules are folders beside this file; `metric_path("reading")` is what `evaluate.load` takes.
"""

from __future__ import annotations

from pathlib import Path

MODULES = ("answers", "classification", "reading")
"""Names of the `evaluate` modules shipped with this package."""


def metric_path(name: str) -> str:
    """Folder of a local `evaluate` module.

    Args:
        name: `answers`, `classification` or `reading`.

    Returns:
        The path, as `evaluate.load` takes it.

    Raises:
        ValueError: No such module.

    Example:
        >>> import evaluate
        >>> metric = evaluate.load(metric_path("classification"))
        >>> metric.compute(predictions=[0, 1], references=[0, 0])["accuracy"]
        0.5
    """
    if name not in MODULES:
        raise ValueError(f"There is no metric {name!r}; choose one of {', '.join(MODULES)}.")
    return str(Path(__file__).parent / name)
