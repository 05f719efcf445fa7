"""Configuration of every adaptive-reading RNN of this library."""

from __future__ import annotations

import difflib
import math
import sys
from dataclasses import fields
from typing import Any

from transformers import PreTrainedConfig

CHOICES: dict[str, tuple[str | None, ...]] = {
    "cell_type": ("lstm", "gru", "tanh"),
    "policy": ("full", "skim"),
    "small_input": ("own_slice", "full_h"),
    "estimator": ("gumbel", "straight_through"),
    "budget_type": ("neg_log_skim", "expected_cost", "cost_target_hinge", "cost_target_square"),
    "pooling": ("last", "mean", "max"),
    "problem_type": (
        None,
        "regression",
        "single_label_classification",
        "multi_label_classification",
    ),
}
"""The closed sets of values, by field."""

_POSITIVE_INTEGERS = ("embedding_size", "hidden_size", "num_hidden_layers")
# field: (lowest, highest, whether the lowest itself is refused)
_RANGES: dict[str, tuple[float, float, bool]] = {
    "skim_threshold": (0.0, 1.0, False),
    "dropout": (0.0, 1.0, False),
    "gumbel_temperature": (0.0, math.inf, True),
    "budget_weight": (0.0, math.inf, False),
    "initializer_range": (0.0, math.inf, True),
    "forget_bias": (-math.inf, math.inf, False),
}
# What transformers itself passes to, or leaves in, the configuration of any model.
_LIBRARY_NAMES = frozenset(
    {
        "attn_implementation",
        "auto_map",
        "bos_token_id",
        "custom_pipelines",
        "eos_token_id",
        "experts_implementation",
        "model_type",
        "name_or_path",
        "num_labels",
        "output_attentions",
        "tie_word_embeddings",
        "torch_dtype",
        "use_cache",
    }
)


