"""Result files: what was measured, on which machine, with which versions and command."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
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


def describe_machine() -> dict[str, Any]:
    """Processor, cores and versions of what runs here."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def command_line() -> str:
    """The command that is running, as one could type it again."""
    return shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])


def write_json(path: str | Path, results: dict[str, Any]) -> None:
    """Writes a result file in one go: an interrupted run leaves the old one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


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
