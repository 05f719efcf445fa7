"""Frames of continuous features: what stands in for the tokenizer of a model that reads no words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.ids import check_frames
from skim_hf.runtime.text import EncodedText, check_limit


class FrameEncoder:
    """Checks sequences of features; an encoder like `text.TextEncoder`, without a tokenizer.

    The tokens of such a sequence are its frames: they have no name, and their places are their numbers.

    Args:
        width: Features per frame, the configuration's `input_size`.

    Example:
        >>> FrameEncoder(2).ids([[0, 1], [0.5, 2], [1, 3]], limit=2)
        array([[0. , 1. ],
               [0.5, 2. ]], dtype=float32)
    """

    kind = "frames"
    native = None
    unknown = None

    def __init__(self, width: int) -> None:
        self._width = width

    def is_one(self, inputs: object) -> bool:
        """Whether this is one sequence rather than several: an array of at most two dimensions, or text."""
        return isinstance(inputs, (str, bytes)) or getattr(inputs, "ndim", 3) < 3

    def check(self, frames: Any, where: str = "") -> NDArray[np.float32]:
        """One sequence as [T, width] float32.

        Args:
            frames: Anything.
            where: Where it came from, such as `" at position 3"`.

        Raises:
            TypeError: Text.
            ValueError: Another shape, or values that are not finite in float32.
        """
        if isinstance(frames, (str, bytes)):
            raise TypeError(
                f"This model reads frames of features, arrays of shape [frames, {self._width}], not words; "
                f"got {type(frames).__name__}{where}."
            )
        try:
            with np.errstate(over="ignore"):
                array = check_frames(frames, self._width, np.dtype(np.float32))
        except ValueError as error:
            raise ValueError(f"{str(error).removesuffix('.')}{where}.") from error
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if len(bad):
            raise ValueError(
                f"Expected frames of finite numbers; frame {bad[0]}{where} holds NaN or infinity in float32. "
                "Clean or scale the features as for training."
            )
        return array

    def ids(self, frames: Any, limit: int | None = None) -> NDArray[np.float32]:
        """What the engine reads of a sequence, [T, width]; at most `limit` frames."""
        check_limit(limit)
        return self.check(frames)[:limit]

    def encode(self, frames: Any, limit: int | None = None) -> EncodedText:
        """The same with the numbers of the frames as their places."""
        array = self.ids(frames, limit)
        return EncodedText(array, [(place, place + 1) for place in range(len(array))], [""] * len(array))

    def token(self, number: int) -> str:
        """Frames have no names."""
        return ""

    def splitter(self) -> Any:
        """Frames that come in pieces need no splitting."""
        return _NoSplitter()


class _NoSplitter:
    """Keeps nothing between two pieces."""

    def save(self) -> bytes:
        return b""

    def load(self, state: bytes, /) -> None:
        if state:
            raise ValueError("The snapshot is one of a text; this model reads frames of features.")
