"""The macs accounting of whole models: all readers of a configuration together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skim_hf.costs.multiply_adds import macs, real_tokens, saved, step_macs
from skim_hf.costs.shapes import ReaderShape, check_size, num_directions, reader_shapes


@dataclass(frozen=True)
class ReadingCounts:
    """What reading a text, or any number of texts, came to.

    Attributes:
        choices: [R][k], how many tokens took each choice; those that a jump passed over took none.
        units: [R], units that were updated, all tokens together; None for any policy but selective.
        jumps: [directions], jump decisions that were taken; empty or zeros without jumps.
        tokens: Tokens of the texts, those included that jumps passed over; None where all were visited.

    Example:
        >>> counts = ReadingCounts(choices=[[3, 9]])
        >>> config = {"hidden_size": 7, "policy": "skip", "bidirectional": False, "num_hidden_layers": 1,
        ...           "vocab_size": 11, "embedding_size": 5, "cell_type": "gru", "small_input": "own_slice"}
        >>> model_macs(config, counts)
        777
    """

    choices: Sequence[Sequence[int]]
    units: Sequence[int] | None = None
    jumps: Sequence[int] = ()
    tokens: int | None = None

    @property
    def visited(self) -> int:
        """Tokens that the readers looked at, the largest number where directions differ."""
        return max((sum(taken) for taken in self.choices), default=0)


def model_macs(config: object, counts: ReadingCounts, *, folded_input: bool = False) -> int:
    """Counts the multiply-adds of all readers.

    Args:
        config: A `SkimRNNConfig`, anything with the same attributes, or the mapping of `config.json`.
        counts: What was read.
        folded_input: Whether the input products of the first layer are looked up instead of computed.

    Returns:
        Multiply-adds, decisions included; 0 for pooled embeddings, which have no layer.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: Counts that do not fit the configuration.
    """
    shapes = reader_shapes(config)
    directions = num_directions(config)
    _check_fit(shapes, counts, directions)
    units = counts.units if counts.units is not None else [None] * len(shapes)
    # Only the top layer has jump heads.
    jumps = [0] * (len(shapes) - len(counts.jumps)) + list(counts.jumps)
    return sum(
        macs(
            shape,
            counts.choices[reader],
            units=units[reader],
            jumps=jumps[reader],
            folded_input=folded_input and reader < directions,
        )
        for reader, shape in enumerate(shapes)
    )


def plain_macs(config: object, tokens: int, *, folded_input: bool = False) -> int:
    """Counts the model of the same cell, widths and layers that reads every token in full.

    Args:
        config: As of `model_macs`.
        tokens: Tokens of the texts.
        folded_input: Whether the input products of the first layer are looked up instead of computed.

    Returns:
        Multiply-adds; 0 for pooled embeddings.

    Raises:
        TypeError: Not an integer.
        ValueError: A negative number, or an impossible configuration.
    """
    check_size("tokens", tokens, low=0)
    directions = num_directions(config)
    return tokens * sum(
        step_macs(shape, 0, folded_input=folded_input and reader < directions)
        for reader, shape in enumerate(reader_shapes(config))
    )


def model_macs_ratio(config: object, counts: ReadingCounts, *, folded_input: bool = False) -> float:
    """Compares with the model of the same cell, widths and layers that reads every token in full.

    Tokens that jumps passed over are saved whole.

    Args:
        config: As of `model_macs`.
        counts: What was read.
        folded_input: Whether both look the input products of the first layer up.

    Returns:
        Plain / adaptive multiply-adds; infinite where texts with tokens cost nothing (pooled embeddings,
        and readers that skipped everything), and 1.0 when there is no token at all.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: Counts that do not fit the configuration.
    """
    spent = model_macs(config, counts, folded_input=folded_input)
    tokens = real_tokens(counts.visited, counts.tokens)
    if not counts.choices and tokens:
        return math.inf
    return saved(plain_macs(config, tokens, folded_input=folded_input), spent)


def _check_fit(shapes: Sequence[ReaderShape], counts: ReadingCounts, directions: int) -> None:
    readers = len(shapes)
    fits = len(counts.choices) == readers and len(counts.jumps) in (0, directions)
    if not fits or (counts.units is not None and len(counts.units) != readers):
        units = "no units" if counts.units is None else f"units of {len(counts.units)}"
        raise ValueError(
            f"this configuration has {readers} reader(s) in {directions} direction(s); got choices of "
            f"{len(counts.choices)} reader(s), {units} and jumps of {len(counts.jumps)} direction(s). "
            "Pass the configuration of the model that read"
        )
