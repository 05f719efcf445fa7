"""The macs accounting: multiply-adds of the matrix products that reading a text executes.

One multiply-add per weight that is used. Biases, activations and products of gates are left out,
as are the embedding lookup and the classifier. In the notation of the Skim-RNN paper (d_x input,
d state, d' small state, section 3.1), with m for the size of a choice and G for the gates:

    choice              multiply-adds per token
    read                G * d * (d_x + d)
    skim, own_slice     G * m * (d_x + m)
    skim, full_h        G * m * (d_x + d)
    skip (m = 0)        0
    decision            (k - 1) * (d_x + d), on every token; 0 for a plain reader (k = 1)
    policy skip         G * d * (d_x + d) for an update, and d for the gate after it (top layer only)
    policy selective    |u| * G * (d_x + d) for u updated units, and d * d_x + d to choose them
    random, periodic    G * d * (d_x + d) for a read, and nothing to decide
    jump decision       (K + 1) * d, only where one is taken

A softmax over k logits needs only the k - 1 differences of logits, so k - 1 rows are charged. All
K + 1 logits of a jump are, since their maximum is sought. Tokens that a jump passed over cost nothing.

With `folded_input` the d_x terms vanish: the products of each word's vector with the input weights
were computed once per vocabulary entry and are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from skim_hf.costs.shapes import ReaderShape, check_size


def step_macs(shape: ReaderShape, choice: int, *, folded_input: bool = False) -> int:
    """Counts one state update, without the decision that led to it.

    Args:
        shape: The reader; a full update of a selective one is that of all its units.
        choice: 0 for the full update, j >= 1 for `shape.skim_sizes[j - 1]`.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds.

    Raises:
        TypeError: The choice is not an integer.
        ValueError: The reader has no such choice.
    """
    check_size("choice", choice, low=0, high=len(shape.sizes) - 1)
    size = shape.sizes[choice]
    # For the full update own_slice and full_h agree, since the slice is the whole state.
    context = size if shape.small_input == "own_slice" else shape.hidden_size
    width = context if folded_input else shape.input_size + context
    return shape.gates * size * width


def decision_macs(shape: ReaderShape, *, folded_input: bool = False) -> int:
    """Counts what is decided at every token that is visited (eq. 1 of Skim-RNN, eq. 1 of SA-RNN).

    Args:
        shape: The reader.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds; 0 for a plain reader, which decides nothing, for random and periodic ones, and for
        policy skip, which decides only after an update: see `gate_macs`.
    """
    inputs = 0 if folded_input else shape.input_size
    if shape.policy == "selective":
        # The weights of a unit's own previous value are a vector.
        return shape.hidden_size * inputs + shape.hidden_size
    return len(shape.skim_sizes) * (inputs + shape.hidden_size)


def gate_macs(shape: ReaderShape) -> int:
    """Counts the gate of policy skip, computed after an update by the top layer; else 0."""
    return shape.hidden_size if shape.has_gate else 0


def jump_macs(shape: ReaderShape) -> int:
    """Counts one jump decision, (K + 1) d; 0 without a jump head."""
    return 0 if shape.jump_size is None else (shape.jump_size + 1) * shape.hidden_size


def macs(
    shape: ReaderShape,
    counts: Sequence[int],
    *,
    units: int | None = None,
    jumps: int = 0,
    folded_input: bool = False,
) -> int:
    """Counts a whole text, or any number of them.

    Args:
        shape: The reader.
        counts: How many tokens took each choice; k entries, as `choice_counts` gives them.
        units: Units that were updated, all tokens together; for a selective reader.
        jumps: Jump decisions that were taken.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds, decisions included.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: A negative count, not one count per choice, or units that do not fit the reader.
    """
    _check_counts(shape, counts, units)
    check_size("jumps", jumps, low=0)
    if jumps and shape.jump_size is None:
        raise ValueError(f"this reader has no jump head and cannot have taken {jumps} jump decisions")
    if shape.policy == "selective":
        # One unit needs its own row of each gate.
        steps = (units or 0) * (step_macs(shape, 0, folded_input=folded_input) // shape.hidden_size)
    else:
        steps = sum(
            count * step_macs(shape, choice, folded_input=folded_input) for choice, count in enumerate(counts)
        )
    decisions = sum(counts) * decision_macs(shape, folded_input=folded_input)
    return steps + decisions + counts[0] * gate_macs(shape) + jumps * jump_macs(shape)


def macs_ratio(
    shape: ReaderShape,
    counts: Sequence[int],
    *,
    units: int | None = None,
    jumps: int = 0,
    tokens: int | None = None,
    folded_input: bool = False,
) -> float:
    """Compares with the plain reader of the same cell, which fully reads the same texts.

    Args:
        shape: The reader.
        counts: How many tokens took each choice; k entries.
        units: Units that were updated; for a selective reader.
        jumps: Jump decisions that were taken.
        tokens: Tokens of the texts, those included that jumps passed over; None where there are none.
        folded_input: Whether both readers look their input products up.

    Returns:
        Plain / adaptive multiply-adds; slightly below 1 when everything is read and deciding costs
        something, infinite where nothing was computed, and 1.0 when there is no token at all.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: A negative count, not one count per choice, or units or tokens that do not fit.
    """
    spent = macs(shape, counts, units=units, jumps=jumps, folded_input=folded_input)
    plain = real_tokens(sum(counts), tokens) * step_macs(shape, 0, folded_input=folded_input)
    return saved(plain, spent)


def relative_costs(shape: ReaderShape, *, folded_input: bool = False) -> tuple[float, ...]:
    """Relates the update of every choice to the full update, decisions left out.

    These are the weights c_j / c_read of an expected-cost budget.

    Args:
        shape: The reader.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        k numbers in [0, 1], the first of them 1.0.
    """
    costs = [step_macs(shape, choice, folded_input=folded_input) for choice in range(len(shape.sizes))]
    return tuple(cost / costs[0] for cost in costs)


def real_tokens(visited: int, tokens: int | None) -> int:
    """Tokens of the texts: as given, and else all that were visited.

    Raises:
        ValueError: Fewer than were visited.
    """
    if tokens is not None and tokens < visited:
        raise ValueError(f"texts of {tokens} tokens cannot have had {visited} tokens visited")
    return visited if tokens is None else tokens


def saved(plain: float, spent: float) -> float:
    """A ratio of costs; infinite for something spared at no cost, and 1.0 where both are nothing."""
    if spent:
        return plain / spent
    return math.inf if plain else 1.0


def _check_counts(shape: ReaderShape, counts: Sequence[int], units: int | None) -> None:
    if len(counts) != len(shape.sizes):
        raise ValueError(
            f"expected one count for each of the {len(shape.sizes)} choices {shape.sizes}, "
            f"got {len(counts)}: {list(counts)}"
        )
    for count in counts:
        check_size("each count", count, low=0)
    if (shape.policy == "selective") != (units is not None):
        raise ValueError(
            "expected the number of units that were updated for a selective reader and for no other; "
            f"got {units} for policy {shape.policy!r}"
        )
    if units is not None:
        check_size("units", units, low=counts[0], high=counts[0] * shape.hidden_size)
