"""What reading costs, counted in labelled ways, in pure Python.

- **paper**: formula D, which reproduces the Flop-r column of the Skim-RNN paper, and the counts behind
  the tables of Skip RNN and SA-RNN; only for comparison with published tables.
- **macs**: true multiply-adds of the matrix products that are executed.
- **measured**: what the NumPy runtime counts while it runs; equal to macs exactly.

A ratio is always plain model / adaptive model, so that larger means cheaper.

Example:
    >>> from skim_hf.costs import ReaderShape, macs_ratio, paper_flop_ratio
    >>> round(paper_flop_ratio(100, 10, 0.907), 1)
    9.5
    >>> shape = ReaderShape("lstm", input_size=100, hidden_size=100, skim_sizes=(10,))
    >>> round(macs_ratio(shape, [93, 907]), 1)
    6.9
"""

from skim_hf.costs.comparison import published_ratio
from skim_hf.costs.models import ReadingCounts, model_macs, model_macs_ratio, plain_macs
from skim_hf.costs.multiply_adds import (
    decision_macs,
    gate_macs,
    jump_macs,
    macs,
    macs_ratio,
    relative_costs,
    step_macs,
)
from skim_hf.costs.paper import paper_decision_cost, paper_flop_ratio, paper_step_cost
from skim_hf.costs.published import plain_rnn_flops, sa_rnn_flops, skip_rnn_flops
from skim_hf.costs.rates import choice_counts, skim_rate, skim_rate_macro, skim_rate_micro
from skim_hf.costs.shapes import ReaderShape, reader_shapes

__all__ = [
    "ReaderShape",
    "ReadingCounts",
    "choice_counts",
    "decision_macs",
    "gate_macs",
    "jump_macs",
    "macs",
    "macs_ratio",
    "model_macs",
    "model_macs_ratio",
    "paper_decision_cost",
    "paper_flop_ratio",
    "paper_step_cost",
    "plain_macs",
    "plain_rnn_flops",
    "published_ratio",
    "reader_shapes",
    "relative_costs",
    "sa_rnn_flops",
    "skim_rate",
    "skim_rate_macro",
    "skim_rate_micro",
    "skip_rnn_flops",
    "step_macs",
]
