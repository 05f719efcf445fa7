"""The scan by Triton kernels: one launch reads a whole batch, or goes back through it.

Each program takes 16 texts, the fewest that a tensor core takes, so that even small batches occupy several
multiprocessors. It keeps the states in registers and the recurrent weights in shared memory; what does not
fit there comes from the cache at every step. float32 is multiplied as torch.get_float32_matmul_precision
says: at "highest" on ordinary arithmetic units, which is slower. float16 and bfloat16 are multiplied and
stored as such, while states and sums are float32 within a launch.

The kernels are tested in Triton's interpreter on a CPU (TRITON_INTERPRET=1, set before Triton is imported)
and compiled for a GPU without one. They have not run on a GPU, and no time has been measured.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .scan_kernels_skim_rnn import scan_backward, scan_forward
from .scan_layout_skim_rnn import BLOCKS, Relaxation, ScanBackend, ScanLayout
from .scan_tiles_skim_rnn import Cell, Static, triton

PRODUCTS = {"lstm": 4, "gru": 3, "tanh": 1}
"""Blocks of columns that see h."""

ROWS = 16
"""Texts of a program."""

TILE = 64
"""Units of a tile of the state: twice that, and the compiled products spill registers."""

WARPS = 8
"""Per program; four have too few registers, sixteen too few units each."""

SCRATCH_BYTES = 36 << 10
"""Shared memory left to the compiler, which turns tiles there."""

MAX_WEIGHT_BYTES = 640 << 10
"""Of recurrent weights, padded to tiles. The compiler unrolls them, so its time grows with them."""

MAX_CELLS = 4

MAX_LOGITS = 16
"""k; the decision's columns are one tile."""

STEPS_AT_ONCE = 64
"""Steps of `hard` whose columns are in memory together."""


def declined(layout: ScanLayout, like: Tensor) -> str | None:
    """Why the kernels cannot run this, or None if they can."""
    if triton is None:
        return "Triton is not installed"
    interpreted = is_interpreted()
    if not interpreted and (not like.is_cuda or torch.version.hip is not None):
        return f"the Triton kernels run on CUDA, not on {like.device}"
    if not interpreted and torch.cuda.get_device_capability(like.device) < (8, 0):
        return "the Triton kernels need a GPU of compute capability 8.0 or more"
    dtypes = [torch.float32, torch.float16, torch.bfloat16, *([torch.float64] if interpreted else [])]
    if like.dtype not in dtypes:
        return f"the Triton kernels compute in {', '.join(map(str, dtypes))}, not {like.dtype}"
    if len(layout.sizes) > MAX_CELLS or layout.num_logits > MAX_LOGITS:
        return f"the Triton kernels know at most {MAX_CELLS} cells and {MAX_LOGITS} choices"
    static = _static(layout, "soft", like)
    weights = sum(c.tiles * c.products * c.width for c in static.order) * static.tiles * static.cells[0].width
    if weights * like.element_size() > MAX_WEIGHT_BYTES:
        return f"the recurrent weights take more than {MAX_WEIGHT_BYTES >> 10} KiB in tiles of {TILE} units"
    return None


def is_interpreted() -> bool:
    """Whether Triton was imported with TRITON_INTERPRET=1, and so runs kernels on the CPU."""
    return triton is not None and not isinstance(scan_forward, triton.JITFunction)


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
    columns = functional.linear(inputs, weight_input, bias)
    hidden = inputs.new_empty(len(inputs), layout.hidden_size)
    cells = inputs.new_empty(len(inputs) if layout.parts > 1 else 0, layout.hidden_size)
    static = _static(layout, _mode(relaxation, noise), inputs)
    arrays = (columns, _pack(static, recurrent, back=False), noise)
    scalar = _scalar(relaxation.temperature, inputs)
    final = _launch_forward(static, arrays, scalar, start, hidden, cells, None, batch_sizes)
    return hidden, cells, columns, columns[:, layout.num_gates :].clone(), final


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
    grad_columns = torch.empty_like(gates)
    if not batch_sizes:
        return grad_columns, grad_columns.sum(0), hidden.clone()
    static = _static(layout, _mode(relaxation, noise), gates)
    plan, steps = _plan(batch_sizes, start)
    packed, scalar = _pack(static, recurrent, back=True), _scalar(relaxation.temperature, gates)
    given = (gates, packed, noise, scalar, start, hidden, cells, grad_hidden, grad_logits)
    scan_backward[(len(steps),)](
        *given, grad_state, grad_columns, plan, steps, start.shape[1], static, num_warps=WARPS
    )
    sizes = torch.tensor(batch_sizes)
    first = batch_sizes[0]
    before = torch.arange(first, len(hidden)) - sizes[:-1].repeat_interleave(sizes[1:])
    previous = torch.cat((start[0, :first], hidden[before.to(hidden.device)]))
    return grad_columns, grad_columns.sum(0), previous


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
    """As `hard` of scan_torch_skim_rnn.py: dense products, of which the chosen branch is kept."""
    hidden = inputs.new_empty(len(inputs), layout.hidden_size)
    logits = inputs.new_empty(len(inputs), layout.num_logits)
    decisions = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    static = _static(layout, "hard" if layout.num_logits else "full", inputs, keep=False)
    packed, scalar = _pack(static, recurrent, back=False), _scalar(threshold, inputs)
    state, begin = start.clone(), 0
    for first in range(0, len(batch_sizes), STEPS_AT_ONCE):
        sizes = batch_sizes[first : first + STEPS_AT_ONCE]
        chunk = slice(begin, begin + sum(sizes))
        columns = functional.linear(inputs[chunk], weight_input, bias)
        arrays, results = (columns, packed, None), (hidden[chunk], None, decisions[chunk])
        state = _launch_forward(static, arrays, scalar, state, *results, sizes)
        logits[chunk] = columns[:, layout.num_gates :]
        begin = chunk.stop
    return hidden, logits, decisions, state


