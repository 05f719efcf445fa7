"""Checks of what a forward pass is given, with errors that say what was expected."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, ones

from .configuration_skim_rnn import SkimRNNConfig


def real_tokens(
    input_ids: Tensor | None,
    attention_mask: Tensor | None,
    inputs_embeds: Tensor | None,
    pad_token_id: int | None,
) -> Tensor:
    """[B, T] bool, true at real tokens; without a mask, whatever is not `pad_token_id`.

    Raises:
        ValueError: Neither or both kinds of input, no batch, or a mask of another shape or device.
    """
    inputs = input_ids if inputs_embeds is None else inputs_embeds
    if inputs is None or (input_ids is not None and inputs_embeds is not None):
        raise ValueError(
            "Give either input_ids (words) or inputs_embeds (vectors or features), not both or none."
        )
    if inputs.dim() != (2 if inputs_embeds is None else 3):
        raise ValueError(
            f"input_ids must be a batch [B, T], inputs_embeds [B, T, width]; got shape {tuple(inputs.shape)}."
        )
    if attention_mask is not None:
        if attention_mask.shape != inputs.shape[:2]:
            raise ValueError(
                f"attention_mask must have the shape {tuple(inputs.shape[:2])} of the inputs; "
                f"got {tuple(attention_mask.shape)}."
            )
        if attention_mask.device != inputs.device:
            raise ValueError(
                f"The inputs are on {inputs.device}, the attention_mask on {attention_mask.device}: "
                "move one of them with .to(device)."
            )
        return attention_mask.bool()
    if input_ids is not None and pad_token_id is not None:
        return input_ids != pad_token_id
    return ones(inputs.shape[:2], device=inputs.device).bool()


def real_question(
    question_ids: Tensor | None, question_mask: Tensor | None, batch: int, pad_token_id: int | None
) -> Tensor:
    """[B, J] bool, true at real tokens of the questions; without a mask, whatever is not `pad_token_id`.

    Raises:
        ValueError: No questions, another number than `batch`, or a mask of another shape or device.
    """
    if question_ids is None or question_ids.dim() != 2 or len(question_ids) != batch:
        got = None if question_ids is None else tuple(question_ids.shape)
        raise ValueError(
            f"Give question_ids [B, J] with a row for each of the {batch} contexts; got shape {got}."
        )
    try:
        return real_tokens(question_ids, question_mask, None, pad_token_id)
    except ValueError as error:
        raise ValueError(f"Questions (question_ids, question_mask): {error}") from None


def check_characters(config: SkimRNNConfig, char_ids: Tensor | None, ids: Tensor, name: str) -> None:
    """Refuses characters that a model does not read, and words without those that it does.

    Args:
        config: Says whether it does.
        char_ids: [B, T, W], or None.
        ids: [B, T], the words.
        name: Of the argument.

    Raises:
        ValueError: Says what was expected.
    """
    if (char_ids is None) != (config.char_vocab_size is None):
        expected = "no" if config.char_vocab_size is None else "also"
        raise ValueError(
            f"This model, with char_vocab_size={config.char_vocab_size}, reads {expected} characters; "
            f"got {name}={None if char_ids is None else tuple(char_ids.shape)}."
        )
    if char_ids is not None and (char_ids.dim() != 3 or char_ids.shape[:2] != ids.shape):
        raise ValueError(
            f"{name} must have the shape {(*ids.shape, 'W')}, the characters of every word; "
            f"got {tuple(char_ids.shape)}."
        )


def check_embeds(inputs_embeds: Tensor, width: int) -> Tensor:
    """Refuses vectors or features of another width, and whole numbers."""
    if inputs_embeds.shape[-1] != width:
        raise ValueError(
            f"inputs_embeds must have the shape [B, T, {width}]; got {tuple(inputs_embeds.shape)}."
        )
    if not inputs_embeds.is_floating_point():
        raise ValueError(f"inputs_embeds must be floats; got {inputs_embeds.dtype} (words are input_ids).")
    return inputs_embeds


def check_device(tensor: Tensor, weight: Tensor, name: str) -> None:
    """Refuses a tensor on another device than the weights."""
    if tensor.device != weight.device:
        raise ValueError(
            f"{name} must be on {weight.device}, where the model's weights are; got {tensor.device}: "
            "move the model or the batch with .to(device)."
        )


def check_like_weights(weights: Iterable[Tensor], inputs: Tensor, state: tuple[Tensor, ...]) -> None:
    """Refuses inputs or states on another device or of another dtype than the weights, which share one.

    Under autocast, what came before may well have another precision.
    """
    first, *others = weights
    if any(weight.dtype != first.dtype for weight in others):
        raise ValueError(
            f"The weights of a reader must have one dtype; got {first.dtype} and others: "
            "convert the model with .to(dtype)."
        )
    for name, tensor in (("inputs", inputs), *(("initial_state", part) for part in state)):
        check_device(tensor, first, name)
        if tensor.dtype != first.dtype and not torch.is_autocast_enabled(first.device.type):
            raise ValueError(
                f"{name} must have the dtype {first.dtype} of the model's weights; got {tensor.dtype}: "
                "convert the model or the batch with .to(dtype), or run it under torch.autocast."
            )


def check_state(state: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Refuses an initial state of another shape."""
    if state.shape != shape:
        raise ValueError(
            f"initial_state must have the shape {shape} (batch, parts, readers, hidden size), "
            f"as final_state has; got {tuple(state.shape)}."
        )
    return state


def check_threshold(threshold: float) -> float:
    """Refuses a dial outside [0, 1]."""
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"skim_threshold must be in [0, 1] (1 reads everything); got {threshold!r}.")
    return float(threshold)


def check_temperature(temperature: float) -> float:
    """Refuses a temperature that is not above 0."""
    if not temperature > 0.0:
        raise ValueError(f"temperature must be above 0; got {temperature!r}.")
    return float(temperature)


def check_slope(slope: float) -> float:
    """Refuses a slope that is not above 0."""
    if not slope > 0.0:
        raise ValueError(f"slope must be above 0; got {slope!r}.")
    return float(slope)
