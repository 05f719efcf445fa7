"""What a saved model is, read from `config.json` without transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from skim_hf.runtime.json_files import read_object

MODEL_TYPE = "skim_rnn"
SEQUENCE, TOKENS = "SkimRNNForSequenceClassification", "SkimRNNForTokenClassification"
ARCHITECTURES = (SEQUENCE, TOKENS)
"""The heads that the runtime can run."""
_ENCODER = "SkimRNNModel"

_CHOICES: dict[str, tuple[str, ...]] = {
    "cell_type": ("lstm", "gru", "tanh"),
    "policy": ("full", "skim"),
    "small_input": ("own_slice", "full_h"),
    "pooling": ("last", "mean", "max"),
}
_PROBLEM_TYPES = (None, "regression", "single_label_classification", "multi_label_classification")
_GATES = {"lstm": 4, "gru": 3, "tanh": 1}


@dataclass(frozen=True)
class RuntimeConfig:
    """The fields of a model's configuration that inference depends on, all checked.

    Attributes:
        vocab_size: V, rows of the embedding table; None for continuous inputs.
        embedding_size: Width of a word vector.
        input_size: Features per step of continuous inputs, where vocab_size is None.
        hidden_size: d.
        num_hidden_layers: Stacked layers.
        bidirectional: Whether each layer also reads backwards.
        cell_type: `lstm`, `gru` (reset-after) or `tanh`.
        policy: `full` or `skim`.
        skim_sizes: Sizes of the small cells, from large to small; 0 copies the state.
        small_input: Whether a small cell sees its own slice of the hidden state, or all of it.
        skim_threshold: Skim above this probability, in [0, 1].
        pooling: What the classifier sees: `last`, `mean` or `max`.
        labels: Names of the labels, by id.
        problem_type: As in transformers; None is a single label, or a sigmoid for one label.
        architecture: Which of `ARCHITECTURES`: whether texts get labels, or every token of a text.
    """

    vocab_size: int | None
    embedding_size: int
    input_size: int | None
    hidden_size: int
    num_hidden_layers: int
    bidirectional: bool
    cell_type: str
    policy: str
    skim_sizes: tuple[int, ...]
    small_input: str
    skim_threshold: float
    pooling: str
    labels: tuple[str, ...]
    problem_type: str | None = None
    architecture: str = SEQUENCE

    @property
    def labels_tokens(self) -> bool:
        """Whether every token gets a label, rather than the text."""
        return self.architecture == TOKENS

    @property
    def input_width(self) -> int:
        """Width of what the first layer reads."""
        return self.embedding_size if self.input_size is None else self.input_size

    @property
    def num_choices(self) -> int:
        """k: read, and one for each small size."""
        return 1 + len(self.skim_sizes)

    @property
    def num_directions(self) -> int:
        """Readers per layer."""
        return 2 if self.bidirectional else 1

    @property
    def num_readers(self) -> int:
        """R, layers times directions."""
        return self.num_hidden_layers * self.num_directions

    @property
    def num_gates(self) -> int:
        """G, rows of a cell's weights per unit."""
        return _GATES[self.cell_type]

    @property
    def sizes(self) -> tuple[int, ...]:
        """State size of every choice, the full one first."""
        return (self.hidden_size, *self.skim_sizes)

    def layer_width(self, layer: int) -> int:
        """d_x, the width of what a layer reads."""
        return self.input_width if layer == 0 else self.hidden_size * self.num_directions

    def context_width(self, choice: int) -> int:
        """How many units of the hidden state the cell of a choice sees."""
        return self.sizes[choice] if self.small_input == "own_slice" else self.hidden_size

    @classmethod
    def load(cls, path: Path) -> RuntimeConfig:
        """Reads a `config.json`.

        Raises:
            ValueError: The file is not a JSON object, or describes a model that cannot be run.
        """
        values = read_object(path)
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RuntimeConfig:
        """Checks a configuration's values and keeps those that inference needs.

        Raises:
            ValueError: Another kind of model, a missing key, or an impossible value; the message
                names the key, what came and what is allowed.
        """
        _check_kind(values)
        words = _get(values, "vocab_size") is not None
        hidden_size = _integer(values, "hidden_size", 1)
        choices = {name: _choice(values, name, allowed) for name, allowed in _CHOICES.items()}
        bidirectional = _get(values, "bidirectional")
        if not isinstance(bidirectional, bool):
            raise ValueError(f"bidirectional must be true or false; got {bidirectional!r}.")
        problem_type = values.get("problem_type")
        if problem_type not in _PROBLEM_TYPES:
            raise ValueError(f"problem_type must be one of {_PROBLEM_TYPES}; got {problem_type!r}.")
        return cls(
            vocab_size=_integer(values, "vocab_size", 1) if words else None,
            embedding_size=_integer(values, "embedding_size", 1),
            input_size=None if words else _integer(values, "input_size", 1),
            hidden_size=hidden_size,
            num_hidden_layers=_integer(values, "num_hidden_layers", 1),
            bidirectional=bidirectional,
            skim_sizes=_skim_sizes(values, choices["policy"], hidden_size),
            skim_threshold=check_threshold(_get(values, "skim_threshold"), "skim_threshold"),
            labels=_labels(values),
            problem_type=problem_type,
            architecture=values["architectures"][0],
            **choices,
        )


