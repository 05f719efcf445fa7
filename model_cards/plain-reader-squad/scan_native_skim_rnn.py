"""The scan by the C kernels of an installed skim_hf: both precisions, CPU only.

Each thread takes every n-th row through the whole sequence, so threads never wait for each other. There are
as many as torch uses, and where possible they are torch's own (native/threads.c says why).
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .scan_layout_skim_rnn import Relaxation, ScanBackend, ScanLayout

KINDS = {"lstm": 0, "gru": 1, "tanh": 2}


@cache
def kernels() -> Any | None:
    """The compiled module; None where skim_hf is not installed or was installed without a compiler."""
    try:
        return importlib.import_module("skim_hf.native._scan")
    except ImportError:
        return None


def declined(layout: ScanLayout, like: Tensor) -> str | None:
    """Why the kernels cannot run this, or None if they can."""
    module = kernels()
    if module is None:
        return "skim_hf is not installed with its C extension"
    if like.dtype not in (torch.float32, torch.float64):
        return f"the C kernels compute in float32 or float64, not {like.dtype}"
    if len(layout.sizes) > module.max_cells:
        return f"the C kernels know at most {module.max_cells} cells"
    if like.device.type != "cpu":
        return f"the C kernels run on the CPU, not on {like.device}"
    return None


def forward(
    layout: ScanLayout,
    relaxation: Relaxation,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    batch_sizes: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """As `forward` of scan_torch_skim_rnn.py."""
    tokens = len(inputs)
    hidden = inputs.new_empty(tokens, layout.hidden_size)
    cells = inputs.new_empty(tokens if layout.parts > 1 else 0, layout.hidden_size)
    gates = inputs.new_empty(tokens, layout.width)
    logits, final = inputs.new_empty(tokens, layout.num_logits), torch.empty_like(start)
    plan = _plan(layout, start, batch_sizes, input_size=inputs.shape[1], relaxation=relaxation)
    given = (inputs, weight_input, bias, recurrent, noise, start)
    _run("forward", plan, start, (*given, hidden, cells, gates, logits, final))
    return hidden, cells, gates, logits, final


def backward(
    layout: ScanLayout,
    relaxation: Relaxation,
    gates: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    hidden: Tensor,
    cells: Tensor,
    batch_sizes: list[int],
    grad_hidden: Tensor | None,
    grad_logits: Tensor | None,
    grad_state: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `backward` of scan_torch_skim_rnn.py."""
    grad_columns, previous = torch.empty_like(gates), torch.empty_like(hidden)
    grad_bias = gates.new_empty(_threads(start), layout.width)
    plan = _plan(layout, start, batch_sizes, relaxation=relaxation)
    given = (gates, recurrent, noise, start, hidden, cells, grad_hidden, grad_logits)
    _run("backward", plan, start, (*given, grad_state, grad_columns, previous, grad_bias))
    return grad_columns, grad_bias.sum(0), previous


def hard(
    layout: ScanLayout,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    start: Tensor,
    batch_sizes: list[int],
    threshold: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `hard` of scan_torch_skim_rnn.py, but a branch is computed only on the rows that chose it."""
    tokens = len(inputs)
    hidden, logits = inputs.new_empty(tokens, layout.hidden_size), inputs.new_empty(tokens, layout.num_logits)
    decisions, final = torch.empty(tokens, dtype=torch.int64), torch.empty_like(start)
    plan = _plan(layout, start, batch_sizes, input_size=inputs.shape[1], threshold=threshold)
    arrays = (inputs, weight_input, bias, recurrent, start, hidden, logits, decisions, final)
    _run("hard", plan, start, arrays)
    return hidden, logits, decisions, final


def _plan(
    layout: ScanLayout,
    start: Tensor,
    batch_sizes: list[int],
    *,
    relaxation: Relaxation | None = None,
    input_size: int = 0,
    threshold: float = 0.0,
) -> tuple[Any, ...]:
    """The sizes of a pass, in the order of `read_plan` in native/_scan.c."""
    return (
        start.dtype == torch.float64,
        KINDS[layout.cell],
        input_size,
        layout.hidden_size,
        _integers(layout.sizes),
        _integers(layout.contexts),
        max(layout.num_logits, 1),
        start.shape[1],
        _integers(batch_sizes),
        relaxation.temperature if relaxation else 1.0,
        relaxation.straight_through if relaxation else False,
        threshold,
    )


def _integers(values: Any) -> Any:
    return torch.tensor(values, dtype=torch.int64).numpy()


def _threads(start: Tensor) -> int:
    return max(1, min(torch.get_num_threads(), start.shape[1]))


def _run(name: str, plan: tuple[Any, ...], start: Tensor, tensors: tuple[Tensor | None, ...]) -> None:
    """Runs one pass with as many threads as torch would use, and no more than there are rows."""
    arrays = (None if t is None else t.detach().numpy() for t in tensors)
    getattr(kernels(), name)(plan, _threads(start), *arrays)


NATIVE = ScanBackend("native", declined, forward, backward, hard)
