"""The fused scan: a whole layer over a whole batch as one PyTorch operator, with an explicit gradient.

Autograd over a step-by-step loop records some forty small operations per token. Here all input products
are one matrix product, a step is one recurrent product and element-wise work, and the weights' gradients
are one product each. `torch.compile` and `torch.export` see single nodes. The work is done by C kernels
(scan_native_skim_rnn.py), by Triton (scan_triton_skim_rnn.py) or by PyTorch itself
(scan_torch_skim_rnn.py); scan_backends_skim_rnn.py chooses.

Kept for the backward pass, per token and besides the input: the gates and the states, 4 (W + P d) bytes in
float32; with `recompute` only the states, 4 P d bytes, for the price of a second forward pass.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .scan_backends_skim_rnn import choose_backend
from .scan_chunks_skim_rnn import check_kinds, check_noise, check_scan, chunks, join, state_before
from .scan_layout_skim_rnn import Relaxation, ScanLayout

# Code that travelled to the Hub and the installed package may be loaded side by side, so each copy of
# this file registers operators of its own. They are named after the folder.
NAMESPACE = re.sub(r"\W", "_", __name__.rpartition(".")[0])

CONTIGUOUS = torch.contiguous_format

TOKENS_AT_ONCE = 2048
"""Tokens whose gradients (and recomputed gates) are in memory together; bounds that of long batches."""


@torch.library.custom_op(f"{NAMESPACE}::scan", mutates_args=())
def scan(
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    batch_sizes: Tensor,
    cell: str,
    sizes: Sequence[int],
    own_slice: bool,
    temperature: float,
    straight_through: bool,
    recompute: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Reads packed tokens, mixing the branches (eq. 5 to 7); differentiable.

    Args:
        inputs: [N, d_x], packed.
        weight_input: [W, d_x], laid out as scan_layout_skim_rnn.py says.
        bias: [W].
        recurrent: [W, d].
        noise: [N, k] Gumbel noise; None for a reader without decisions.
        start: [P, B, d], texts from long to short.
        batch_sizes: [T] int64, texts still being read at every step.
        cell: `lstm`, `gru` or `tanh`.
        sizes: State size of every cell, d first; none of size 0.
        own_slice: Whether small cells see only their own units.
        temperature: tau.
        straight_through: Whether the forward pass takes one branch.
        recompute: Whether the backward pass computes the gates again instead of keeping them.

    Returns:
        h [N, d], logits [N, k], the final state [P, B, d], and for the backward pass c [N, d] and the
        gates [N, W] (without rows where there are none to keep).

    Raises:
        ValueError: Tensors that do not fit together; says what was expected.
    """
    layout = ScanLayout(cell, tuple(sizes), own_slice, len(weight_input))
    steps = check_scan(layout, inputs, weight_input, bias, recurrent, start, batch_sizes, noise)
    check_noise(layout, noise)
    relaxation = Relaxation(temperature, straight_through)
    backend = choose_backend(layout, inputs)
    weights = [t.contiguous() for t in (weight_input, bias, recurrent)]
    hidden, logits, cells, gates = [], [], [], []
    state = start.contiguous()
    for chunk, own_steps in chunks(steps, TOKENS_AT_ONCE if recompute else None):
        own_noise = None if noise is None else noise[chunk].contiguous()
        given = (inputs[chunk].contiguous(), *weights, own_noise, state)
        h, c, columns, scores, state = backend.forward(layout, relaxation, *given, own_steps)
        hidden.append(h)
        logits.append(scores)
        cells.append(c)
        gates.append(columns[:0].clone() if recompute else columns)
    return join(hidden), join(logits), state, join(cells), join(gates)


