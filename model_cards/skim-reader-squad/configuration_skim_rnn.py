"""Configuration of every adaptive-reading RNN of this library."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from transformers import PreTrainedConfig

from .checks_skim_rnn import BUDGETS, CHOICES, check_config

__all__ = ["CHOICES", "SkimRNNConfig"]

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
        "policy_loss",
        "decisions",
        "probabilities",
        "skim_rate",
        "layer_skim_rates",
        "lengths",
        "last_hidden_state",
        "final_state",
        "jumps",
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
    """Stacked layers; 0 pools the word vectors without recurrence."""
    bidirectional: bool = False
    """Whether each layer also reads the text backwards."""
    cell_type: str = "lstm"
    """`lstm`, `gru` (reset-after, as torch.nn.GRU) or `tanh`."""
    policy: str = "skim"
    """`full` reads every token (a plain RNN); `skim` decides per token (Skim-RNN); `skip` copies the state
    until a gate has added up (Skip RNN); `selective` updates some units (SA-RNN); `random` and `periodic`
    skip tokens at a fixed rate, for comparison."""
    skim_sizes: list[int] | None = None
    """State sizes d' of the small cells, from large to small; 0 copies the state. None means [10] for
    `skim` and [] for every other policy."""
    small_input: str = "own_slice"
    """What a small cell sees of the hidden state: its own first d' units, or the whole (`full_h`)."""
    estimator: str = "gumbel"
    """Training of `skim`: `gumbel` mixes the branches (eq. 5 to 7), `straight_through` samples one
    and passes the gradient of the mixture, `reinforce` samples one and learns from the reward."""
    gumbel_temperature: float | int = 0.5
    """Temperature of the relaxation where the trainer gives none."""
    skip_rate: float | int = 0.5
    """Share of the tokens that `random` and `periodic` skip, in [0, 1)."""
    skip_gradient: str = "official"
    """Gradient of `skip`: that of the authors' code, or that of the paper's `equation` (5)."""
    learned_initial_state: bool | None = None
    """Whether the state before the first token is learned; None means so for `skip` and zeros else."""
    slope: float | int = 1.0
    """Slope of the hard sigmoid of `selective` in training where the trainer gives none, above 0."""
    budget_type: str | None = None
    """`neg_log_skim` (eq. 8 of Skim-RNN), `updates` (eq. 8 of Skip RNN), `gates` (the code of SA-RNN) or
    `likelihoods` (its eq. 9), `expected_cost`, or a target cost with a `hinge` or `square` penalty. None is
    the policy's own: the first of these that it has, or no budget where nothing is decided."""
    budget_weight: float | int = 0.02
    """Weight gamma of the budget term in the loss."""
    budget_target: float | int | None = None
    """Cost to aim at, relative to reading everything, in (0, 1]; for the `cost_target_*` budgets."""
    skim_threshold: float | int = 0.5
    """Skim a token if its skim probability is above this value; 1 reads everything. Policies that do not
    decide have no use for it."""
    jump_every: int | None = None
    """R, tokens read before each decision to jump (LSTM-Jump); None never jumps."""
    jump_size: int | None = None
    """K, the largest jump in tokens; 1 is the next token."""
    jump_limit: int | None = None
    """N, jumps that a text may take; at most (N + 1) R tokens are read."""
    num_rollouts: int = 1
    """Paths sampled for each text in training, for `reinforce` and for jumps."""
    reinforce_weight: float | int = 1.0
    """Weight of the policy-gradient loss."""
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
    reader: str | None = None
    """How a `SkimRNNForQuestionAnswering` brings question and context together, both read both ways:
    `attention` (LSTM+Attention) or `bidaf`. None for every other model."""
    num_encoder_layers: int | None = None
    """Layers of a question reader before its attention, with big cells that question and context share; the
    `num_hidden_layers` come after it (the papers have 2). None means 1."""
    num_highway_layers: int | None = None
    """Highway layers on a question reader's word vectors. None means 2 for `bidaf`, 0 for `attention`."""
    exact_match: bool = True
    """Whether the first layer after the attention sees which context words are in the question too."""
    unk_token_id: int | None = None
    """Row of the embedding table that stands for unknown words, which match no other."""
    freeze_embeddings: bool = False
    """Whether word vectors stay as they are in training."""
    char_vocab_size: int | None = None
    """Characters that words are also made up from, 0 being padding; None reads no characters."""
    char_embedding_size: int = 8
    """Width of a character vector."""
    char_filters: int = 100
    """Features of a word that are computed from its characters."""
    char_width: int = 5
    """Characters that such a feature looks at together."""
    max_word_length: int = 16
    """Characters of a word that are read, from its first on, where texts are turned into `char_ids`."""
    max_answer_length: int = 15
    """Tokens that an answer may have where one is searched for."""
    pad_token_id: int | None = 0
    """Row of the embedding table that is padding; without a mask, such tokens count as padding."""

    def __post_init__(self, **kwargs: Any) -> None:
        """Fills what follows from the policy, refuses unknown names and checks the values."""
        self._refuse_unknown(kwargs)
        if self.skim_sizes is None:
            self.skim_sizes = [10] if self.policy == "skim" else []
        if self.reader is not None:
            self._fill_in_question()
        if self.learned_initial_state is None:
            self.learned_initial_state = self.policy == "skip"
        if self.budget_type is None and isinstance(self.policy, str):
            self.budget_type = BUDGETS.get(self.policy, (None,))[0]
        self.skim_sizes = list(self.skim_sizes) if isinstance(self.skim_sizes, tuple) else self.skim_sizes
        self.check_values()
        super().__post_init__(**kwargs)

    def _fill_in_question(self) -> None:
        """What follows from reading for a question."""
        self.bidirectional = True
        if self.num_encoder_layers is None:
            self.num_encoder_layers = 1
        if self.num_highway_layers is None:
            self.num_highway_layers = 2 if self.reader == "bidaf" else 0

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
        """k, the number of ways to process a token: read, and one for each small size, or a copy."""
        if self.policy in ("full", "skim"):
            return 1 + len(self.skim_sizes or [])
        return 2

    @property
    def jumps(self) -> bool:
        """Whether the reader decides to jump."""
        return self.jump_every is not None

    @property
    def num_directions(self) -> int:
        """Readers per layer: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def num_readers(self) -> int:
        """R, the directional layers that decide on their own: layers times directions."""
        layers = self.num_hidden_layers
        if self.reader is not None:
            # BiDAF has a layer more, for the end of the answer.
            layers += (self.num_encoder_layers or 0) + (self.reader == "bidaf")
        return layers * self.num_directions

    @property
    def input_width(self) -> int:
        """Width of what the first layer reads."""
        return self.embedding_size if self.input_size is None else self.input_size

    @property
    def output_width(self) -> int:
        """Width of what the classifier sees."""
        return self.hidden_size * self.num_directions if self.num_hidden_layers else self.input_width

    def check_values(self) -> None:
        """Checks every field and the fields together.

        Raises:
            ValueError: Names the field, the value that came and the values allowed.
        """
        check_config(self)

    def _refuse_unknown(self, given: dict[str, Any]) -> None:
        known = sorted(field.name for field in fields(self) if not field.name.startswith("_"))
        for name in given:
            if name in _LIBRARY_NAMES or name.startswith("_"):
                continue
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The fields are: {', '.join(known)}."
            raise ValueError(f"SkimRNNConfig has no field {name!r}. {hint}")
