"""What the Triton kernels of the scan work with: tiles of the state, of columns and of weights.

The compiler unrolls products and runs out of registers where they are large, so a state is a tuple of tiles
of units, and weights come in tiles too. A small cell narrower than a tile has tiles of its own width. Its
products sum over the whole state, also where the weights beyond its own slice are zero, which costs less
than cutting the state for them.

S is a Static, CELL a Cell; arguments in capitals are known when a kernel is compiled. `at` says where the
rows of a tile are in memory, and which of them: (tokens or texts [rows], mask [rows]). p counts a cell's
tiles and q those of the state. Blocks of columns are those of scan_layout_skim_rnn.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None


class Cell(NamedTuple):
    """A cell; or the decision, as a cell of k units and one block.

    Attributes:
        units: m.
        width: Units of a tile.
        tiles: Tiles of units; 0 for no decision.
        blocks: Blocks of columns.
        products: Blocks that see the state, the first ones.
        column: Its first column.
        weight: Its first weight, counted in elements of the packed weights.
        place: Its first weight tile, counted in tiles.
        slot: Its first tile of columns, counted in tiles.
    """

    units: int
    width: int
    tiles: int
    blocks: int
    products: int
    column: int
    weight: int
    place: int
    slot: int


class Static(NamedTuple):
    """What a kernel is compiled for.

    Attributes:
        kind: `lstm`, `gru` or `tanh`.
        mode: `full`, `soft`, `straight` or `hard`.
        keep: Whether the activated gates and c are wanted.
        cells: The big one first.
        decision: Its columns and weights.
        order: The decision and the cells as they are packed, the big one last.
        width: W.
        tiles: Tiles of the state.
        rows: Texts of a program.
        resident: Weight tiles that stay on chip; the others are loaded at every step.
        precision: Of products of float32.
        double: Whether sums are float64 rather than float32.
    """

    kind: str
    mode: str
    keep: bool
    cells: tuple[Cell, ...]
    decision: Cell
    order: tuple[Cell, ...]
    width: int
    tiles: int
    rows: int
    resident: int
    precision: str
    double: bool


def jit(function: Any) -> Any:
    """`triton.jit`, where there is Triton."""
    return function if triton is None else triton.jit(function)


@jit
def widen(x: tl.tensor, S: tl.constexpr) -> tl.tensor:
    """To the precision of sums."""
    if S.double:
        return x.to(tl.float64)
    else:
        return x.to(tl.float32)


@jit
def zeros(WIDTH: tl.constexpr, S: tl.constexpr) -> tl.tensor:
    """[rows, WIDTH]."""
    return tl.zeros((S.rows, WIDTH), tl.float64 if S.double else tl.float32)


@jit
def fit(x: tl.tensor, WIDTH: tl.constexpr) -> tl.tensor:
    """The first WIDTH columns of x; where it has fewer, copies of its last one.

    A product with a selection matrix would do the same, but spread a NaN to all units.
    """
    if x.shape[1] == WIDTH:
        return x
    else:
        column = tl.minimum(tl.arange(0, WIDTH), x.shape[1] - 1)
        return tl.gather(x, tl.broadcast_to(column[None, :], (x.shape[0], WIDTH)), 1)


@jit
def units(CELL: tl.constexpr, p: tl.constexpr) -> tl.tensor:
    """The units of a tile, [1, width]."""
    return (p * CELL.width + tl.arange(0, CELL.width))[None, :]


@jit
def load_units(
    part: tl.tensor, at: tl.tuple, S: tl.constexpr, CELL: tl.constexpr, p: tl.constexpr
) -> tl.tensor:
    """One tile of what a cell covers of h or c."""
    unit = units(CELL, p)
    inside = at[1][:, None] & (unit < CELL.units)
    return widen(tl.load(part + at[0][:, None] * S.cells[0].units + unit, mask=inside, other=0), S)


@jit
def load_state(part: tl.tensor, at: tl.tuple, S: tl.constexpr) -> tl.tuple:
    """All tiles of h or c."""
    state = ()
    for q in tl.static_range(S.tiles):
        state = state + (load_units(part, at, S, S.cells[0], q),)
    return state


@jit
def store_state(part: tl.tensor, state: tl.tuple, at: tl.tuple, S: tl.constexpr) -> None:
    """The counterpart of `load_state`."""
    for q in tl.static_range(S.tiles):
        unit = units(S.cells[0], q)
        inside = at[1][:, None] & (unit < S.cells[0].units)
        tl.store(part + at[0][:, None] * S.cells[0].units + unit, state[q], mask=inside)


@jit
def where(mask: tl.tensor, new: tl.tuple, old: tl.tuple) -> tl.tuple:
    """One of two states, row by row."""
    state = ()
    for q in tl.static_range(len(new)):
        state = state + (tl.where(mask[:, None], new[q], old[q]),)
    return state


@jit
def add(left: tl.tuple, right: tl.tuple) -> tl.tuple:
    """Two states."""
    state = ()
    for q in tl.static_range(len(left)):
        state = state + (left[q] + right[q],)
    return state


@jit
def load_blocks(columns: tl.tensor, at: tl.tuple, S: tl.constexpr, CELL: tl.constexpr) -> tl.tuple:
    """All tiles of all blocks of a cell's columns."""
    tiles = ()
    for p in tl.static_range(CELL.tiles):
        unit = units(CELL, p)
        first = columns + at[0][:, None] * S.width + CELL.column + unit
        for g in tl.static_range(CELL.blocks):
            tile = tl.load(first + g * CELL.units, mask=at[1][:, None] & (unit < CELL.units), other=0)
            tiles = tiles + (widen(tile, S),)
    return tiles


