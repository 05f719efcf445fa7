"""What a configuration may hold: the sets and ranges of its fields, and which of them go together."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from .checks_question_skim_rnn import check_question

if TYPE_CHECKING:
    from .configuration_skim_rnn import SkimRNNConfig

CHOICES: dict[str, tuple[str | None, ...]] = {
    "cell_type": ("lstm", "gru", "tanh"),
    "policy": ("full", "skim", "skip", "selective", "random", "periodic"),
    "small_input": ("own_slice", "full_h"),
    "estimator": ("gumbel", "straight_through", "reinforce"),
    "skip_gradient": ("official", "equation"),
    "budget_type": (
        "neg_log_skim",
        "updates",
        "gates",
        "likelihoods",
        "expected_cost",
        "cost_target_hinge",
        "cost_target_square",
    ),
    "pooling": ("last", "mean", "max"),
    "reader": (None, "attention", "bidaf"),
    "problem_type": (
        None,
        "regression",
        "single_label_classification",
        "multi_label_classification",
    ),
}
"""The closed sets of values, by field."""

_COSTS = ("expected_cost", "cost_target_hinge", "cost_target_square")

BUDGETS: dict[str, tuple[str | None, ...]] = {
    "skim": ("neg_log_skim", *_COSTS),
    "skip": ("updates", *_COSTS),
    "selective": ("gates", "likelihoods", *_COSTS),
    # Nothing is decided, so nothing is paid; configurations of plain readers used to name a budget.
    "full": (None, "neg_log_skim", *_COSTS),
    "random": (None,),
    "periodic": (None,),
}
"""The budgets that each policy may have; the first is what None stands for."""

_INTEGERS = {
    "embedding_size": 1,
    "hidden_size": 1,
    "num_hidden_layers": 0,
    "num_rollouts": 1,
    "char_embedding_size": 1,
    "char_filters": 1,
    "char_width": 1,
    "max_word_length": 1,
    "max_answer_length": 1,
}
_FLAGS = ("bidirectional", "recompute_gates", "learned_initial_state", "exact_match", "freeze_embeddings")
# field: (lowest, highest, whether the lowest itself is refused)
_RANGES: dict[str, tuple[float, float, bool]] = {
    "skim_threshold": (0.0, 1.0, False),
    "skip_rate": (0.0, 1.0, False),
    "dropout": (0.0, 1.0, False),
    "gumbel_temperature": (0.0, math.inf, True),
    "slope": (0.0, math.inf, True),
    "budget_weight": (0.0, math.inf, False),
    "reinforce_weight": (0.0, math.inf, False),
    "initializer_range": (0.0, math.inf, True),
    "forget_bias": (-math.inf, math.inf, False),
}
_JUMPS = {"jump_every": 1, "jump_size": 1, "jump_limit": 0}


def check_config(config: SkimRNNConfig) -> None:
    """Checks every field and the fields together.

    Raises:
        ValueError: Names the field, the value that came and the values allowed.
    """
    for name, allowed in CHOICES.items():
        if name != "budget_type" and getattr(config, name) not in allowed:
            listed = ", ".join(map(str, allowed))
            raise ValueError(f"{name} must be one of {listed}; got {getattr(config, name)!r}.")
    for name, lowest in _INTEGERS.items():
        check_integer(name, getattr(config, name), lowest)
    for name in _FLAGS:
        if not isinstance(getattr(config, name), bool):
            raise ValueError(f"{name} must be true or false; got {getattr(config, name)!r}.")
    for name, (low, high, open_low) in _RANGES.items():
        check_number(name, getattr(config, name), low, high, open_low)
    if config.skip_rate == 1:
        raise ValueError(f"skip_rate must be below 1, so that something is read; got {config.skip_rate!r}.")
    _check_inputs(config)
    check_question(config)
    _check_skim_sizes(config)
    _check_budget(config)
    _check_jumps(config)
    _check_together(config)


def _check_inputs(config: SkimRNNConfig) -> None:
    if (config.vocab_size is None) == (config.input_size is None):
        raise ValueError(
            "Give either vocab_size (words) or input_size with vocab_size=None (continuous features); "
            f"got vocab_size={config.vocab_size!r} and input_size={config.input_size!r}."
        )
    if config.input_size is not None:
        check_integer("input_size", config.input_size, 1)
        if config.freeze_embeddings:
            raise ValueError("freeze_embeddings is for word vectors, which a model with input_size has not.")
        return
    check_integer("vocab_size", config.vocab_size, 1)
    if config.pad_token_id is not None:
        check_integer("pad_token_id", config.pad_token_id, 0)
        if config.pad_token_id >= (config.vocab_size or 0):
            raise ValueError(
                f"pad_token_id must be a row of the embedding table, below vocab_size={config.vocab_size}; "
                f"got {config.pad_token_id}."
            )


def _check_skim_sizes(config: SkimRNNConfig) -> None:
    sizes = config.skim_sizes
    if not isinstance(sizes, list):
        raise ValueError(f"skim_sizes must be a list of integers such as [10]; got {sizes!r}.")
    if config.policy != "skim" and sizes:
        raise ValueError(
            f"policy={config.policy!r} has no small cell: leave skim_sizes out or empty, or take "
            f"policy='skim'; got {sizes}."
        )
    for size in sizes:
        check_integer("each of skim_sizes", size, 0)
        if size > config.hidden_size:
            raise ValueError(f"skim_sizes must not exceed hidden_size={config.hidden_size}; got {sizes}.")
    if sizes != sorted(sizes, reverse=True):
        raise ValueError(f"skim_sizes must run from large to small; got {sizes}.")
    if config.policy == "skim" and not sizes:
        raise ValueError("policy='skim' needs at least one small size, for example skim_sizes=[10]; got [].")


def _check_budget(config: SkimRNNConfig) -> None:
    allowed = BUDGETS[config.policy]
    if config.budget_type not in allowed:
        listed = ", ".join(map(str, allowed))
        raise ValueError(
            f"budget_type must be one of {listed} with policy={config.policy!r}, or left out; "
            f"got {config.budget_type!r}."
        )
    if config.budget_target is not None:
        check_number("budget_target", config.budget_target, 0.0, 1.0, open_low=True)
    elif (config.budget_type or "").startswith("cost_target"):
        raise ValueError(
            f"budget_type={config.budget_type!r} needs budget_target, a relative cost in (0, 1]."
        )


def _check_jumps(config: SkimRNNConfig) -> None:
    given = {name: getattr(config, name) for name in _JUMPS}
    if all(value is None for value in given.values()):
        return
    if None in given.values():
        listed = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ValueError(
            "jump_every (R), jump_size (K) and jump_limit (N) go together: give all three, or none for a "
            f"reader that does not jump; got {listed}."
        )
    for name, lowest in _JUMPS.items():
        check_integer(name, given[name], lowest)


def _check_together(config: SkimRNNConfig) -> None:
    """What a reader cannot be at once."""
    if config.num_hidden_layers == 0 and (
        config.policy != "full"
        or config.bidirectional
        or config.jumps
        or config.learned_initial_state
        or config.pooling == "last"
    ):
        raise ValueError(
            "num_hidden_layers=0 pools the word vectors without recurrence: it goes with policy='full', "
            "pooling='mean' or 'max', one direction, no jumps and no learned initial state; got "
            f"policy={config.policy!r}, pooling={config.pooling!r}, bidirectional={config.bidirectional}, "
            f"jump_every={config.jump_every}, learned_initial_state={config.learned_initial_state}."
        )
    # Between the layers of a question reader is its attention, so that each has a gate of its own.
    stacked = config.bidirectional and config.num_hidden_layers > 1 and config.reader is None
    if stacked and (config.policy == "skip" or config.jumps):
        raise ValueError(
            "One gate of policy='skip', or one pointer that jumps, serves all layers of a direction, which "
            "layers that read both ways do not allow: take bidirectional=False, or num_hidden_layers=1; got "
            f"bidirectional=True and num_hidden_layers={config.num_hidden_layers}."
        )
    if config.estimator == "reinforce" and config.policy != "skim":
        raise ValueError(
            "estimator='reinforce' samples the decisions of policy='skim'; jumps are sampled with any "
            f"estimator. Leave estimator out; got it with policy={config.policy!r}."
        )


def check_integer(name: str, value: Any, lowest: int) -> None:
    """Refuses what is no integer of at least `lowest`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}; got {value!r}.")


def check_number(name: str, value: Any, low: float, high: float, open_low: bool) -> None:
    """Refuses what is no finite number from `low` (itself excluded if `open_low`) to `high`."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Python's integers may be too large for a float, which every number here becomes.
    if (
        not is_number
        or not abs(value) <= sys.float_info.max
        or value < low
        or value > high
        or (open_low and value == low)
    ):
        lower = f"above {low:g}" if open_low else f"at least {low:g}"
        raise ValueError(f"{name} must be a number, {lower} and at most {high:g}; got {value!r}.")
