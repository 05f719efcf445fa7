"""What the configuration of a question reader may hold, and who needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .configuration_skim_rnn import SkimRNNConfig

_OPTIONAL = {"num_encoder_layers": 0, "num_highway_layers": 0, "char_vocab_size": 1, "unk_token_id": 0}
"""Fields that are None or an integer of at least this."""


def check_question(config: SkimRNNConfig) -> None:
    """Checks the fields of question answering, and those that do not go with it.

    Raises:
        ValueError: Names the field, the value that came and the values allowed.
    """
    given = {name: getattr(config, name) for name in _OPTIONAL if getattr(config, name) is not None}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < _OPTIONAL[name]:
            raise ValueError(
                f"{name} must be None or an integer of at least {_OPTIONAL[name]}; got {value!r}."
            )
    if config.reader is not None:
        _check_reader(config)
        return
    if given:
        listed = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ValueError(
            f"{listed}: only for question answering. Give reader='attention' or 'bidaf' too, or leave it out."
        )


def _check_reader(config: SkimRNNConfig) -> None:
    what = f"reader={config.reader!r}"
    if config.vocab_size is None:
        raise ValueError(
            f"{what} reads words: give vocab_size, and leave input_size out; got {config.input_size}."
        )
    if config.unk_token_id is not None and config.unk_token_id >= config.vocab_size:
        raise ValueError(
            f"unk_token_id must be a row of the embedding table, below vocab_size={config.vocab_size}; "
            f"got {config.unk_token_id}."
        )
    if not config.bidirectional:
        raise ValueError(f"{what} reads both ways: leave bidirectional out; got {config.bidirectional}.")
    if config.num_hidden_layers < 1:
        raise ValueError(
            f"{what} has num_hidden_layers after its attention: at least 1; got {config.num_hidden_layers}."
        )
    if any(value is not None for value in (config.jump_every, config.jump_size, config.jump_limit)):
        raise ValueError(
            f"{what} needs an output at every token, which jumps do not give: leave jump_every, jump_size "
            "and jump_limit out."
        )
    if config.estimator == "reinforce":
        raise ValueError(
            f"{what} is trained with estimator 'gumbel' or 'straight_through'; got {config.estimator!r}."
        )


def check_no_question(config: SkimRNNConfig) -> None:
    """Refuses the configuration of a question reader for any other model.

    Raises:
        ValueError: Says which class goes with it.
    """
    if config.reader is not None:
        raise ValueError(
            f"reader={config.reader!r} answers questions: load it as SkimRNNForQuestionAnswering "
            "(AutoModelForQuestionAnswering). Every other model takes reader=None."
        )


def check_is_question(config: SkimRNNConfig) -> None:
    """Refuses a configuration without a question reader.

    Raises:
        ValueError: Says what goes with it.
    """
    if config.reader is None:
        raise ValueError(
            "SkimRNNForQuestionAnswering needs reader='attention' or 'bidaf' in its configuration; got None."
        )