class SkimRNNConfig(PreTrainedConfig):
    """What a reader is: its cell, its reading policy, its budget and its dial.

    Plain scalars and lists only, so that `config.json` can be read without torch or transformers.
    A misspelt name or an impossible value is refused with the allowed ones listed.

    Raises:
        ValueError: A name that is not a field, a value outside its set or range, or fields that
            contradict each other.

    Example:
        >>> SkimRNNConfig(vocab_size=1000, hidden_size=32, skim_sizes=[4]).num_choices
        2
    """

    model_type = "skim_rnn"
    keys_to_ignore_at_inference = [  # noqa: RUF012 - transformers reads this class constant as a list
        "task_loss",
        "budget_loss",
        "decisions",
        "probabilities",
        "skim_rate",
        "lengths",
        "last_hidden_state",
        "final_state",
        "hidden_states",
    ]

    registered_tasks = frozenset[str]()
    """Tasks that `pipeline` knows in this process without the code of a folder; the package fills it in."""

    vocab_size: int | None = 30000
    """Rows of the embedding table; None for continuous inputs of `input_size` features."""
    embedding_size: int = 100
    """Width of a word vector."""
    input_size: int | None = None
    """Features per step of continuous inputs; only with `vocab_size=None`."""
    hidden_size: int = 100
    """d, the width of the state and of the big cell."""
    num_hidden_layers: int = 1
    """Stacked layers."""
    bidirectional: bool = False
    """Whether each layer also reads the text backwards."""
    cell_type: str = "lstm"
    """`lstm`, `gru` (reset-after, as torch.nn.GRU) or `tanh`."""
    policy: str = "skim"
    """`full` reads every token (a plain RNN); `skim` decides per token (Skim-RNN)."""
    skim_sizes: list[int] | None = None
    """State sizes d' of the small cells, from large to small; 0 copies the state. None means [10] for
    `skim` and [] for `full`."""
    small_input: str = "own_slice"
    """What a small cell sees of the hidden state: its own first d' units, or the whole (`full_h`)."""
    estimator: str = "gumbel"
    """Training relaxation: `gumbel` mixes the branches (eq. 5 to 7), `straight_through` samples one
    and passes the gradient of the mixture."""
    gumbel_temperature: float | int = 0.5
    """Temperature of the relaxation where the trainer gives none."""
    budget_type: str = "neg_log_skim"
    """`neg_log_skim` (eq. 8), `expected_cost`, or a target cost with a `hinge` or `square` penalty."""
    budget_weight: float | int = 0.02
    """Weight gamma of the budget term in the loss."""
    budget_target: float | int | None = None
    """Cost to aim at, relative to reading everything, in (0, 1]; for the `cost_target_*` budgets."""
    skim_threshold: float | int = 0.5
    """Skim a token if its skim probability is above this value; 1 reads everything."""
    pooling: str = "last"
    """What the classifier sees: the last hidden state, or the mean or maximum over the tokens."""
    dropout: float | int = 0.0
    """Dropout on word vectors, between layers and before the classifier."""
    forget_bias: float | int = 1.0
    """Initial bias of an LSTM's forget gate."""
    initializer_range: float | int = 0.1
    """Standard deviation of the initial embeddings and classifier weights."""
    recompute_gates: bool = False
    """Whether training keeps only the states of a reader (8 d bytes per token for an LSTM in float32) and
    computes its gates (another 16 (d + d') bytes) again in the backward pass: for long texts."""
    pad_token_id: int | None = 0
    """Row of the embedding table that is padding; without a mask, such tokens count as padding."""

    def __post_init__(self, **kwargs: Any) -> None:
        """Fills `skim_sizes`, refuses unknown names and checks the values."""
        self._refuse_unknown(kwargs)
        if self.skim_sizes is None:
            self.skim_sizes = [10] if self.policy == "skim" else []
        self.skim_sizes = list(self.skim_sizes) if isinstance(self.skim_sizes, tuple) else self.skim_sizes
        self.check_values()
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Builds a configuration from a dictionary; overriding fields are checked together with it."""
        found = config_dict.get("model_type", cls.model_type)
        if found != cls.model_type:
            raise ValueError(
                f"Expected the configuration of a {cls.model_type!r} model; got one of {found!r}."
            )
        own = {field.name for field in fields(cls)}
        overrides = {name: kwargs.pop(name) for name in list(kwargs) if name in own and name != "dtype"}
        return super().from_dict({**config_dict, **overrides}, **kwargs)

    @property
    def custom_pipelines(self) -> dict[str, dict[str, Any]]:
        """Pipelines that have to be run from the code of the model's folder, by task.

        For those that are registered transformers would ask to trust a code that is not going to run.
        """
        stored = self.__dict__.get("custom_pipelines", {})
        return {task: dict(entry) for task, entry in stored.items() if task not in self.registered_tasks}

    @custom_pipelines.setter
    def custom_pipelines(self, entries: dict[str, dict[str, Any]]) -> None:
        self.__dict__.pop("custom_pipelines", None)
        if entries:
            self.__dict__["custom_pipelines"] = entries

    @property
    def num_choices(self) -> int:
        """k, the number of ways to process a token: read, and one for each small size."""
        return 1 + len(self.skim_sizes or [])

    @property
    def num_directions(self) -> int:
        """Readers per layer: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def num_readers(self) -> int:
        """R, the directional layers that decide on their own: layers times directions."""
        return self.num_hidden_layers * self.num_directions

    @property
    def input_width(self) -> int:
        """Width of what the first layer reads."""
        return self.embedding_size if self.input_size is None else self.input_size

    def check_values(self) -> None:
        """Checks every field and the fields together.

        Raises:
            ValueError: Names the field, the value that came and the values allowed.
        """
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                listed = ", ".join(map(str, allowed))
                raise ValueError(f"{name} must be one of {listed}; got {getattr(self, name)!r}.")
        for name in _POSITIVE_INTEGERS:
            _check_integer(name, getattr(self, name), 1)
        for name in ("bidirectional", "recompute_gates"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false; got {getattr(self, name)!r}.")
        for name, (low, high, open_low) in _RANGES.items():
            _check_number(name, getattr(self, name), low, high, open_low)
        self._check_inputs()
        self._check_skim_sizes()
        self._check_budget()

    def _check_inputs(self) -> None:
        if (self.vocab_size is None) == (self.input_size is None):
            raise ValueError(
                "Give either vocab_size (words) or input_size with vocab_size=None (continuous features); "
                f"got vocab_size={self.vocab_size!r} and input_size={self.input_size!r}."
            )
        if self.input_size is not None:
            _check_integer("input_size", self.input_size, 1)
            return
        _check_integer("vocab_size", self.vocab_size, 1)
        if self.pad_token_id is not None:
            _check_integer("pad_token_id", self.pad_token_id, 0)
            if self.pad_token_id >= (self.vocab_size or 0):
                raise ValueError(
                    f"pad_token_id must be a row of the embedding table, below vocab_size={self.vocab_size}; "
                    f"got {self.pad_token_id}."
                )

    def _check_skim_sizes(self) -> None:
        sizes = self.skim_sizes
        if not isinstance(sizes, list):
            raise ValueError(f"skim_sizes must be a list of integers such as [10]; got {sizes!r}.")
        for size in sizes:
            _check_integer("each of skim_sizes", size, 0)
            if size > self.hidden_size:
                raise ValueError(f"skim_sizes must not exceed hidden_size={self.hidden_size}; got {sizes}.")
        if sizes != sorted(sizes, reverse=True):
            raise ValueError(f"skim_sizes must run from large to small; got {sizes}.")
        if self.policy == "skim" and not sizes:
            raise ValueError(
                "policy='skim' needs at least one small size, for example skim_sizes=[10]; got []."
            )
        if self.policy == "full" and sizes:
            raise ValueError(f"policy='full' has no small cell: leave skim_sizes out or empty; got {sizes}.")

    def _check_budget(self) -> None:
        if self.budget_target is not None:
            _check_number("budget_target", self.budget_target, 0.0, 1.0, open_low=True)
        elif self.budget_type.startswith("cost_target"):
            raise ValueError(
                f"budget_type={self.budget_type!r} needs budget_target, a relative cost in (0, 1]."
            )

    def _refuse_unknown(self, given: dict[str, Any]) -> None:
        known = sorted(field.name for field in fields(self) if not field.name.startswith("_"))
        for name in given:
            if name in _LIBRARY_NAMES or name.startswith("_"):
                continue
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The fields are: {', '.join(known)}."
            raise ValueError(f"SkimRNNConfig has no field {name!r}. {hint}")


def _check_integer(name: str, value: Any, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}; got {value!r}.")


def _check_number(name: str, value: Any, low: float, high: float, open_low: bool) -> None:
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
