"""The Triton kernels of the scan: one program takes a few texts through all steps, forward or backward.

What happens to a state is the same as in scan_torch_skim_rnn.py, tile by tile (scan_tiles_skim_rnn.py).
Rows whose text has ended are computed along and not stored.
"""

from __future__ import annotations

from typing import Any

from .scan_elements_skim_rnn import activate, decide, differentiate, propose
from .scan_tiles_skim_rnn import (
    add,
    add_product,
    fit,
    jit,
    load_choices,
    load_columns,
    load_state,
    load_weights,
    products,
    store_blocks,
    store_state,
    triton,
    units,
    where,
    widen,
    zeros,
)

try:
    import triton.language as tl
except ImportError:
    tl = None


def _kernel(function: Any) -> Any:
    """A kernel; pieces of a batch begin anywhere, so it knows the alignment of the weights alone."""
    if triton is None:
        return function
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    anywhere = [name for name in names if name not in ("packed", "S")]
    return triton.jit(do_not_specialize=["texts"], do_not_specialize_on_alignment=anywhere)(function)


@jit
def _read_cell(
    columns: tl.tensor,
    at: tl.tuple,
    h: tl.tuple,
    c: tl.tuple,
    given: tl.tuple,
    from_h: tl.tuple,
    S: tl.constexpr,
    CELL: tl.constexpr,
    p: tl.constexpr,
) -> tl.tuple:
    """What a cell makes of one tile of the state; its gates take the place of the columns."""
    x: tl.constexpr = CELL.slot + p * CELL.blocks
    n: tl.constexpr = CELL.place // S.tiles + p * CELL.products
    gates = activate(given[x : x + CELL.blocks], from_h[n : n + CELL.products], S.kind)
    if S.keep:
        store_blocks(columns, gates, at, S, CELL, p)
    new_h, new_c = propose(gates, fit(h[p], CELL.width), fit(c[p], CELL.width), S.kind)
    return fit(new_h, S.cells[0].width), fit(new_c, S.cells[0].width)


@jit
def _mix(
    mixed: tl.tensor,
    new: tl.tensor,
    old: tl.tensor,
    share: tl.tensor,
    S: tl.constexpr,
    CELL: tl.constexpr,
    p: tl.constexpr,
) -> tl.tensor:
    """Adds a branch (eq. 5), or takes it; one that is not taken leaves no trace, not even of a NaN."""
    inside = units(S.cells[0], p) < CELL.units
    if S.mode == "soft":
        return tl.where(inside, mixed + share * (new - old), mixed)
    else:
        return tl.where(inside & (share == 1), new, mixed)


@jit
def _read_tile(
    columns: tl.tensor,
    at: tl.tuple,
    h: tl.tuple,
    c: tl.tuple,
    shares: tl.tuple,
    given: tl.tuple,
    from_h: tl.tuple,
    S: tl.constexpr,
    p: tl.constexpr,
) -> tl.tuple:
    """One tile of the next h and c."""
    if S.mode == "full":
        mixed_h, mixed_c = _read_cell(columns, at, h, c, given, from_h, S, S.cells[0], p)
    else:
        mixed_h, mixed_c = h[p], c[p]
        for j in tl.static_range(len(S.cells)):
            if p < S.cells[j].tiles:
                new_h, new_c = _read_cell(columns, at, h, c, given, from_h, S, S.cells[j], p)
                mixed_h = _mix(mixed_h, new_h, h[p], shares[j], S, S.cells[j], p)
                mixed_c = _mix(mixed_c, new_c, c[p], shares[j], S, S.cells[j], p)
    return mixed_h, mixed_c


