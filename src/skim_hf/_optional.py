"""The one place that imports something an extra installs, or says which extra is missing."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

TRAIN_PACKAGES = frozenset({"torch", "transformers", "datasets", "evaluate", "accelerate"})
"""What the `train` extra installs, by import name."""


def require(module: str, extra: str) -> ModuleType:
    """Imports a module that only an extra installs.

    Args:
        module: Absolute name, such as `"datasets"` or `"torch.nn"`.
        extra: The extra of skim-hf that installs it, such as `"train"`.

    Returns:
        The imported module.

    Raises:
        ImportError: The module's package is not installed; the message names the command that
            installs it. A package that is installed but broken raises its own error unchanged.

    Example:
        >>> require("json", "train").dumps([1])
        '[1]'
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A missing `torch._C` means a broken torch, and saying "install torch" would mislead.
        if error.name != package:
            raise
        raise missing(package, extra, needed_by=f"This part of skim_hf (it imports {module})") from error


def lazy_name(home: str, name: str, *, owner: str) -> Any:
    """Loads a public name from the module that defines it.

    Args:
        home: That module.
        name: The name.
        owner: The module that offers the name, for the error.

    Returns:
        What the name stands for.

    Raises:
        ImportError: The name needs an extra that is not installed. Any other failed import, in our
            own code or in a broken dependency, is passed on unchanged.
    """
    try:
        return getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        # Only a top-level name means "not installed"; a missing `torch._C` is a broken torch.
        if error.name not in TRAIN_PACKAGES:
            raise
        raise missing(error.name, "train", needed_by=f"{owner}.{name}") from error


def missing(package: str, extra: str, *, needed_by: str) -> ImportError:
    """Builds the error for an absent optional package.

    Args:
        package: Top-level name of the package that was not found.
        extra: The extra of skim-hf that installs it.
        needed_by: What was asked for, as the subject of the message's first sentence.

    Returns:
        The error, ready to be raised.
    """
    return ImportError(
        f"{needed_by} needs the package {package!r}, which is not installed. "
        f"Install it with: pip install 'skim-hf[{extra}]'",
        name=package,
    )
