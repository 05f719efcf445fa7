"""Whether the contestants of bench_training.py do the same work: the time of something else is worthless."""

from __future__ import annotations

import torch
from _training_contestants import Contestant, scan_by
from torch import Tensor

TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-10}
"""Largest difference, relative to the largest magnitude in the same tensor."""


def check_equal(contestants: dict[str, Contestant]) -> dict[str, float]:
    """Compares outputs, gradients and evaluations of every contestant with those of its truth.

    Returns:
        The largest relative difference, by contestant.

    Raises:
        SystemExit: One differs by more than rounding.
    """
    results = {name: compute(contestant) for name, contestant in contestants.items()}
    largest: dict[str, float] = {}
    for name, contestant in contestants.items():
        if contestant.truth is None:
            continue
        tolerance = TOLERANCES[contestant.arriving[0].dtype]
        largest[name] = 0.0
        for part, got in results[name].items():
            off = difference(got, results[contestant.truth][part])
            if not off <= tolerance:
                raise SystemExit(
                    f"{contestant.title} and {contestants[contestant.truth].title} disagree in {part}: by "
                    f"{off:.1e} of the largest value, more than {tolerance:.0e}. They do not do the same "
                    "work; nothing was measured."
                )
            largest[name] = max(largest[name], off)
    return largest


def compute(contestant: Contestant) -> dict[str, Tensor]:
    """Everything that a contestant computes, by name."""
    with scan_by(contestant.backend):
        outputs = contestant.train()
        gradients = torch.autograd.grad(outputs, tuple(contestant.wanted.values()), contestant.arriving)
        evaluated = () if contestant.evaluate is None else contestant.evaluate()
    return {
        **dict(zip(("the hidden states", "the logits"), (o.detach() for o in outputs), strict=False)),
        **{f"the gradient of {name}": g for name, g in zip(contestant.wanted, gradients, strict=True)},
        **dict(zip(("the hidden states at inference", "the decisions"), evaluated, strict=False)),
    }


def difference(got: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected magnitude."""
    return float((got - expected).abs().max()) / (float(expected.abs().max()) or 1.0)
