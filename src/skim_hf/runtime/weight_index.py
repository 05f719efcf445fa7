"""The index of weights that are split over several files."""

from __future__ import annotations

import re
from pathlib import Path

from skim_hf.runtime.hub_cache import remedy
from skim_hf.runtime.json_files import read_object

# A name, and never a path: whoever wrote the index may point anywhere. Short enough for any file system.
_SHARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,200}\.safetensors")


def read_index(path: Path) -> dict[str, str]:
    """Reads a `model.safetensors.index.json`.

    Args:
        path: The file.

    Returns:
        The name of the file that holds it, by the name of every tensor; at least one.

    Raises:
        ValueError: Not an index, or one that names anything but safetensors files beside it.
    """
    files = read_object(path).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise ValueError(
            f"{path}: weight_map must say in which file each tensor lies; got {files!r:.100}. {remedy(path)}"
        )
    for tensor, name in files.items():
        if not isinstance(name, str) or not _SHARD.fullmatch(name):
            raise ValueError(
                f"{path}: {tensor!r:.100} must lie in a safetensors file of the same folder, named without "
                f"a path; got {name!r:.100}. {remedy(path)}"
            )
    return files


def shard_names(path: Path) -> list[str]:
    """The files that an index names, sorted.

    Raises:
        ValueError: See `read_index`.
    """
    return sorted(set(read_index(path).values()))
