"""What a saved model is, read from `config.json` without transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skim_hf.runtime import config_fields as fields
from skim_hf.runtime.config_question import check_question, question_fields
from skim_hf.runtime.json_files import read_object

MODEL_TYPE = "skim_rnn"
SEQUENCE, TOKENS = "SkimRNNForSequenceClassification", "SkimRNNForTokenClassification"
QUESTIONS = "SkimRNNForQuestionAnswering"
ARCHITECTURES = (SEQUENCE, TOKENS, QUESTIONS)
"""The heads that the runtime can run."""
_ENCODER = "SkimRNNModel"

_CHOICES: dict[str, tuple[str, ...]] = {
    "cell_type": ("lstm", "gru", "tanh"),
    "policy": ("full", "skim", "skip", "selective", "random", "periodic"),
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
        num_hidden_layers: Stacked layers; 0 pools word vectors or features without any recurrence.
        bidirectional: Whether each layer also reads backwards.
        cell_type: `lstm`, `gru` (reset-after) or `tanh`.
        policy: `full` reads every token, `skim` chooses a cell for each (Skim-RNN), `skip` reads a token or
            copies the state (Skip RNN), `selective` updates some units (SA-RNN), `random` and `periodic`
            skip a fixed share.
        skim_sizes: Sizes of the small cells of `skim`, from large to small; 0 copies the state.
        small_input: Whether a small cell sees its own slice of the hidden state, or all of it.
        skim_threshold: Skim above this probability, in [0, 1]; `full`, `random` and `periodic` ignore it.
        pooling: What the classifier sees: `last`, `mean` or `max`.
        labels: Names of the labels, by id.
        problem_type: As in transformers; None is a single label, or a sigmoid for one label.
        architecture: Which of `ARCHITECTURES`: whether texts get labels, or every token of a text, or
            questions get answers.
        skip_rate: Share of tokens that `random` and `periodic` skip, in [0, 1).
        learned_initial_state: Whether every reader starts from a state of its own instead of zeros.
        jump_every: R, tokens processed before each jump decision; None for a model that does not jump.
        jump_size: K, the largest jump.
        jump_limit: N, jumps allowed.
        reader: `attention` or `bidaf`, of a model that answers questions, whose `num_hidden_layers` are those
            between the attention and the output; None for every other model.
        num_encoder_layers: Layers of such a model before its attention.
        num_highway_layers: On its word vectors.
        exact_match: Whether it sees which words of the context are in the question too.
        unk_token_id: Row of the embedding table that stands for unknown words, which match no other.
        char_vocab_size: Rows of its table of characters; None reads no characters.
        char_embedding_size: Width of a character vector.
        char_filters: Features of a word that are computed from its characters.
        char_width: Characters that such a feature looks at together.
        max_word_length: Characters of a word that are read.
        max_answer_length: Tokens that an answer has at most.
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
    skip_rate: float = 0.5
    learned_initial_state: bool = False
    jump_every: int | None = None
    jump_size: int | None = None
    jump_limit: int | None = None
    reader: str | None = None
    num_encoder_layers: int = 0
    num_highway_layers: int = 0
    exact_match: bool = False
    unk_token_id: int | None = None
    char_vocab_size: int | None = None
    char_embedding_size: int = 8
    char_filters: int = 100
    char_width: int = 5
    max_word_length: int = 16
    max_answer_length: int = 15

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
        """k: read, and one for each small size; of the policies without sizes read and copy."""
        return len(self.sizes)

    @property
    def jumps(self) -> bool:
        """Whether the model passes over tokens."""
        return self.jump_every is not None

    @property
    def reads_features(self) -> bool:
        """Whether inputs are continuous frames, [T, input_size], rather than token ids, [T]."""
        return self.vocab_size is None

    @property
    def output_width(self) -> int:
        """Width of what the classifier sees, or of what the ends of an answer are scored by."""
        if self.reader == "bidaf":
            return self.merged_width + 2 * self.hidden_size
        if not self.num_hidden_layers:
            return self.input_width
        return self.hidden_size * self.num_directions

    @property
    def num_directions(self) -> int:
        """Readers per layer."""
        return 2 if self.bidirectional else 1

    @property
    def num_readers(self) -> int:
        """R, layers times directions; of a question reader all that read the context."""
        # BiDAF has a layer more, for the end of the answer.
        layers = self.num_encoder_layers + self.num_hidden_layers + (self.reader == "bidaf")
        return layers * self.num_directions

    @property
    def word_width(self) -> int:
        """Width of a word of a question reader: its row of the table, and what its characters say."""
        return self.embedding_size + (0 if self.char_vocab_size is None else self.char_filters)

    @property
    def encoded_width(self) -> int:
        """Width of the words that a question reader's attention compares."""
        return 2 * self.hidden_size if self.num_encoder_layers else self.word_width

    @property
    def merged_width(self) -> int:
        """Width of what its attention makes of a word of the context."""
        return self.encoded_width * (4 if self.reader == "bidaf" else 3)

    @property
    def num_gates(self) -> int:
        """G, rows of a cell's weights per unit."""
        return _GATES[self.cell_type]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units that every choice may change, the full one first; 0 copies the state."""
        if self.policy in ("full", "skim"):
            return (self.hidden_size, *self.skim_sizes)
        return (self.hidden_size, 0)

    @property
    def passes(self) -> list[list[list[int]]]:
        """Numbers of the readers that walk through a text together: [passes][directions][layers].

        In one direction all layers read a token before the next is looked at, or may. With two, a layer
        needs both directions of the one below for the whole text, so that each is a pass of its own.
        """
        if not self.bidirectional:
            return [[list(range(self.num_hidden_layers))]]
        return [[[first], [first + 1]] for first in range(0, self.num_readers, 2)]

    def layer_width(self, layer: int) -> int:
        """d_x, the width of what a layer reads."""
        if self.reader is not None:
            return self._question_width(layer)
        return self.input_width if layer == 0 else self.hidden_size * self.num_directions

    def _question_width(self, layer: int) -> int:
        states, after = 2 * self.hidden_size, layer - self.num_encoder_layers
        if after < 0:
            return states if layer else self.word_width
        if after == 0:
            return self.merged_width + self.exact_match
        return states if after < self.num_hidden_layers else self.merged_width + 3 * states

    def context_width(self, choice: int) -> int:
        """How many units of the hidden state the cell of a choice sees."""
        return self.sizes[choice] if self.small_input == "own_slice" else self.hidden_size

    def with_jumps(self, every: int | None = None, limit: int | None = None) -> RuntimeConfig:
        """The same model with other jump settings; None keeps the model's own.

        Raises:
            ValueError: The model does not jump, or a number is too small.
        """
        if every is None and limit is None:
            return self
        if not self.jumps:
            raise ValueError(
                "jump_every and jump_limit are settings of a model that jumps; this one has no jump head. "
                "Leave them out, or train a model with jump_every, jump_size and jump_limit."
            )
        changes = {"jump_every": every, "jump_limit": limit}
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **fields.jump_settings(vars(self) | given))

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
        hidden_size = fields.integer(values, "hidden_size", 1)
        choices: dict[str, Any] = {
            name: fields.choice(values, name, allowed) for name, allowed in _CHOICES.items()
        }
        problem_type = values.get("problem_type")
        if problem_type not in _PROBLEM_TYPES:
            raise ValueError(f"problem_type must be one of {_PROBLEM_TYPES}; got {problem_type!r}.")
        config = cls(
            **fields.inputs(values),
            embedding_size=fields.integer(values, "embedding_size", 1),
            hidden_size=hidden_size,
            num_hidden_layers=fields.integer(values, "num_hidden_layers", 0),
            bidirectional=fields.flag("bidirectional", fields.get(values, "bidirectional")),
            skim_sizes=fields.skim_sizes(values, choices["policy"], hidden_size),
            skim_threshold=fields.check_threshold(fields.get(values, "skim_threshold"), "skim_threshold"),
            labels=fields.labels(values),
            problem_type=problem_type,
            architecture=values["architectures"][0],
            skip_rate=fields.skip_rate(values),
            learned_initial_state=fields.initial_state(values, choices["policy"]),
            **fields.jump_settings(values),
            **question_fields(values, is_asked=values["architectures"] == [QUESTIONS]),
            **choices,
        )
        _check_together(config)
        return config


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
            f"Fine-tune it as {', '.join(ARCHITECTURES)}, or read its states with transformers."
        )
    if architectures not in [[name] for name in ARCHITECTURES]:
        raise ValueError(
            f"The runtime runs {', '.join(ARCHITECTURES)}; this model's architectures are {architectures!r}. "
            "Use transformers for the others."
        )


def _check_together(config: RuntimeConfig) -> None:
    """Refuses fields of which each is right and which contradict each other."""
    if config.reader is not None:
        check_question(config)
        return
    goes_as_one = config.policy == "skip" or config.jumps
    if goes_as_one and config.bidirectional and config.num_hidden_layers > 1:
        what = "policy 'skip' has one gate for all layers" if config.policy == "skip" else "A jump is one"
        raise ValueError(
            f"{what}, which two directions in several layers cannot share. Use bidirectional=false, or "
            f"num_hidden_layers=1; got {config.num_hidden_layers} bidirectional layers."
        )
    if config.jumps and config.bidirectional and config.labels_tokens:
        raise ValueError(
            "A bidirectional reader that jumps has no output at tokens that it passes over, and every token "
            "needs a label. Use bidirectional=false, or leave the jump settings out."
        )
    if config.num_hidden_layers:
        return
    if config.policy != "full" or config.jumps or config.bidirectional or config.pooling == "last":
        raise ValueError(
            "num_hidden_layers=0 pools vectors without reading: it goes with policy 'full', no jump "
            f"settings, bidirectional=false, and pooling 'mean' or 'max'; got policy "
            f"{config.policy!r}, pooling {config.pooling!r}, bidirectional={config.bidirectional} and "
            f"jump_every={config.jump_every}."
        )