def check_threshold(value: Any, name: str = "threshold") -> float:
    """Returns a skim threshold as a float.

    Raises:
        ValueError: Not a number in [0, 1].
    """
    if not is_share(value):
        raise ValueError(
            f"{name} must be a number in [0, 1]: skim above this probability; 1 reads everything. "
            f"Got {value!r}."
        )
    return float(value)


def is_share(value: Any) -> bool:
    """Whether a value is a number in [0, 1]."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    # Compared as it is: an integer can be too large for a float.
    return is_number and bool(0 <= value <= 1)


def _check_kind(values: Mapping[str, Any]) -> None:
    if values.get("model_type") != MODEL_TYPE:
        raise ValueError(
            f"model_type must be {MODEL_TYPE!r}; got {values.get('model_type')!r}. "
            "This is another kind of model: use transformers for it."
        )
    architectures = values.get("architectures")
    if architectures == [_ENCODER]:
        raise ValueError(
            f"This model is a bare encoder, {_ENCODER}: it has no classifier and so gives no labels. "
            f"Fine-tune it as {' or '.join(ARCHITECTURES)}, or read its states with transformers."
        )
    if architectures not in [[name] for name in ARCHITECTURES]:
        raise ValueError(
            f"The runtime runs {', '.join(ARCHITECTURES)}; this model's architectures are {architectures!r}. "
            "Use transformers for the others."
        )


def _get(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise ValueError(f"{name} is missing. Save the model again with model.save_pretrained(folder).")
    return values[name]


def _integer(values: Mapping[str, Any], name: str, lowest: int) -> int:
    value = _get(values, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}; got {value!r}.")
    return value


def _choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = _get(values, name)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
    return str(value)


def _skim_sizes(values: Mapping[str, Any], policy: str, hidden_size: int) -> tuple[int, ...]:
    sizes = _get(values, "skim_sizes")
    rule = f"integers from large to small, each from 0 to hidden_size={hidden_size}"
    if not isinstance(sizes, list) or any(type(size) is not int for size in sizes):
        raise ValueError(f"skim_sizes must be a list of {rule}; got {sizes!r}.")
    if sizes != sorted(sizes, reverse=True) or any(not 0 <= size <= hidden_size for size in sizes):
        raise ValueError(f"skim_sizes must be {rule}; got {sizes!r}.")
    if (policy == "skim") != bool(sizes):
        raise ValueError(
            "skim_sizes must be empty for policy 'full' and not empty for 'skim'; "
            f"got {sizes!r} for {policy!r}."
        )
    return tuple(sizes)


def _labels(values: Mapping[str, Any]) -> tuple[str, ...]:
    # transformers leaves out what equals its own default, two labels without names.
    names = values.get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"id2label must map the ids '0', '1', ... to label names; got {names!r}.")
    ids = [str(number) for number in range(len(names))]
    if set(names) != set(ids):
        raise ValueError(f"id2label must have the ids 0 to {len(names) - 1}; got {sorted(names)!r}.")
    return tuple(names[number] for number in ids)
