"""The ratio of a whole model as the paper of its reader counts it, only for comparison with its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from skim_hf.costs.models import ReadingCounts
from skim_hf.costs.paper import paper_flop_ratio
from skim_hf.costs.published import plain_rnn_flops, sa_rnn_flops, skip_rnn_flops
from skim_hf.costs.shapes import ReaderShape, reader_shapes


def published_ratio(config: object, counts: ReadingCounts) -> float | None:
    """Compares with the plain model as the papers do: by formula D, or those of `published`.

    Args:
        config: A `SkimRNNConfig`, anything with the same attributes, or the mapping of `config.json`.
        counts: What was read.

    Returns:
        Plain / adaptive cost, 1.0 without tokens; None where no paper has a formula (random and periodic
        skipping, jumps, pooled embeddings) or nothing was computed.

    Raises:
        TypeError: A count that is not an integer.
        ValueError: Counts that do not fit the configuration.
    """
    shapes = reader_shapes(config)
    if not shapes or shapes[-1].jump_size is not None or shapes[0].policy in ("random", "periodic"):
        return None
    if not counts.visited:
        return 1.0
    if shapes[0].policy in ("full", "skim"):
        paper = [_skim_cost(shape, taken) for shape, taken in zip(shapes, counts.choices, strict=True)]
        # Readers of one model have one width and read the same tokens, so their relative costs count alike.
        return len(paper) / sum(paper)
    of_reader = _skip_costs if shapes[0].policy == "skip" else _selective_costs
    pairs = [of_reader(shape, counts, reader) for reader, shape in enumerate(shapes)]
    plain, adaptive = (math.fsum(side) for side in zip(*pairs, strict=True))
    return plain / adaptive if adaptive else None


def _skim_cost(shape: ReaderShape, taken: Sequence[int]) -> float:
    tokens = sum(taken)
    rates = [count / tokens for count in taken[1:]]
    return 1.0 / paper_flop_ratio(shape.hidden_size, shape.skim_sizes, rates, shape.cell_type)


def _skip_costs(shape: ReaderShape, counts: ReadingCounts, reader: int) -> tuple[float, float]:
    """Multiplications of a plain layer, and of this one, as Skip RNN counts them."""
    sizes, cell, updates = (shape.input_size, shape.hidden_size), shape.cell_type, counts.choices[reader][0]
    plain = skip_rnn_flops(counts.visited, *sizes, cell, has_gate=False)
    return plain, skip_rnn_flops(updates, *sizes, cell, has_gate=shape.has_gate)


def _selective_costs(shape: ReaderShape, counts: ReadingCounts, reader: int) -> tuple[float, float]:
    """Operations of a plain layer, and of this one, as SA-RNN counts them."""
    if counts.units is None:
        raise ValueError("expected the units that a selective reader updated; got none")
    sizes, cell, tokens = (shape.input_size, shape.hidden_size), shape.cell_type, counts.visited
    skip_rate = 1.0 - counts.units[reader] / (tokens * shape.hidden_size)
    return plain_rnn_flops(tokens, *sizes, cell), sa_rnn_flops(tokens, skip_rate, *sizes, cell)
