"""Which tokens the policies without parameters read: `random` and `periodic`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig


def reads(config: RuntimeConfig, start: int, stop: int) -> NDArray[np.bool_]:
    """Whether the tokens at the positions from `start` to before `stop`, in reading order, are read."""
    positions = np.arange(start, stop, dtype=np.int64)
    if config.policy == "random":
        is_read: NDArray[np.bool_] = _coins(positions.astype(np.uint64)) >= config.skip_rate
        return is_read
    keep = 1 - config.skip_rate
    periodic: NDArray[np.bool_] = np.floor(positions * keep) > np.floor((positions - 1) * keep)
    return periodic


def _coins(positions: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1): the splitmix64 generator's for every position."""
    z = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return ((z ^ z >> np.uint64(31)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
