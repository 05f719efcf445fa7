"""The published accountings of Skip RNN and SA-RNN, only for comparison with their tables.

Neither paper prints its formula. These give the printed numbers, with d_x the width of the input, d
that of the state and G the gates of the cell:

    Skip RNN: updates * (G d (d_x + d) + d)                           multiplications
    SA-RNN:   (1 - skip) T G d (2 (d_x + d) - 1) + T d ((2 d_x - 1) + 2)   multiplications and additions

The first is our macs of the same reader (tables 1 and 2, "+ d" for the gate, which a plain RNN lacks).
The second counts additions too (tables 2 to 4); GRU in the paper, other cells are our extension. It
charges a reset-before GRU as if its candidate needed the selected units alone.
"""

from __future__ import annotations

from skim_hf.costs.shapes import GATES, check_choice, check_size


def skip_rnn_flops(
    updates: float, input_size: int, hidden_size: int, cell_type: str = "lstm", *, has_gate: bool = True
) -> float:
    """Counts the multiplications of one layer as Skip RNN's tables do.

    Args:
        updates: State updates; a mean over texts need not be whole.
        input_size: d_x.
        hidden_size: d.
        cell_type: lstm, gru or tanh.
        has_gate: Whether the reader decides; not so for a plain one, and for the lower layers of a stack.

    Returns:
        Multiplications.

    Raises:
        TypeError: A size that is not an integer.
        ValueError: A number out of range, or an unknown cell type.

    Example:
        >>> skip_rnn_flops(50, 2, 110, has_gate=False)
        2464000
    """
    _check(cell_type, input_size, hidden_size)
    if not updates >= 0:
        raise ValueError(f"updates must be at least 0, got {updates}")
    step = GATES[cell_type] * hidden_size * (input_size + hidden_size)
    return updates * (step + (hidden_size if has_gate else 0))


def plain_rnn_flops(tokens: float, input_size: int, hidden_size: int, cell_type: str = "gru") -> float:
    """Counts the multiplications and additions of a plain layer as SA-RNN's tables do.

    Args:
        tokens: T.
        input_size: d_x.
        hidden_size: d.
        cell_type: gru in the paper; lstm or tanh alike.

    Returns:
        T G d (2 (d_x + d) - 1).

    Raises:
        TypeError: A size that is not an integer.
        ValueError: A number out of range, or an unknown cell type.

    Example:
        >>> plain_rnn_flops(15, 77, 50)
        569250
    """
    _check(cell_type, input_size, hidden_size)
    if not tokens >= 0:
        raise ValueError(f"tokens must be at least 0, got {tokens}")
    return tokens * GATES[cell_type] * hidden_size * (2 * (hidden_size + input_size) - 1)


def sa_rnn_flops(
    tokens: float, skip_rate: float, input_size: int, hidden_size: int, cell_type: str = "gru"
) -> float:
    """Counts the multiplications and additions of a selective layer as SA-RNN's tables do.

    Args:
        tokens: T.
        skip_rate: Share of the units that were not updated, mean over tokens, in [0, 1].
        input_size: d_x.
        hidden_size: d.
        cell_type: gru in the paper; lstm or tanh alike.

    Returns:
        (1 - skip) of the plain layer, and the coordinator.

    Raises:
        TypeError: A size that is not an integer.
        ValueError: A number out of range, or an unknown cell type.

    Example:
        >>> f"{sa_rnn_flops(500, 0.252, 2, 128):.3g}"
        '3.75e+07'
    """
    if not 0.0 <= skip_rate <= 1.0:
        raise ValueError(f"skip_rate is a share in [0, 1], got {skip_rate}; divide percentages by 100")
    plain = plain_rnn_flops(tokens, input_size, hidden_size, cell_type)
    return (1.0 - skip_rate) * plain + tokens * hidden_size * (2 * input_size - 1 + 2)


def _check(cell_type: str, input_size: int, hidden_size: int) -> None:
    check_choice("cell_type", cell_type, tuple(GATES))
    check_size("input_size", input_size, low=1)
    check_size("hidden_size", hidden_size, low=1)
