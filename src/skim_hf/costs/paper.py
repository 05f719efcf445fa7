"""The paper accounting: a formula that reproduces the published Flop-r columns.

The Skim-RNN paper does not print its formula. This one gives all 16 values of its classification
table (table 2), the cloze table (table 5, when the inverse is rounded to two decimals first) and
the theoretical curve of figure 7. With s the skim rate, d the state size and d' the small one:

    C(m) = G * (2 m^2 + 3 m)
    Flop-r = C(d) / ((1 - s) C(d) + s C(d') + 2 d)

It charges a small cell as if its input, too, were only d' wide. A real small cell reads an input of
full width, so the saving that is executed is smaller: use `macs_ratio` for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from skim_hf.costs.shapes import GATES, check_choice, check_size


def paper_step_cost(size: int, cell_type: str = "lstm") -> int:
    """Counts one update of a cell whose input and state are both `size` wide.

    Args:
        size: m, the width of the cell; 0 costs nothing.
        cell_type: lstm, gru or tanh.

    Returns:
        C(m) = G (2 m^2 + 3 m), multiplications counted once.

    Raises:
        TypeError: The size is not an integer.
        ValueError: A negative size or an unknown cell type.
    """
    check_choice("cell_type", cell_type, tuple(GATES))
    check_size("size", size, low=0)
    return GATES[cell_type] * (2 * size * size + 3 * size)


def paper_decision_cost(hidden_size: int, num_choices: int = 2) -> int:
    """Counts one decision: a dot product of width 2 d for every choice beyond the first.

    The published tables have two choices; charging each further one alike is our extension.

    Args:
        hidden_size: d.
        num_choices: k, the full update included; a plain reader has 1 and decides nothing.

    Returns:
        (k - 1) 2 d.

    Raises:
        TypeError: A number that is not an integer.
        ValueError: A number below 1.
    """
    check_size("hidden_size", hidden_size, low=1)
    check_size("num_choices", num_choices, low=1)
    return (num_choices - 1) * 2 * hidden_size


def paper_flop_ratio(
    hidden_size: int,
    skim_sizes: int | Sequence[int],
    skim_rates: float | Sequence[float],
    cell_type: str = "lstm",
) -> float:
    """Computes Flop-r as the published tables do.

    Args:
        hidden_size: d.
        skim_sizes: d', or the sizes of all small cells.
        skim_rates: s, the share of tokens in [0, 1] that the small cell handles, or one share for
            each of `skim_sizes`. The rest is fully read.
        cell_type: lstm, gru or tanh.

    Returns:
        Plain / adaptive cost.

    Raises:
        TypeError: A size that is not an integer.
        ValueError: A size or rate out of range, or not one rate per size.

    Example:
        >>> round(paper_flop_ratio(100, 10, 0.907), 1)
        9.5
        >>> round(paper_flop_ratio(100, [10, 0], [0.5, 0.4]), 1)
        9.0
    """
    sizes = [skim_sizes] if isinstance(skim_sizes, int) else list(skim_sizes)
    rates = [skim_rates] if isinstance(skim_rates, (int, float)) else list(skim_rates)
    check_size("hidden_size", hidden_size, low=1)
    for size in sizes:
        check_size("skim_sizes", size, low=0, high=hidden_size)
    _check_rates(rates, len(sizes))
    read = paper_step_cost(hidden_size, cell_type)
    adaptive = (1.0 - math.fsum(rates)) * read + paper_decision_cost(hidden_size, 1 + len(sizes))
    adaptive += math.fsum(
        rate * paper_step_cost(size, cell_type) for size, rate in zip(sizes, rates, strict=True)
    )
    return read / adaptive


def _check_rates(rates: Sequence[float], expected: int) -> None:
    if len(rates) != expected:
        raise ValueError(f"expected one skim rate for each of the {expected} skim sizes, got {len(rates)}")
    # The sum may pass 1 by the rounding of shares that were counted as k/n.
    if not all(0.0 <= rate <= 1.0 for rate in rates) or math.fsum(rates) > 1.0 + 1e-9:
        raise ValueError(
            f"skim rates are shares of tokens: each in [0, 1] and together at most 1, got {list(rates)}; "
            f"divide percentages by 100"
        )
