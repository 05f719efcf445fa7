"""Which implementation runs a scan: C on a CPU, Triton on a GPU, and otherwise PyTorch itself."""

from __future__ import annotations

import os

from torch import Tensor
from transformers.utils import logging

from .scan_layout_skim_rnn import ScanBackend, ScanLayout
from .scan_native_skim_rnn import NATIVE
from .scan_torch_skim_rnn import TORCH
from .scan_triton_skim_rnn import TRITON

logger = logging.get_logger(__name__)

BACKENDS = {backend.name: backend for backend in (TORCH, NATIVE, TRITON)}


def choose_backend(layout: ScanLayout, like: Tensor) -> ScanBackend:
    """The fastest implementation for a layout and tensors like the given one.

    The environment variable SKIM_HF_SCAN (`torch`, `native` or `triton`) chooses by hand.

    Raises:
        ValueError: SKIM_HF_SCAN names none, or one that cannot run this.
    """
    wanted = os.environ.get("SKIM_HF_SCAN")
    if wanted:
        if wanted not in BACKENDS:
            raise ValueError(f"SKIM_HF_SCAN must be one of {', '.join(BACKENDS)}; got {wanted!r}.")
        reason = BACKENDS[wanted].declined(layout, like)
        if reason is not None:
            raise ValueError(f"SKIM_HF_SCAN={wanted} cannot run this scan: {reason}.")
        return BACKENDS[wanted]
    fast = TRITON if like.is_cuda else NATIVE
    reason = fast.declined(layout, like)
    if reason is None:
        return fast
    logger.warning_once(f"The scan runs in plain PyTorch, several times slower than it could: {reason}.")
    return TORCH
