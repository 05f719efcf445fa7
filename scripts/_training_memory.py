"""Memory of a training pass: the peak of a process, and what is kept for the backward pass."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from _training_contestants import Contestant
from torch import Tensor

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_growth(run: Callable[[], object], device: str) -> tuple[int, str]:
    """How far the memory in use rises above what it was before, while something runs.

    Returns:
        Bytes, and where they were read.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before, "torch.cuda.max_memory_allocated"
    try:
        # Takes the peak back to what is resident now.
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        before = _highest_ever()
        run()
        return _highest_ever() - before, "getrusage ru_maxrss"
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before, "VmHWM of /proc/self/status"


def kept_bytes(contestant: Contestant) -> int:
    """Bytes of all tensors that autograd keeps for the backward pass, but for the inputs and the weights.

    A storage counts once, however many views of it are kept.
    """
    given = {tensor.untyped_storage().data_ptr() for tensor in contestant.wanted.values()}
    # Held here, so that no address is used again by another tensor.
    storages: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            storages[storage.data_ptr()] = storage

    # No backward pass follows, so nothing is ever unpacked.
    with torch.autograd.graph.saved_tensors_hooks(note, lambda nothing: nothing):
        contestant.train()
    return sum(storage.nbytes() for storage in storages.values())


def _status(field: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def _highest_ever() -> int:
    # Not at the top: this module does not exist on Windows.
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
