"""Where training starts: fresh weights, pretrained word vectors, or a plain reader trained before."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from transformers import PreTrainedTokenizerBase

from skim_hf.modeling.checks_skim_rnn import BUDGETS
from skim_hf.modeling.configuration_skim_rnn import SkimRNNConfig
from skim_hf.modeling.modeling_skim_rnn import SkimRNNForSequenceClassification
from skim_hf.modeling.pretrained_skim_rnn import SkimRNNPreTrainedModel
from skim_hf.modeling.question_skim_rnn import SkimRNNForQuestionAnswering

from .embeddings import embedding_matrix, load_word_vectors
from .labels import LabelSchema
from .slices import start_small_cells

logger = logging.getLogger(__name__)

ModelT = TypeVar("ModelT", bound=SkimRNNPreTrainedModel)

SMALL_CELLS = ("fresh", "slice")
"""How the small cells of a warm start begin: with fresh weights, or as slices of the big ones."""


def new_classifier(
    labels: LabelSchema,
    tokenizer: PreTrainedTokenizerBase,
    *,
    glove: str | os.PathLike[str] | None = None,
    seed: int = 42,
    **config_fields: Any,
) -> SkimRNNForSequenceClassification:
    """Builds a text classifier with fresh weights.

    Args:
        labels: The labels of the data.
        tokenizer: Its vocabulary sizes the embedding table.
        glove: Word vectors to start from, as `load_word_vectors` takes them; their width becomes
            the `embedding_size`. None starts from random vectors.
        seed: Seed of the vectors of words that the file does not have.
        **config_fields: Other fields of `SkimRNNConfig`.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: An `embedding_size` other than the width of the word vectors.
    """
    fields = {**labels.config_fields(), **config_fields}
    return _new_model(SkimRNNForSequenceClassification, tokenizer, glove, seed, fields)


def new_question_reader(
    tokenizer: PreTrainedTokenizerBase,
    *,
    glove: str | os.PathLike[str] | None = None,
    seed: int = 42,
    **config_fields: Any,
) -> SkimRNNForQuestionAnswering:
    """Builds a question reader with fresh weights.

    Args:
        tokenizer: See `new_classifier`; its unknown token matches no other.
        glove: See `new_classifier`.
        seed: See `new_classifier`.
        **config_fields: Other fields of `SkimRNNConfig`; the `reader` is `attention` unless it is given.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: See `new_classifier`.
    """
    fields = {"reader": "attention", "unk_token_id": tokenizer.unk_token_id, **config_fields}
    return _new_model(SkimRNNForQuestionAnswering, tokenizer, glove, seed, fields)


def warm_started_classifier(
    folder: str | os.PathLike[str],
    labels: LabelSchema,
    *,
    small_cells: str = "fresh",
    **config_fields: Any,
) -> SkimRNNForSequenceClassification:
    """Builds an adaptive classifier whose big cells, word vectors and classifier come from a plain one.

    Args:
        folder: Folder or Hub name of a model with `policy="full"`; where the new one jumps and has a policy,
            also one of that policy that does not jump.
        labels: The labels of the data, which must be those of the plain model.
        small_cells: `fresh` starts small cells from fresh weights, `slice` from those that the big cell has
            for their units; see `start_small_cells`.
        **config_fields: Fields of `SkimRNNConfig` to change; the policy becomes `skim` and its small sizes
            `[10]` unless they are given (`full` with jumps reads what it visits). What follows from the
            policy (budget, learned initial state) is that of the new one.

    Returns:
        The model, in training mode. What the first model lacks starts from fresh weights: small cells if they
        are to, decisions, jumps, learned initial states.

    Raises:
        ValueError: The folder holds no such model, or one with other labels, or `small_cells` is unknown.
    """
    plain = _start_config(folder, config_fields)
    if LabelSchema.from_config(plain).names != labels.names:
        raise ValueError(
            f"The model of {folder} has the labels {LabelSchema.from_config(plain).names}, the data "
            f"has {labels.names}. Load the data with labels=LabelSchema.from_config(model.config)."
        )
    fields = _warm_fields(plain, {**labels.config_fields(), **config_fields})
    return _warm_model(SkimRNNForSequenceClassification, folder, small_cells, fields)


def warm_started_question_reader(
    folder: str | os.PathLike[str], *, small_cells: str = "fresh", **config_fields: Any
) -> SkimRNNForQuestionAnswering:
    """Builds an adaptive question reader whose big cells and all that is not recurrent come from a plain one.

    Args:
        folder: Folder or Hub name of a `SkimRNNForQuestionAnswering` with `policy="full"`.
        small_cells: As `warm_started_classifier` takes it.
        **config_fields: As `warm_started_classifier` takes them.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: The folder holds no plain model, or one that answers no questions, or `small_cells` is
            unknown.
    """
    plain = _start_config(folder, config_fields)
    if plain.reader is None:
        raise ValueError(
            f"{folder} answers no questions: expected a SkimRNNForQuestionAnswering with policy='full', "
            "which has reader='attention' or 'bidaf'; got reader=None. Classifiers: warm_started_classifier."
        )
    fields = _warm_fields(plain, config_fields)
    return _warm_model(SkimRNNForQuestionAnswering, folder, small_cells, fields)


def _new_model(
    head: Callable[[SkimRNNConfig], ModelT],
    tokenizer: PreTrainedTokenizerBase,
    glove: str | os.PathLike[str] | None,
    seed: int,
    fields: dict[str, Any],
) -> ModelT:
    """A model for a vocabulary, with fresh weights but for the word vectors."""
    start = None
    if glove is not None:
        start = embedding_matrix(
            tokenizer.get_vocab(), load_word_vectors(glove), seed=seed, padding_id=tokenizer.pad_token_id
        )
        width = start.matrix.shape[1]
        if fields.setdefault("embedding_size", width) != width:
            raise ValueError(
                f"The word vectors are {width} wide; got embedding_size={fields['embedding_size']}. "
                "Leave embedding_size out, or use vectors of that width."
            )
        logger.info("Word vectors from %s: %s.", glove, start.summary())
    model = head(SkimRNNConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **fields))
    if start is not None:
        with torch.no_grad():
            model.get_input_embeddings().weight.copy_(torch.from_numpy(start.matrix))
    model.train()
    return model


def _start_config(folder: str | os.PathLike[str], given: dict[str, Any]) -> SkimRNNConfig:
    start: SkimRNNConfig = SkimRNNConfig.from_pretrained(folder)
    adds_jumps = start.jump_every is None and given.get("jump_every") is not None
    if start.policy != "full" and not (adds_jumps and start.policy == given.get("policy", "skim")):
        raise ValueError(
            f"A warm start takes a plain model (policy='full'), or adds jumps to a model of the same policy; "
            f"{folder} has policy={start.policy!r}. To go on training that model, load it as it is "
            "(--model_name_or_path)."
        )
    return start


def _warm_model(
    head: type[ModelT], folder: str | os.PathLike[str], small_cells: str, fields: dict[str, Any]
) -> ModelT:
    """A model with the weights of another, and what the other lacks."""
    if small_cells not in SMALL_CELLS:
        raise ValueError(f"small_cells must be {' or '.join(SMALL_CELLS)}; got {small_cells!r}.")
    model: ModelT = head.from_pretrained(folder, **fields)
    if small_cells == "slice":
        start_small_cells(model)
    model.train()
    return model


def _warm_fields(start: SkimRNNConfig, given: dict[str, Any]) -> dict[str, Any]:
    """The fields that are given, and what follows from the new policy."""
    fields = {"policy": "skim", **given}
    if start.policy != "full":
        return fields
    # Where the plain model has nothing that the new policy could keep, that has its own default.
    kept = start.budget_type in BUDGETS.get(fields["policy"], ())
    follows = {
        "skim_sizes": None,
        "budget_type": start.budget_type if kept else None,
        "learned_initial_state": start.learned_initial_state or None,
    }
    return {**follows, **fields}