@jit
def load_columns(columns: tl.tensor, at: tl.tuple, S: tl.constexpr) -> tl.tuple:
    """All tiles of all columns, in the order of S."""
    tiles = ()
    for j in tl.static_range(len(S.order)):
        tiles = tiles + load_blocks(columns, at, S, S.order[j])
    return tiles


@jit
def store_blocks(
    columns: tl.tensor, blocks: tl.tuple, at: tl.tuple, S: tl.constexpr, CELL: tl.constexpr, p: tl.constexpr
) -> None:
    """The counterpart of `load_blocks`."""
    unit = units(CELL, p)
    first = columns + at[0][:, None] * S.width + CELL.column + unit
    for g in tl.static_range(CELL.blocks):
        tl.store(first + g * CELL.units, blocks[g], mask=at[1][:, None] & (unit < CELL.units))


@jit
def load_choices(x: tl.tensor, at: tl.tuple, S: tl.constexpr) -> tl.tensor:
    """Of an array [N, k]."""
    column = units(S.decision, 0)
    inside = at[1][:, None] & (column < S.decision.units)
    return widen(tl.load(x + at[0][:, None] * S.decision.units + column, mask=inside, other=0), S)


@jit
def load_weight(
    packed: tl.tensor, S: tl.constexpr, CELL: tl.constexpr, N: tl.constexpr, BACK: tl.constexpr
) -> tl.tensor:
    """A cell's weight tile of number N: [units of the state, columns]; BACK: the other way round."""
    DEPTH: tl.constexpr = CELL.width if BACK else S.cells[0].width
    WIDTH: tl.constexpr = S.cells[0].width if BACK else CELL.width
    element = tl.arange(0, DEPTH)[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
    return tl.load(packed + CELL.weight + N * DEPTH * WIDTH + element)


@jit
def load_cell(packed: tl.tensor, S: tl.constexpr, CELL: tl.constexpr, BACK: tl.constexpr) -> tl.tuple:
    """Those weight tiles of a cell that stay on chip."""
    tiles = ()
    for n in tl.static_range(CELL.tiles * CELL.products * S.tiles):
        if CELL.place + n < S.resident:
            tiles = tiles + (load_weight(packed, S, CELL, n, BACK),)
    return tiles


@jit
def load_weights(packed: tl.tensor, S: tl.constexpr, BACK: tl.constexpr) -> tl.tuple:
    """Where the weights are, and the tiles that stay on chip."""
    tiles = ()
    for j in tl.static_range(len(S.order)):
        tiles = tiles + load_cell(packed, S, S.order[j], BACK)
    return packed, tiles


@jit
def weight_tile(
    weights: tl.tuple, S: tl.constexpr, CELL: tl.constexpr, N: tl.constexpr, BACK: tl.constexpr
) -> tl.tensor:
    """As `load_weight`, unless it is there already."""
    if CELL.place + N < S.resident:
        return weights[1][CELL.place + N]
    else:
        return load_weight(weights[0], S, CELL, N, BACK)


@jit
def multiply(
    sums: tl.tuple, x: tl.tensor, weights: tl.tuple, S: tl.constexpr, CELL: tl.constexpr, q: tl.constexpr
) -> tl.tuple:
    """What a cell's columns get from tile q of h, added to `sums`, of which it returns the cell's."""
    result = ()
    for n in tl.static_range(CELL.tiles * CELL.products):
        weight = weight_tile(weights, S, CELL, n * S.tiles + q, False)
        total = tl.dot(
            x.to(weight.dtype), weight, sums[CELL.place // S.tiles + n], input_precision=S.precision
        )
        result = result + (total,)
    return result


@jit
def products(h: tl.tuple, weights: tl.tuple, S: tl.constexpr) -> tl.tuple:
    """What all columns get from h, tile by tile in the order of S.

    The outer loop is that over tiles of h: only one of them takes up registers as an operand.
    """
    sums = ()
    for j in tl.static_range(len(S.order)):
        for n in tl.static_range(S.order[j].tiles * S.order[j].products):
            sums = sums + (zeros(S.order[j].width, S),)
    for q in tl.static_range(S.tiles):
        result = ()
        for j in tl.static_range(len(S.order)):
            result = result + multiply(sums, h[q], weights, S, S.order[j], q)
        sums = result
    return sums


@jit
def add_product(
    sums: tl.tuple, x: tl.tensor, weights: tl.tuple, S: tl.constexpr, CELL: tl.constexpr, N: tl.constexpr
) -> tl.tuple:
    """Adds to the gradient of h what the gradient x of that tile of columns gives to it."""
    result = ()
    for q in tl.static_range(S.tiles):
        weight = weight_tile(weights, S, CELL, N * S.tiles + q, True)
        result = result + (tl.dot(x.to(weight.dtype), weight, sums[q], input_precision=S.precision),)
    return result
