"""The numbers that decide what one reader costs: its cell, widths and granularities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GATES = {"lstm": 4, "gru": 3, "tanh": 1}
"""G, the gates of each cell type: blocks of rows in its weight matrices."""

POLICIES = ("full", "skim", "skip", "selective", "random", "periodic")
"""Ways of deciding how a token is read."""

SMALL_INPUTS = ("own_slice", "full_h")
"""What a small cell of size m sees of the hidden state: its first m units, or all of it."""


@dataclass(frozen=True)
class ReaderShape:
    """One reader: one direction of one layer.

    Choice 0 is the full update of size `hidden_size`; choice j >= 1 updates the first
    `skim_sizes[j - 1]` units, where 0 means that the state is copied. The policies skip, random,
    periodic and selective have one other choice, to copy the state; a selective reader counts the
    units that it updates instead.

    Raises:
        TypeError: A size that is not an integer.
        ValueError: An unknown cell type, policy or small input, or an impossible size.

    Example:
        >>> ReaderShape("gru", input_size=50, hidden_size=100, skim_sizes=(20, 0)).sizes
        (100, 20, 0)
    """

    cell_type: str
    """lstm, gru or tanh."""
    input_size: int
    """d_x, the width of the reader's input."""
    hidden_size: int
    """d, the width of its state."""
    skim_sizes: tuple[int, ...] = ()
    """Sizes of the small cells, from large to small; empty for a plain reader."""
    small_input: str = "own_slice"
    """own_slice or full_h."""
    policy: str = "skim"
    """How it decides; a skim reader without small cells is a plain one, as `full` is."""
    has_gate: bool = False
    """Whether it computes the gate of policy skip, which the top layer does for the whole stack."""
    jump_size: int | None = None
    """K, the largest jump of its jump head; None without one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "skim_sizes", tuple(self.skim_sizes))
        check_choice("cell_type", self.cell_type, tuple(GATES))
        check_choice("small_input", self.small_input, SMALL_INPUTS)
        check_choice("policy", self.policy, POLICIES)
        check_size("input_size", self.input_size, low=1)
        check_size("hidden_size", self.hidden_size, low=1)
        if self.jump_size is not None:
            check_size("jump_size", self.jump_size, low=1)
        if self.skim_sizes and self.policy != "skim":
            raise ValueError(
                f"skim_sizes are for policy='skim'; got {list(self.skim_sizes)} for {self.policy!r}."
            )
        for size in self.skim_sizes:
            check_size("skim_sizes", size, low=0, high=self.hidden_size)
        if list(self.skim_sizes) != sorted(self.skim_sizes, reverse=True):
            raise ValueError(
                f"skim_sizes must go from large to small, got {list(self.skim_sizes)}; "
                f"write {sorted(self.skim_sizes, reverse=True)}"
            )

    @property
    def gates(self) -> int:
        """G, the number of gates of the cell."""
        return GATES[self.cell_type]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The updated units of every choice, the full update first; k entries."""
        copies = self.policy in ("skip", "selective", "random", "periodic")
        return (self.hidden_size, 0) if copies else (self.hidden_size, *self.skim_sizes)


def reader_shapes(config: object) -> tuple[ReaderShape, ...]:
    """Lists the readers of a model.

    Args:
        config: A `SkimRNNConfig`, anything with the same attributes, or the mapping that
            `config.json` holds.

    Returns:
        One shape per reader, in the order in which a model returns decisions: layer by layer,
        forward before backward. None for pooled embeddings, which have no layer; of a question reader
        those that read the context.

    Raises:
        TypeError: A size that is not an integer.
        ValueError: A field is missing or has an impossible value.
    """
    hidden_size, policy = config_field(config, "hidden_size"), config_field(config, "policy")
    directions = num_directions(config)
    num_layers = config_field(config, "num_hidden_layers")
    check_size("num_hidden_layers", num_layers, low=0)
    check_size("hidden_size", hidden_size, low=1)
    check_choice("policy", policy, POLICIES)
    question = config_field(config, "reader", None)
    widths = _question_widths(config, question) if question else _stack_widths(config)
    return tuple(
        ReaderShape(
            cell_type=config_field(config, "cell_type"),
            input_size=widths[layer],
            hidden_size=hidden_size,
            skim_sizes=_skim_sizes(config) if policy == "skim" else (),
            small_input=config_field(config, "small_input"),
            policy=policy,
            has_gate=policy == "skip" and (layer == len(widths) - 1 or bool(question)),
            jump_size=config_field(config, "jump_size", None) if layer == len(widths) - 1 else None,
        )
        for layer in range(len(widths))
        for _ in range(directions)
    )


def _stack_widths(config: object) -> list[int]:
    """Input width of each layer of a stack."""
    layers = config_field(config, "num_hidden_layers")
    if not layers:
        return []
    continuous = config_field(config, "vocab_size") is None
    width = config_field(config, "input_size" if continuous else "embedding_size")
    return [width] + [config_field(config, "hidden_size") * num_directions(config)] * (layers - 1)


def _question_widths(config: object, reader: str) -> list[int]:
    """Input width of each layer that a question reader takes its context through."""
    check_choice("reader", reader, ("attention", "bidaf"))
    states = 2 * config_field(config, "hidden_size")
    width = config_field(config, "embedding_size")
    if config_field(config, "char_vocab_size") is not None:
        width += config_field(config, "char_filters")
    encoders = config_field(config, "num_encoder_layers")
    before = [width, *[states] * (encoders - 1)] if encoders else []
    # What the attention makes of a word: [x; u; x * u], or the G of BiDAF.
    merged = (states if encoders else width) * (3 if reader == "attention" else 4)
    first = merged + config_field(config, "exact_match")
    after = [first, *[states] * (config_field(config, "num_hidden_layers") - 1)]
    return [*before, *after, *([merged + 3 * states] if reader == "bidaf" else [])]


def num_directions(config: object) -> int:
    """Readers per layer: 2 for a bidirectional model, else 1."""
    return 2 if config_field(config, "bidirectional") else 1


def _skim_sizes(config: object) -> tuple[int, ...]:
    sizes = config_field(config, "skim_sizes")
    # The default of the configuration class, which an unresolved mapping may leave open.
    return (10,) if sizes is None else tuple(sizes)


_MISSING = object()


def config_field(config: object, name: str, default: Any = _MISSING) -> Any:
    """A field of a configuration, an object or a mapping.

    Args:
        config: The configuration.
        name: Of the field.
        default: What a configuration without it means, for fields that older ones do not have.

    Raises:
        ValueError: It is missing and has no default.
    """
    value = config.get(name, default) if isinstance(config, Mapping) else getattr(config, name, default)
    if value is _MISSING:
        raise ValueError(
            f"the configuration has no field {name!r}; pass a SkimRNNConfig or the contents of the "
            f"config.json that it saved, got {type(config).__name__}"
        )
    return value


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuses a value outside a closed set.

    Raises:
        ValueError: `value` is not one of `allowed`.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def check_size(name: str, value: object, *, low: int, high: int | None = None) -> None:
    """Refuses what is not an integer between `low` and `high`.

    Raises:
        TypeError: `value` is not an integer.
        ValueError: `value` is out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {limits}, got {value}")
