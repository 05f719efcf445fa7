"""The element-wise part of the Triton kernels: cells forward and backward, and decisions.

Equations are those of scan_cells_skim_rnn.py, on tiles as scan_tiles_skim_rnn.py has them.
"""

from __future__ import annotations

from .scan_tiles_skim_rnn import jit, load_choices, units

try:
    import triton.language as tl
except ImportError:
    tl = None


@jit
def _tanh(x: tl.tensor) -> tl.tensor:
    # The language has none. This one does not overflow.
    return 2 * tl.sigmoid(2 * x) - 1


@jit
def activate(x: tl.tuple, from_h: tl.tuple, KIND: tl.constexpr) -> tl.tuple:
    """Activated gates from what the input and h give to the columns."""
    if KIND == "lstm":
        i, f = tl.sigmoid(x[0] + from_h[0]), tl.sigmoid(x[1] + from_h[1])
        return i, f, _tanh(x[2] + from_h[2]), tl.sigmoid(x[3] + from_h[3])
    elif KIND == "gru":
        r, z, q = tl.sigmoid(x[0] + from_h[0]), tl.sigmoid(x[1] + from_h[1]), x[2] + from_h[2]
        return r, z, q, _tanh(x[3] + r * q)
    else:
        return (_tanh(x[0] + from_h[0]),)


@jit
def propose(gates: tl.tuple, h: tl.tensor, c: tl.tensor, KIND: tl.constexpr) -> tl.tuple:
    """The new h and c; where there is no c, h twice."""
    if KIND == "lstm":
        new = gates[1] * c + gates[0] * gates[2]
        return gates[3] * _tanh(new), new
    elif KIND == "gru":
        new = gates[3] + gates[1] * (h - gates[3])
        return new, new
    else:
        return gates[0], gates[0]


@jit
def differentiate(
    gates: tl.tuple,
    h: tl.tensor,
    c: tl.tensor,
    new_c: tl.tensor,
    grad_h: tl.tensor,
    grad_c: tl.tensor,
    KIND: tl.constexpr,
) -> tl.tuple:
    """From the gradient of the new h and c to that of columns, of the old h (but for products) and of c."""
    if KIND == "lstm":
        i, f, g, o = gates[0], gates[1], gates[2], gates[3]
        t = _tanh(new_c)
        own = grad_c + grad_h * o * (1 - t * t)
        to_i, to_f, to_g = own * g * i * (1 - i), own * c * f * (1 - f), own * i * (1 - g * g)
        return (to_i, to_f, to_g, grad_h * t * o * (1 - o)), tl.zeros_like(grad_h), own * f
    elif KIND == "gru":
        r, z, q, n = gates[0], gates[1], gates[2], gates[3]
        own = grad_h * (1 - z) * (1 - n * n)
        to_r, to_z = own * q * r * (1 - r), grad_h * (h - n) * z * (1 - z)
        return (to_r, to_z, own * r, own), grad_h * z, grad_c
    else:
        return (grad_h * (1 - gates[0] * gates[0]),), tl.zeros_like(grad_h), grad_c


@jit
def _softmax(scores: tl.tensor, column: tl.tensor, S: tl.constexpr) -> tl.tensor:
    scores = tl.where(column < S.decision.units, scores, -float("inf"))
    powers = tl.exp(scores - tl.max(scores, 1)[:, None])
    return powers / tl.sum(powers, 1)[:, None]


@jit
def _best(x: tl.tensor, column: tl.tensor, S: tl.constexpr) -> tl.tensor:
    """The first column that holds a row's largest number, [rows]; 0 if all are NaN."""
    first = tl.min(tl.where(x == tl.max(x, 1)[:, None], column, S.decision.units), 1)
    return tl.where(first == S.decision.units, 0, first)


@jit
def decide(
    scores: tl.tensor,
    noise: tl.tensor,
    scalar: tl.tensor,
    at: tl.tuple,
    S: tl.constexpr,
) -> tl.tuple:
    """The mixing weight of every cell [rows, 1], the soft weights [rows, columns] and the choice [rows]."""
    column = units(S.decision, 0)
    if S.mode == "hard":
        soft = _softmax(scores, column, S)
        skim = tl.sum(tl.where(column > 0, soft, 0), 1)
        # As hard_choice: rounding may bring the sum above 1, where a threshold of 1 has to read.
        choice = tl.where(
            tl.where(skim > 1, 1.0, skim) > scalar, _best(tl.where(column > 0, soft, -1), column, S), 0
        )
    else:
        soft = _softmax((scores + load_choices(noise, at, S)) / scalar, column, S)
        choice = _best(soft, column, S)
    shares = ()
    for j in tl.static_range(len(S.cells)):
        if S.mode == "soft":
            shares = shares + (tl.sum(tl.where(column == j, soft, 0), 1)[:, None],)
        else:
            shares = shares + (tl.where(choice == j, 1.0, 0.0).to(soft.dtype)[:, None],)
    return shares, soft, choice
