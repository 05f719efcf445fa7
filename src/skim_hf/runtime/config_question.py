"""The fields of a `config.json` that models have which answer questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skim_hf.runtime.config_fields import choice, flag, integer

if TYPE_CHECKING:
    from skim_hf.runtime.config import RuntimeConfig

READERS = ("attention", "bidaf")

# What older files leave out, with the lowest value that is allowed.
_SIZES = {
    "char_embedding_size": (8, 1),
    "char_filters": (100, 1),
    "char_width": (5, 1),
    "max_word_length": (16, 1),
    "max_answer_length": (15, 1),
}
_OPTIONAL = {"unk_token_id": 0, "char_vocab_size": 1}


def question_fields(values: Mapping[str, Any], *, is_asked: bool) -> dict[str, Any]:
    """Checks the fields of question answering.

    Args:
        values: Of the file.
        is_asked: Whether the model is one that answers questions.

    Returns:
        Fields of `RuntimeConfig`; none of any other model.

    Raises:
        ValueError: Names the field, what came and what is allowed.
    """
    if not is_asked:
        if values.get("reader") is not None:
            raise ValueError(
                f"reader={values['reader']!r} is for SkimRNNForQuestionAnswering; this model's architectures "
                f"are {values.get('architectures')!r}. The file was changed by hand: save the model again."
            )
        return {}
    found: dict[str, Any] = {
        "reader": choice(values, "reader", READERS),
        "num_encoder_layers": integer(values, "num_encoder_layers", 0),
        "num_highway_layers": integer(values, "num_highway_layers", 0),
        "exact_match": flag("exact_match", values.get("exact_match", True)),
    }
    for name, (default, lowest) in _SIZES.items():
        found[name] = integer({name: default, **values}, name, lowest)
    for name, lowest in _OPTIONAL.items():
        found[name] = None if values.get(name) is None else integer(values, name, lowest)
    return found


def check_question(config: RuntimeConfig) -> None:
    """Refuses what does not go with a question reader.

    Raises:
        ValueError: Says what goes with it.
    """
    what = f"reader={config.reader!r}"
    if config.vocab_size is None:
        raise ValueError(f"{what} reads words: vocab_size must be a number; got null.")
    if config.unk_token_id is not None and config.unk_token_id >= config.vocab_size:
        raise ValueError(
            f"unk_token_id must be a row of the embedding table, below vocab_size={config.vocab_size}; "
            f"got {config.unk_token_id}."
        )
    if not config.bidirectional:
        raise ValueError(f"{what} reads both ways: bidirectional must be true; got false.")
    if config.num_hidden_layers < 1:
        raise ValueError(
            f"{what} has num_hidden_layers after its attention: at least 1; got {config.num_hidden_layers}."
        )
    if config.jumps:
        raise ValueError(
            f"{what} needs an output at every token, which jumps do not give: jump_every, jump_size and "
            f"jump_limit must be null; got jump_every={config.jump_every}."
        )
