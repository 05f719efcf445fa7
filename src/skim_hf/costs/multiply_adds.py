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

A softmax over k logits needs only the k - 1 differences of logits, so k - 1 rows are charged.

With `folded_input` the d_x terms vanish: the products of each word's vector with the input weights
were computed once per vocabulary entry and are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence

from skim_hf.costs.shapes import ReaderShape, check_size


def step_macs(shape: ReaderShape, choice: int, *, folded_input: bool = False) -> int:
    """Counts one state update, without the decision that led to it.

    Args:
        shape: The reader.
        choice: 0 for the full update, j >= 1 for `shape.skim_sizes[j - 1]`.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds.

    Raises:
        TypeError: The choice is not an integer.
        ValueError: The reader has no such choice.
    """
    check_size("choice", choice, low=0, high=len(shape.skim_sizes))
    size = shape.sizes[choice]
    # For the full update own_slice and full_h agree, since the slice is the whole state.
    context = size if shape.small_input == "own_slice" else shape.hidden_size
    width = context if folded_input else shape.input_size + context
    return shape.gates * size * width


def decision_macs(shape: ReaderShape, *, folded_input: bool = False) -> int:
    """Counts one decision (eq. 1); 0 for a plain reader, which decides nothing.

    Args:
        shape: The reader.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds.
    """
    width = shape.hidden_size if folded_input else shape.input_size + shape.hidden_size
    return len(shape.skim_sizes) * width


def macs(shape: ReaderShape, counts: Sequence[int], *, folded_input: bool = False) -> int:
    """Counts a whole text, or any number of them.

    Args:
        shape: The reader.
        counts: How many tokens took each choice; k entries, as `choice_counts` gives them.
        folded_input: Whether the input products are looked up instead of computed.

    Returns:
        Multiply-adds, decisions included.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: A negative count, or not one count per choice.
    """
    _check_counts(shape, counts)
    steps = sum(
        count * step_macs(shape, choice, folded_input=folded_input) for choice, count in enumerate(counts)
    )
    return steps + sum(counts) * decision_macs(shape, folded_input=folded_input)


def macs_ratio(shape: ReaderShape, counts: Sequence[int], *, folded_input: bool = False) -> float:
    """Compares with the plain reader of the same cell, which fully reads the same tokens.

    Args:
        shape: The reader.
        counts: How many tokens took each choice; k entries.
        folded_input: Whether both readers look their input products up.

    Returns:
        Plain / adaptive multiply-adds; slightly below 1 when everything is read, because deciding
        costs something, and 1.0 when there is no token at all.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: A negative count, or not one count per choice.
    """
    _check_counts(shape, counts)
    tokens = sum(counts)
    if tokens == 0:
        return 1.0
    plain = tokens * step_macs(shape, 0, folded_input=folded_input)
    return plain / macs(shape, counts, folded_input=folded_input)


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


def _check_counts(shape: ReaderShape, counts: Sequence[int]) -> None:
    if len(counts) != len(shape.sizes):
        raise ValueError(
            f"expected one count for each of the {len(shape.sizes)} choices {shape.sizes}, "
            f"got {len(counts)}: {list(counts)}"
        )
    for count in counts:
        check_size("each count", count, low=0)
