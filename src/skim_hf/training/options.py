"""The fields of a configuration as options of a training script."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from skim_hf.modeling.configuration_skim_rnn import CHOICES


def _option(text: str) -> Any:
    return field(default=None, metadata={"help": text})


def _one_of(name: str) -> str:
    return " or ".join(map(str, CHOICES.get(name, ()))) + "."


@dataclass
class ModelOptions:
    """The model; what is left out keeps the default of SkimRNNConfig, or of the folder started from."""

    cell_type: str | None = _option(_one_of("cell_type"))
    hidden_size: int | None = _option("d, width of the state.")
    num_hidden_layers: int | None = _option("Stacked layers; 0 pools without recurrence.")
    bidirectional: bool | None = _option("true reads in both directions.")
    pooling: str | None = _option(_one_of("pooling"))
    dropout: float | None = _option("Dropout, in [0, 1).")
    policy: str | None = _option("How it reads: " + _one_of("policy"))
    skim_sizes: list[int] | None = field(
        default=None,
        metadata={"help": "Policy skim: d', widths of the small updates, large to small; 0 skips."},
    )
    small_input: str | None = _option("Policy skim: " + _one_of("small_input"))
    estimator: str | None = _option("Policy skim: " + _one_of("estimator"))
    skip_rate: float | None = _option("Policies random and periodic: share of tokens skipped.")
    skip_gradient: str | None = _option("Policy skip: official or equation.")
    learned_initial_state: bool | None = _option("true learns the state before a text.")
    slope: float | None = _option("Policy selective: slope of the hard sigmoid.")
    jump_every: int | None = _option("R, tokens read before each decision to jump.")
    jump_size: int | None = _option("K, the largest jump.")
    jump_limit: int | None = _option("N, jumps allowed.")
    num_rollouts: int | None = _option("Sampled paths per text, by policy gradients.")
    reinforce_weight: float | None = _option("Weight of the policy-gradient loss.")
    budget_type: str | None = _option(_one_of("budget_type"))
    skim_threshold: float | None = _option("Skim above this probability; 1 reads all.")
    recompute_gates: bool | None = _option("true saves memory, at the price of time.")
    freeze_embeddings: bool | None = _option("true leaves word vectors as they are.")

    def config_fields(self) -> dict[str, object]:
        """Options of the configuration that were given.

        Example:
            >>> ModelOptions(policy="skim", skim_sizes=[5]).config_fields()
            {'policy': 'skim', 'skim_sizes': [5]}
        """
        return _given(self, ModelOptions)


@dataclass
class QuestionOptions(ModelOptions):
    """The model, one that answers questions; see `ModelOptions`."""

    reader: str | None = _option("How it brings question and context together: " + _one_of("reader"))
    num_encoder_layers: int | None = _option("Layers before the attention.")
    num_highway_layers: int | None = _option("Highway layers on the word vectors.")
    exact_match: bool | None = _option("false leaves out which words are in the question too.")
    char_vocab_size: int | None = _option("Characters known, such as 258 for Latin-1; left out reads none.")
    char_embedding_size: int | None = _option("Width of a character vector.")
    char_filters: int | None = _option("Features of a word made of its characters.")
    char_width: int | None = _option("Characters that such a feature looks at together.")
    max_word_length: int | None = _option("Characters of a word that are read, if any are.")
    max_answer_length: int | None = _option("Tokens that an answer has at most.")

    def config_fields(self) -> dict[str, object]:
        """Options of the configuration that were given."""
        return _given(self, QuestionOptions)


def _given(options: ModelOptions, declared: type[ModelOptions]) -> dict[str, object]:
    """The options that were given, of those that a class declares; scripts add others of their own."""
    given = {each.name: getattr(options, each.name) for each in fields(declared)}
    return {name: value for name, value in given.items() if value is not None}
