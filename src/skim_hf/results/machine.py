"""Where and how something was measured: machine, versions and command."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "skim-hf",
    "numpy",
    "tokenizers",
    "torch",
    "transformers",
    "onnxruntime",
    "onnx",
    "fasttext-numpy2",
    "model2vec",
)
_SECRET_OPTION = re.compile(r"(--[\w-]*token)(=.*)?", re.DOTALL)
_SECRET = re.compile(r"hf_\w{8,}")
_HIDDEN = "***"


def describe_machine() -> dict[str, Any]:
    """Processor, cores and versions of what runs here."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The command that is running, as one could type it again, without access tokens.

    Args:
        arguments: What was run and its arguments; those of this process if None.
    """
    program, *rest = sys.argv if arguments is None else arguments
    # A console script lies in the folder of some environment, which means nothing elsewhere.
    start = ["python", os.path.relpath(program)] if program.endswith(".py") else [Path(program).name]
    return shlex.join([*filter(None, start), *_without_secrets(rest)])


def _without_secrets(arguments: Sequence[str]) -> list[str]:
    """The arguments fit for publishing: result files travel to the Hub with their model."""
    shown, hide_next = [], False
    for argument in arguments:
        option = _SECRET_OPTION.fullmatch(argument)
        if hide_next:
            shown.append(_HIDDEN)
        elif option and option[2]:
            shown.append(f"{option[1]}={_HIDDEN}")
        else:
            shown.append(_SECRET.sub(_HIDDEN, argument))
        hide_next = option is not None and option[2] is None and not hide_next
    return shown


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