@scan.register_fake
def _(*given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    inputs, weight_input, bias, recurrent, noise, start, steps, cell, sizes, own_slice, _, _, recompute = (
        given
    )
    # Also what runs on the device `meta`, or with any one tensor there.
    check_kinds(
        steps, inputs=inputs, weight=weight_input, bias=bias, recurrent=recurrent, noise=noise, start=start
    )
    layout = ScanLayout(cell, tuple(sizes), own_slice, weight_input.shape[0])
    tokens, size = inputs.shape[0], recurrent.shape[1]
    return (
        inputs.new_empty(tokens, size),
        inputs.new_empty(tokens, layout.num_logits),
        inputs.new_empty(start.shape),
        inputs.new_empty(tokens if layout.parts > 1 else 0, size),
        inputs.new_empty(0 if recompute else tokens, layout.width),
    )


@torch.library.custom_op(f"{NAMESPACE}::scan_backward", mutates_args=())
def scan_backward(
    grad_hidden: Tensor | None,
    grad_logits: Tensor | None,
    grad_final: Tensor | None,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    noise: Tensor | None,
    start: Tensor,
    batch_sizes: Tensor,
    hidden: Tensor,
    cells: Tensor,
    gates: Tensor,
    cell: str,
    sizes: Sequence[int],
    own_slice: bool,
    temperature: float,
    straight_through: bool,
    recompute: bool,
    with_inputs: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of inputs (no rows unless `with_inputs`), both weights, the bias and the start."""
    layout = ScanLayout(cell, tuple(sizes), own_slice, len(weight_input))
    relaxation = Relaxation(temperature, straight_through)
    backend = choose_backend(layout, inputs)
    start = start.contiguous()
    weights = [t.contiguous() for t in (weight_input, bias, recurrent)]
    grad_start = torch.zeros_like(start) if grad_final is None else grad_final.clone(memory_format=CONTIGUOUS)
    grad_inputs = torch.empty_like(inputs) if with_inputs else inputs.new_empty(0, inputs.shape[1])
    sums = [torch.zeros_like(t, memory_format=CONTIGUOUS) for t in (weight_input, bias, recurrent)]
    steps = [n for n in batch_sizes.tolist() if n]
    for chunk, own_steps in reversed(chunks(steps, TOKENS_AT_ONCE)):
        before = state_before(chunk, own_steps, steps, start, hidden, cells)
        own = [None if t is None else t[chunk].contiguous() for t in (noise, grad_hidden, grad_logits)]
        if not recompute:
            columns = gates[chunk]
        else:
            given = (inputs[chunk].contiguous(), *weights, own[0], before)
            columns = backend.forward(layout, relaxation, *given, own_steps)[2]
        arriving = grad_start[:, : before.shape[1]].contiguous()
        states = (hidden[chunk], cells[chunk] if layout.parts > 1 else cells)
        grad_columns, bias_sum, previous = backend.backward(
            layout, relaxation, columns, weights[2], own[0], before, *states, own_steps, *own[1:], arriving
        )
        grad_start[:, : before.shape[1]] = arriving
        sums[0].addmm_(grad_columns.t(), inputs[chunk])
        sums[1].add_(bias_sum)
        sums[2].addmm_(grad_columns.t(), previous)
        if with_inputs:
            torch.mm(grad_columns, weight_input, out=grad_inputs[chunk])
    grad_weight, grad_bias, grad_recurrent = sums
    return grad_inputs, grad_weight, grad_bias, grad_recurrent, grad_start


@scan_backward.register_fake
def _(*given: Any) -> tuple[Tensor, ...]:
    inputs, weight_input, bias, recurrent, start = (given[i] for i in (3, 4, 5, 6, 8))
    grad_inputs = inputs.new_empty(inputs.shape if given[-1] else (0, inputs.shape[1]))
    return grad_inputs, *(inputs.new_empty(t.shape) for t in (weight_input, bias, recurrent, start))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    hidden, _, _, cells, gates = output
    ctx.mark_non_differentiable(cells, gates)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[:7], hidden, cells, gates)
    ctx.options = inputs[7:]


def _differentiate(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    if all(grad is None for grad in grads[:3]):
        return (None,) * 13
    with_inputs = ctx.needs_input_grad[0]
    grad_inputs, grad_weight, grad_bias, grad_recurrent, grad_start = scan_backward(
        *grads[:3], *ctx.saved_tensors, *ctx.options, with_inputs
    )
    to_inputs = grad_inputs if with_inputs else None
    return (to_inputs, grad_weight, grad_bias, grad_recurrent, None, grad_start, *[None] * 7)


scan.register_autograd(_differentiate, setup_context=_save)


@torch.library.custom_op(f"{NAMESPACE}::scan_hard", mutates_args=())
def scan_hard(
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    start: Tensor,
    batch_sizes: Tensor,
    cell: str,
    sizes: Sequence[int],
    own_slice: bool,
    threshold: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reads packed tokens with one branch each, as at inference; not differentiable, and keeps nothing.

    Args:
        inputs: [N, d_x], packed.
        weight_input: [W, d_x].
        bias: [W].
        recurrent: [W, d].
        start: [P, B, d], texts from long to short.
        batch_sizes: [T] int64.
        cell: `lstm`, `gru` or `tanh`.
        sizes: State size of every cell, d first; none of size 0.
        own_slice: Whether small cells see only their own units.
        threshold: Skim above this probability.

    Returns:
        h [N, d], logits [N, k], decisions [N] int64 and the final state [P, B, d].

    Raises:
        ValueError: Tensors that do not fit together; says what was expected.
    """
    layout = ScanLayout(cell, tuple(sizes), own_slice, len(weight_input))
    steps = check_scan(layout, inputs, weight_input, bias, recurrent, start, batch_sizes)
    tensors = [t.contiguous() for t in (inputs, weight_input, bias, recurrent, start)]
    return choose_backend(layout, inputs).hard(layout, *tensors, steps, threshold)


@scan_hard.register_fake
def _(*given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    inputs, weight_input, bias, recurrent, start, steps, cell, sizes, own_slice, _ = given
    check_kinds(steps, inputs=inputs, weight=weight_input, bias=bias, recurrent=recurrent, start=start)
    layout = ScanLayout(cell, tuple(sizes), own_slice, weight_input.shape[0])
    tokens = inputs.shape[0]
    return (
        inputs.new_empty(tokens, recurrent.shape[1]),
        inputs.new_empty(tokens, layout.num_logits),
        inputs.new_empty(tokens, dtype=torch.int64),
        inputs.new_empty(start.shape),
    )