def _launch_forward(
    static: Static,
    arrays: tuple[Tensor, Tensor, Tensor | None],
    scalar: Tensor,
    start: Tensor,
    hidden: Tensor,
    cells: Tensor | None,
    decisions: Tensor | None,
    batch_sizes: list[int],
) -> Tensor:
    """Reads.

    Args:
        static: What the kernel is compiled for.
        arrays: Columns [N, W], whose gates (if kept) and logits are overwritten; packed weights; and noise
            [N, k] or None.
        scalar: [1], the temperature, or the threshold of hard decisions.
        start: [P, B, d].
        hidden: [N, d], written.
        cells: [N, d], written if kept.
        decisions: [N] int64, written in hard mode.
        batch_sizes: Texts still being read, per step.

    Returns:
        The final state [P, B, d].
    """
    if not batch_sizes:
        return start.clone()
    final = torch.empty_like(start)
    plan, steps = _plan(batch_sizes, start)
    outputs = (hidden, cells, decisions, final)
    scan_forward[(len(steps),)](
        *arrays, scalar, start, *outputs, plan, steps, start.shape[1], static, num_warps=WARPS
    )
    return final


def _mode(relaxation: Relaxation, noise: Tensor | None) -> str:
    if noise is None:
        return "full"
    return "straight" if relaxation.straight_through else "soft"


def _scalar(value: float, like: Tensor) -> Tensor:
    """[1] in the precision of sums; in memory, since a kernel is compiled anew for every constant."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    return torch.full((1,), value, dtype=dtype, device=like.device)


def _plan(batch_sizes: list[int], start: Tensor) -> tuple[Tensor, Tensor]:
    """What every step and every program needs.

    Returns:
        [T, 4]: texts of the step, its first token, the first token of the step before, and how many texts
        that has for this step (none at first, where the start takes its place); and the steps of every
        program, [programs].
    """
    sizes = torch.tensor(batch_sizes)
    first = sizes.cumsum(0) - sizes
    plan = torch.stack((sizes, first, first.roll(1), sizes), 1)
    plan[:1, 2:] = 0
    steps = (sizes > torch.arange(0, start.shape[1], ROWS)[:, None]).sum(1)
    return plan.to(start.device), steps.to(start.device)


def _static(layout: ScanLayout, mode: str, like: Tensor, *, keep: bool = True) -> Static:
    """What the kernels are compiled for."""
    big = min(_power(layout.hidden_size), TILE)
    tiles = -(-layout.hidden_size // big)
    # The decision first and the big cell last: what does not fit on chip is a part of the big cell.
    wanted = [(layout.num_logits, 1, 1, layout.num_gates, ROWS)]
    for size, columns in zip(layout.sizes[::-1], layout.cell_columns[::-1], strict=True):
        blocks = BLOCKS[layout.cell], PRODUCTS[layout.cell]
        wanted.append((size, *blocks, columns.start, min(_power(size), big)))
    found: list[Cell] = []
    weight = place = slot = resident = 0
    room = (_shared_bytes(like) - SCRATCH_BYTES) // like.element_size()
    for units, blocks_of, products, column, width in wanted:
        own = -(-units // width)
        found.append(Cell(units, width, own, blocks_of, products, column, weight, place, slot))
        slot += own * blocks_of
        count = own * products * tiles
        resident += max(0, min(count, (room - weight) // (width * big)))
        place += count
        weight += count * width * big
    precision = "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"
    return Static(
        kind=layout.cell,
        mode=mode,
        keep=keep,
        cells=tuple(found[:0:-1]),
        decision=found[0],
        order=tuple(found),
        width=layout.width,
        tiles=tiles,
        rows=ROWS,
        resident=resident,
        precision=precision,
        double=like.dtype == torch.float64,
    )


def _shared_bytes(like: Tensor) -> int:
    """Shared memory of a program."""
    if not like.is_cuda:
        return 100 << 10
    properties = torch.cuda.get_device_properties(like.device)
    return int(properties.shared_memory_per_block_optin)  # type: ignore[attr-defined]


def _power(units: int) -> int:
    """The power of two that holds them, at least 16 for a product."""
    return 1 << max(units - 1, 15).bit_length()


def _pack(static: Static, recurrent: Tensor, *, back: bool) -> Tensor:
    """Recurrent weights [W, d] as the kernels load them, tile by tile; turned for the way back."""
    pieces = []
    big = static.cells[0]
    for cell in static.order:
        if not cell.tiles:
            continue
        rows = recurrent[cell.column : cell.column + cell.products * cell.units]
        room = (0, static.tiles * big.width - big.units, 0, cell.tiles * cell.width - cell.units)
        padded = functional.pad(rows.unflatten(0, (cell.products, cell.units)), room)
        tiled = padded.view(cell.products, cell.tiles, cell.width, static.tiles, big.width)
        pieces.append(tiled.permute((1, 0, 3, 2, 4) if back else (1, 0, 3, 4, 2)).flatten())
    return torch.cat(pieces)


TRITON = ScanBackend("triton", declined, forward, backward, hard)
