"""The one place that imports something an extra installs, or says which extra is missing."""

from __future__ import annotations

import importlib
from types import ModuleType


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