@_kernel
def scan_forward(
    columns: tl.tensor,
    packed: tl.tensor,
    noise: tl.tensor,
    scalar: tl.tensor,
    start: tl.tensor,
    hidden: tl.tensor,
    cells: tl.tensor,
    decisions: tl.tensor,
    final: tl.tensor,
    plan: tl.tensor,
    steps: tl.tensor,
    texts: tl.tensor,
    S: tl.constexpr,
) -> None:
    """Reads. `_launch_forward` in scan_triton_skim_rnn.py says what the arguments are."""
    row = tl.program_id(0) * S.rows + tl.arange(0, S.rows)
    weights = load_weights(packed, S, False)
    text = (row, row < texts)
    h = load_state(start, text, S)
    c = h
    if S.kind == "lstm":
        c = load_state(start + texts * S.cells[0].units, text, S)
    for t in range(tl.load(steps + tl.program_id(0))):
        at = (tl.load(plan + 4 * t + 1) + row, row < tl.load(plan + 4 * t))
        # Loaded first, because it does not wait for h: it is under way during the products.
        given = load_columns(columns, at, S)
        from_h = products(h, weights, S)
        shares = ()
        if S.mode != "full":
            # Decided by what is stored, so that the backward pass sees the same choice.
            scores = (given[0] + from_h[0]).to(columns.dtype.element_ty)
            store_blocks(columns, (scores,), at, S, S.decision, 0)
            shares, _, choice = decide(widen(scores, S), noise, tl.load(scalar), at, S)
            if S.mode == "hard":
                tl.store(decisions + at[0], choice, mask=at[1])
        new_h, new_c = (), ()
        for p in tl.static_range(S.tiles):
            tile_h, tile_c = _read_tile(columns, at, h, c, shares, given, from_h, S, p)
            new_h, new_c = new_h + (tile_h,), new_c + (tile_c,)
        h = where(at[1], new_h, h)
        store_state(hidden, h, at, S)
        if S.kind == "lstm":
            c = where(at[1], new_c, c)
            if S.keep:
                store_state(cells, c, at, S)
    store_state(final, h, text, S)
    if S.kind == "lstm":
        store_state(final + texts * S.cells[0].units, c, text, S)


@jit
def _back_cell(
    given: tl.tuple,
    old: tl.tuple,
    grad: tl.tuple,
    share: tl.tensor,
    S: tl.constexpr,
    CELL: tl.constexpr,
    p: tl.constexpr,
) -> tl.tuple:
    """One tile of a cell.

    Returns:
        The gradient of its columns, what changes in that of h and c, and that of its mixing weight [rows, 1].
    """
    h, c = fit(old[0][p], CELL.width), fit(old[1][p], CELL.width)
    x: tl.constexpr = CELL.slot + p * CELL.blocks
    gates = given[x : x + CELL.blocks]
    new_h, new_c = propose(gates, h, c, S.kind)
    inside = units(CELL, p) < CELL.units
    grad_h = tl.where(inside, fit(grad[0], CELL.width), 0)
    grad_c = tl.where(inside, fit(grad[1], CELL.width), 0)
    own_h, own_c = share * grad_h, share * grad_c
    columns, to_h, to_c = differentiate(gates, h, c, new_c, own_h, own_c, S.kind)
    pull = grad_h * (new_h - h)
    if S.kind == "lstm":
        pull += grad_c * (new_c - c)
    if S.mode != "full":
        to_h, to_c = to_h - own_h, to_c - own_c
    return columns, to_h, to_c, tl.sum(tl.where(inside, pull, 0), 1)[:, None]


@jit
def _back_tile(
    grad_columns: tl.tensor,
    at: tl.tuple,
    given: tl.tuple,
    old: tl.tuple,
    grad: tl.tuple,
    shares: tl.tuple,
    weights: tl.tuple,
    sums: tl.tuple,
    pulls: tl.tensor,
    S: tl.constexpr,
    p: tl.constexpr,
) -> tl.tuple:
    """One tile of the state: what of the gradient of h and c passes by products and by decisions.

    Returns:
        The gradient of this tile of h and c but for products; `sums`, with what the products of this tile
        add to the gradient of h, and `pulls` [rows, columns], with what it adds to that of mixing weights.
    """
    kept_h, kept_c = grad[0], grad[1]
    for j in tl.static_range(len(S.cells)):
        if p < S.cells[j].tiles:
            columns, to_h, to_c, pull = _back_cell(given, old, grad, shares[j], S, S.cells[j], p)
            store_blocks(grad_columns, columns, at, S, S.cells[j], p)
            for g in tl.static_range(S.cells[j].products):
                sums = add_product(sums, columns[g], weights, S, S.cells[j], p * S.cells[j].products + g)
            if S.mode == "full":
                kept_h, kept_c = to_h, to_c
            else:
                inside = units(S.cells[0], p) < S.cells[j].units
                kept_h += tl.where(inside, fit(to_h, S.cells[0].width), 0)
                kept_c += tl.where(inside, fit(to_c, S.cells[0].width), 0)
                pulls += tl.where(units(S.decision, 0) == j, pull, 0)
    return kept_h, kept_c, sums, pulls


