"""What a scan is given: checks that say what was expected, and pieces of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from .scan_layout_skim_rnn import ScanLayout


def check_scan(
    layout: ScanLayout,
    inputs: Tensor,
    weight_input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    start: Tensor,
    batch_sizes: Tensor,
    noise: Tensor | None = None,
) -> list[int]:
    """Checks that everything fits together.

    Returns:
        The batch sizes of the steps that have any token.

    Raises:
        ValueError: Says what was expected and what came.
    """
    tokens, size = len(inputs), layout.hidden_size
    expected = {
        "inputs": (inputs, (tokens, weight_input.shape[-1])),
        "weight_input": (weight_input, (layout.width, weight_input.shape[-1])),
        "bias": (bias, (layout.width,)),
        "recurrent": (recurrent, (layout.width, size)),
        "start": (start, (layout.parts, start.shape[1] if start.dim() == 3 else 0, size)),
    }
    if noise is not None:
        expected["noise"] = (noise, (tokens, layout.num_logits))
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have the shape {shape}; got {tuple(tensor.shape)}.")
    check_kinds(batch_sizes, **{name: tensor for name, (tensor, _) in expected.items()})
    return _check_batch_sizes(batch_sizes, start.shape[1], tokens)


def check_kinds(batch_sizes: Tensor, **tensors: Tensor | None) -> None:
    """Refuses tensors of several dtypes or on several devices; what can be said without their sizes.

    Args:
        batch_sizes: [T] int64, on the CPU.
        **tensors: By name, the first of them the inputs.

    Raises:
        ValueError: Says what was expected and what came.
    """
    inputs, *_ = tensors.values()
    for name, tensor in tensors.items():
        if tensor is None or inputs is None:
            continue
        if tensor.dtype != inputs.dtype:
            raise ValueError(
                f"All tensors must have one dtype: inputs have {inputs.dtype}, {name} {tensor.dtype}."
            )
        if tensor.device != inputs.device:
            raise ValueError(
                f"All tensors must be on one device: inputs are on {inputs.device}, "
                f"{name} on {tensor.device}."
            )
    if batch_sizes.dim() != 1 or batch_sizes.dtype != torch.int64 or batch_sizes.device.type != "cpu":
        raise ValueError(
            f"batch_sizes must be [T] int64 on the CPU; got {tuple(batch_sizes.shape)} {batch_sizes.dtype} "
            f"on {batch_sizes.device}."
        )


def check_noise(layout: ScanLayout, noise: Tensor | None) -> None:
    """Refuses to decide without noise in training, and noise where there is nothing to decide."""
    if (noise is None) != (layout.num_logits == 0):
        came = None if noise is None else tuple(noise.shape)
        raise ValueError(
            f"noise must be [N, k] with a decision and None without; k is {layout.num_logits}, got {came}."
        )


def _check_batch_sizes(batch_sizes: Tensor, rows: int, tokens: int) -> list[int]:
    sizes: list[int] = batch_sizes.tolist()
    falling = all(after <= before for before, after in zip([rows, *sizes], [*sizes, 0], strict=True))
    if not falling or sum(sizes) != tokens:
        raise ValueError(
            f"batch_sizes must fall from at most {rows} (rows of the start) and sum to {tokens} (packed "
            f"tokens); got {sizes if len(sizes) < 20 else [*sizes[:20], '...']}, which sum to {sum(sizes)}."
        )
    return [n for n in sizes if n]


def chunks(batch_sizes: list[int], tokens: int | None) -> list[tuple[slice, list[int]]]:
    """Successive steps with about `tokens` tokens together (all if None): their tokens and batch sizes."""
    pieces: list[tuple[slice, list[int]]] = []
    begin, sizes = 0, list[int]()
    for n in batch_sizes:
        if tokens is not None and sizes and sum(sizes) + n > tokens:
            pieces.append((slice(begin, begin + sum(sizes)), sizes))
            begin, sizes = begin + sum(sizes), []
        sizes.append(n)
    return [*pieces, (slice(begin, begin + sum(sizes)), sizes)]


def state_before(
    chunk: slice, sizes: list[int], batch_sizes: list[int], start: Tensor, hidden: Tensor, cells: Tensor
) -> Tensor:
    """The state before a chunk's first step, [P, n, d], of the texts that are read there.

    Args:
        chunk: Its tokens.
        sizes: Its batch sizes.
        batch_sizes: Of the whole sequence.
        start: [P, B, d].
        hidden: [N, d].
        cells: [N, d], or without rows.
    """
    if chunk.start == 0:
        return start
    end = 0
    for n in batch_sizes:
        end += n
        if end == chunk.start:
            rows = slice(end - n, end - n + sizes[0])
            break
    return torch.stack([part[rows] for part in (hidden, cells) if len(part)])


def join(pieces: list[Tensor]) -> Tensor:
    """One tensor of successive pieces, without a copy if there is but one."""
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
