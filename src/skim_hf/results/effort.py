"""How much was read, and what it cost, as pure NumPy functions.

Counts of choices have the shape `[N, R, k]`: texts, readers (layers times directions) and ways to
process a token, the first of which is reading it in full. Selected units and jumps need the rest of
`TextCounts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf import costs
from skim_hf.results.counts import TextCounts
from skim_hf.results.scores import same_shape

Counts: TypeAlias = TextCounts | Mapping[str, Any] | ArrayLike
"""How texts were read; see `TextCounts.of`."""


def counts_from_rates(skim_rates: ArrayLike, lengths: ArrayLike) -> NDArray[np.int64]:
    """Counts of read and skimmed tokens of a single reader with one small size.

    Args:
        skim_rates: `[N]`, share of the tokens of each text that was skimmed.
        lengths: `[N]`, tokens of each text.

    Returns:
        `[N, 1, 2]` counts of read and of skimmed tokens.

    Raises:
        ValueError: Shapes that differ, or a rate outside [0, 1].
    """
    rates, tokens = same_shape(skim_rates, lengths)
    if ((rates < 0.0) | (rates > 1.0)).any():
        raise ValueError(f"A skim rate must lie in [0, 1]; got {rates.min():g} to {rates.max():g}.")
    skimmed = np.rint(rates * tokens).astype(np.int64)
    return np.stack([tokens.astype(np.int64) - skimmed, skimmed], axis=-1)[:, None, :]


def skim_rates(counts: Counts, config: Any = None) -> dict[str, float]:
    """Share of tokens that were not read in full.

    A token that a jump passed over was not read; of one that a selective reader updated in part, the
    share of its units that were not updated counts.

    Args:
        counts: `[N, R, k]` choices, or `TextCounts` in any form.
        config: Configuration of the model, needed for the units of a selective one.

    Returns:
        `skim_rate_macro`, the mean over texts of their mean over readers (0 for a text without
        tokens), and `skim_rate_micro`, all skimmed tokens over all tokens. Both are 0 without a reader.

    Raises:
        ValueError: Another shape, or no text.
    """
    found = TextCounts.of(counts)
    skimmed = found.lengths[:, None] - found.read(config)
    return {
        "skim_rate_macro": float(text_skim_rates(found, config).mean()),
        "skim_rate_micro": float(skimmed.sum() / max(found.tokens * skimmed.shape[1], 1)),
    }


def layer_skim_rates(counts: Counts, config: Any = None) -> dict[str, float]:
    """Share of all tokens that each reader did not read in full; see `skim_rates`.

    Args:
        counts: See `skim_rates`.
        config: See `skim_rates`.

    Returns:
        `layer_skim_rate_0` and so on, one for each of the R readers, number layer * directions + direction.
    """
    found = TextCounts.of(counts)
    skimmed = (found.lengths[:, None] - found.read(config)).sum(axis=0) / max(found.tokens, 1)
    return {f"layer_skim_rate_{reader}": float(rate) for reader, rate in enumerate(skimmed)}


def text_skim_rates(counts: Counts, config: Any = None) -> NDArray[np.float64]:
    """The skim rate of each text, `[N]`; see `skim_rates`."""
    found = TextCounts.of(counts)
    skimmed = found.lengths[:, None] - found.read(config)
    if not skimmed.shape[1]:
        return np.zeros(len(skimmed))
    rates: NDArray[np.float64] = (skimmed / np.maximum(found.lengths, 1)[:, None]).mean(axis=1)
    return rates


def cost_ratios(counts: Counts, config: Any) -> dict[str, float]:
    """How much arithmetic a model that reads every token needs for each operation of this one.

    Args:
        counts: `[N, R, k]` choices, or `TextCounts` in any form.
        config: Configuration of the model, an object or the dictionary of `config.json`.

    Returns:
        `macs_ratio`, by the multiply-adds that are executed; left out where none is, as by pooled
        embeddings, since no number says how much cheaper nothing is. `flop_ratio_paper`, by the formula
        behind the published tables; left out for readers that have none: controls, and all that jump.

    Raises:
        ValueError: Counts that do not fit the configuration.
    """
    found = TextCounts.of(counts)
    shapes = costs.reader_shapes(config)
    _check_fit(found, shapes)
    totals = found.totals()
    ratios = {
        "flop_ratio_paper": costs.published_ratio(config, totals),
        "macs_ratio": costs.model_macs_ratio(config, totals),
    }
    return {name: ratio for name, ratio in ratios.items() if ratio is not None and math.isfinite(ratio)}


def jump_scores(counts: Counts) -> dict[str, float]:
    """What jumps did.

    Args:
        counts: `TextCounts` in any form.

    Returns:
        `visited_rate`, the share of all tokens that were looked at (the mean over readers, 1 where there is
        no token), and `jumps_per_text`, jump decisions that were taken; nothing for a model that does not
        jump.
    """
    found = TextCounts.of(counts)
    if found.jumps is None:
        return {}
    everything = found.tokens * found.choices.shape[1]
    return {
        "visited_rate": float(found.choices.sum() / everything) if everything else 1.0,
        "jumps_per_text": float(found.jumps.sum(axis=1).mean()),
    }


def reading_scores(counts: Counts, config: Any = None) -> dict[str, float]:
    """Skim rates and, where the configuration is known, cost ratios.

    Args:
        counts: `[N, R, k]` choices, or `TextCounts` in any form.
        config: Configuration of the model, or None to leave the cost ratios out.

    Returns:
        The entries of `skim_rates`, of `cost_ratios`, and of `jump_scores`.
    """
    found = TextCounts.of(counts)
    scores = {**skim_rates(found, config), **jump_scores(found)}
    return scores if config is None else {**scores, **cost_ratios(found, config)}


def text_scores(
    rates: ArrayLike, lengths: ArrayLike, *, config: Any = None, choice_counts: Counts | None = None
) -> dict[str, float]:
    """Skim rates and cost ratios from the `skim_rate` and `lengths` that every model returns.

    Args:
        rates: `[N]`, share of the tokens of each text that was not read in full.
        lengths: `[N]`, tokens of each text.
        config: Configuration of the model, or None to leave the cost ratios out.
        choice_counts: `[N, R, k]`, or `TextCounts` in any form; needed for the cost ratios of several
            readers, more than two choices, selected units or jumps, where the rate alone does not tell what
            ran.

    Returns:
        The entries of `skim_rates` and, with a configuration, of `cost_ratios`.

    Raises:
        ValueError: Shapes that differ, or counts that are needed and missing.
    """
    shares, tokens = same_shape(rates, lengths)
    if choice_counts is not None:
        found = TextCounts.of(choice_counts)
        if len(found.lengths) != len(shares):
            raise ValueError(
                f"Choice counts are needed for every text: got {len(found.lengths)} for {len(shares)} texts."
            )
        return reading_scores(found, config)
    counts = counts_from_rates(shares, tokens)
    scores = {
        "skim_rate_macro": float(shares.mean()),
        # With several readers the skimmed tokens of a text, averaged over them, are no whole number.
        "skim_rate_micro": float((shares * tokens).sum() / max(tokens.sum(), 1)),
    }
    if config is None:
        return scores
    shapes = costs.reader_shapes(config)
    if not shapes:
        counts = counts[:, :0, :]
    elif not counts[:, :, 1].any() and len(shapes[0].sizes) == 1:
        # A plain model has the one choice of reading.
        counts = counts[:, :, :1]
    return {**scores, **cost_ratios({"choices": counts, "lengths": tokens}, config)}


def _check_fit(found: TextCounts, shapes: Sequence[costs.ReaderShape]) -> None:
    choices = len(shapes[0].sizes) if shapes else found.choices.shape[2]
    if found.choices.shape[1:] != (len(shapes), choices):
        raise ValueError(
            f"This configuration has {len(shapes)} reader(s) with {choices} choices; got choice "
            f"counts of shape {list(found.choices.shape)}. Pass choice_counts with the decisions of every "
            "reader, and the configuration of the model that made them."
        )
    if shapes and (shapes[0].policy == "selective") != (found.units is not None):
        raise ValueError(
            "The units that were updated are needed for policy 'selective' and for no other. Pass "
            "choice_counts as an object of choices, lengths and units."
        )
    if shapes and (shapes[-1].jump_size is not None) != (found.jumps is not None):
        raise ValueError(
            "The jump decisions are needed for a model that jumps and for no other. Pass choice_counts as an "
            "object of choices, lengths and jumps."
        )
