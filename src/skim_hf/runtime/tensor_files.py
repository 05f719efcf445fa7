"""Tensors in safetensors files, one or as many as an index names, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize, safe_open

from skim_hf.runtime.hub_cache import CachedPlace, remedy
from skim_hf.runtime.weight_index import read_index

READABLE = ("F32", "F16", "BF16", "F64")
"""The dtypes that can be read, as safetensors calls them."""

_SHOWN = 5


class TensorFile:
    """One safetensors file, open for as long as this object lives.

    Args:
        path: The file.

    Raises:
        ValueError: It is damaged, or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _whole(path):
            self._file: Any = safe_open(str(path), framework="numpy")
            self.names: list[str] = list(self._file.keys())  # type: ignore[no-untyped-call]

    def form(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Dtype, as safetensors calls it, and shape of a tensor."""
        with _whole(self.path):
            part = self._file.get_slice(name)
            return part.get_dtype(), tuple(part.get_shape())

    def read(self, name: str) -> NDArray[np.floating[Any]]:
        """A tensor of a `READABLE` dtype: as it is stored, or bfloat16 as the same numbers in float32."""
        dtype, shape = self.form(name)
        if dtype == "BF16":
            return widen(self._raw[name]).reshape(shape)
        with _whole(self.path):
            tensor: NDArray[np.floating[Any]] = self._file.get_tensor(name)
            return tensor

    @cached_property
    def _raw(self) -> dict[str, bytes]:
        """Bytes of every tensor, for the dtype that NumPy has not."""
        with _whole(self.path):
            tensors: list[tuple[str, Any]] = deserialize(self.path.read_bytes())  # type: ignore[no-untyped-call]
            return {name: tensor["data"] for name, tensor in tensors}


def widen(data: bytes) -> NDArray[np.float32]:
    """Numbers in bfloat16, little-endian, as the same numbers in float32: their upper halves.

    Args:
        data: 2 n bytes.

    Returns:
        [n].
    """
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)


def open_tensors(path: Path) -> dict[str, TensorFile]:
    """Opens the weights of a model.

    Args:
        path: A `model.safetensors`, or the `model.safetensors.index.json` of several such files.

    Returns:
        By the name of every tensor, the file that holds it.

    Raises:
        ValueError: A damaged file, or an index that does not fit its files.
    """
    if path.suffix != ".json":
        file = TensorFile(path)
        return dict.fromkeys(file.names, file)
    index = read_index(path)
    files = {name: TensorFile(_inside(path.with_name(name))) for name in sorted(set(index.values()))}
    _check_index(path, index, files)
    return {tensor: files[name] for tensor, name in index.items()}


def _check_index(path: Path, index: dict[str, str], files: dict[str, TensorFile]) -> None:
    """Refuses tensors that are not where the index says, and those in a file that it says nothing of."""
    held = {(tensor, name) for name, file in files.items() for tensor in file.names}
    lost = sorted(set(index.items()) - held)
    strays = sorted(held - set(index.items()))
    if lost or strays:
        found = [f"{tensor} is not in {name}, where it should be" for tensor, name in lost]
        found += [f"{tensor} in {name} is not of the index" for tensor, name in strays]
        raise ValueError(
            f"{path} does not fit its files: {'; '.join(found[:_SHOWN])} (at most {_SHOWN} shown). "
            f"They come from different models or savings. {remedy(path)}"
        )


def _inside(path: Path) -> Path:
    """Refuses a link out of its folder; the Hub's cache links to files elsewhere in the cache."""
    place = CachedPlace.of(path)
    bounds = (path.parent if place is None else place.cache).resolve()
    if not path.resolve().is_relative_to(bounds):
        raise ValueError(
            f"{path} is a link out of its folder, to {path.resolve()}, which the index of a model may not "
            "name. Put the file itself there."
        )
    return path


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Says of a file that cannot be read that it is damaged, and what to do."""
    try:
        yield
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a complete safetensors file ({error}). {remedy(path)}") from error