@jit
def _load_old(
    part: tl.tensor, start: tl.tensor, step: tl.tensor, row: tl.tensor, alive: tl.tensor, S: tl.constexpr
) -> tl.tuple:
    """H or c before a step; of the two loads, only one has any rows."""
    before = row < tl.load(step + 3)
    later = load_state(part, (tl.load(step + 2) + row, before), S)
    return add(later, load_state(start, (row, alive & ~before), S))


@_kernel
def scan_backward(
    gates: tl.tensor,
    packed: tl.tensor,
    noise: tl.tensor,
    scalar: tl.tensor,
    start: tl.tensor,
    hidden: tl.tensor,
    cells: tl.tensor,
    grad_hidden: tl.tensor,
    grad_logits: tl.tensor,
    grad_state: tl.tensor,
    grad_columns: tl.tensor,
    plan: tl.tensor,
    steps: tl.tensor,
    texts: tl.tensor,
    S: tl.constexpr,
) -> None:
    """Gradients of what `scan_forward` got."""
    row = tl.program_id(0) * S.rows + tl.arange(0, S.rows)
    text = (row, row < texts)
    second = texts * S.cells[0].units
    weights = load_weights(packed, S, True)
    grad_h = load_state(grad_state, text, S)
    grad_c = grad_h
    if S.kind == "lstm":
        grad_c = load_state(grad_state + second, text, S)
    count = tl.load(steps + tl.program_id(0))
    for s in range(count):
        t = count - 1 - s
        at = (tl.load(plan + 4 * t + 1) + row, row < tl.load(plan + 4 * t))
        # All loads come first: they wait together.
        given = load_columns(gates, at, S)
        old_h = _load_old(hidden, start, plan + 4 * t, row, at[1], S)
        old_c = old_h
        if S.kind == "lstm":
            old_c = _load_old(cells, start + second, plan + 4 * t, row, at[1], S)
        arriving = grad_h
        if grad_hidden is not None:
            arriving = add(arriving, load_state(grad_hidden, at, S))
        shares, pulls = (1,), zeros(S.decision.width, S)
        if S.mode != "full":
            shares, soft, _ = decide(given[0], noise, tl.load(scalar), at, S)
        sums, kept_h, kept_c = (), (), ()
        for q in tl.static_range(S.tiles):
            sums = sums + (zeros(S.cells[0].width, S),)
        for p in tl.static_range(S.tiles):
            tile_h, tile_c, sums, pulls = _back_tile(
                grad_columns,
                at,
                given,
                (old_h, old_c),
                (arriving[p], grad_c[p]),
                shares,
                weights,
                sums,
                pulls,
                S,
                p,
            )
            kept_h, kept_c = kept_h + (tile_h,), kept_c + (tile_c,)
        if S.mode != "full":
            scores = soft / tl.load(scalar) * (pulls - tl.sum(soft * pulls, 1)[:, None])
            if grad_logits is not None:
                scores += load_choices(grad_logits, at, S)
            store_blocks(grad_columns, (scores,), at, S, S.decision, 0)
            sums = add_product(sums, scores, weights, S, S.decision, 0)
        grad_h = where(at[1], add(kept_h, sums), grad_h)
        if S.kind == "lstm":
            grad_c = where(at[1], kept_c, grad_c)
    store_state(grad_state, grad_h, text, S)
    if S.kind == "lstm":
        store_state(grad_state + second, grad_c, text, S)
