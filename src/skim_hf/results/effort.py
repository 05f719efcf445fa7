"""How much was read, and what it cost, as pure NumPy functions.

Counts of choices have the shape `[N, R, k]`: texts, readers (layers times directions) and ways to
process a token, the first of which is reading it in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf import costs
from skim_hf.results.scores import same_shape


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


def skim_rates(choice_counts: ArrayLike) -> dict[str, float]:
    """Share of tokens that were not read in full.

    Args:
        choice_counts: `[N, R, k]`.

    Returns:
        `skim_rate_macro`, the mean over texts of their mean over readers (0 for a text without
        tokens), and `skim_rate_micro`, all skimmed tokens over all tokens.

    Raises:
        ValueError: Another shape, or no text.
    """
    counts = _checked_counts(choice_counts)
    tokens = counts.sum(axis=2)
    skimmed = tokens - counts[:, :, 0]
    per_text = (skimmed / np.maximum(tokens, 1)).mean(axis=1)
    return {
        "skim_rate_macro": float(per_text.mean()),
        "skim_rate_micro": float(skimmed.sum() / max(int(tokens.sum()), 1)),
    }


def cost_ratios(choice_counts: ArrayLike, config: Any) -> dict[str, float]:
    """How much arithmetic a model that reads every token needs for each operation of this one.

    Args:
        choice_counts: `[N, R, k]`.
        config: Configuration of the model, an object or the dictionary of `config.json`.

    Returns:
        `flop_ratio_paper`, by the formula behind the published tables, and `macs_ratio`, by the
        multiply-adds that are executed.

    Raises:
        ValueError: Counts that do not fit the configuration.
    """
    counts = _checked_counts(choice_counts)
    shapes = costs.reader_shapes(config)
    if counts.shape[1:] != (len(shapes), len(shapes[0].sizes)):
        raise ValueError(
            f"This configuration has {len(shapes)} reader(s) with {len(shapes[0].sizes)} choices; got choice "
            f"counts of shape {list(counts.shape)}. Pass choice_counts with the decisions of every reader, "
            "and the configuration of the model that made them."
        )
    totals = counts.sum(axis=0).tolist()
    plain = sum(sum(taken) * costs.step_macs(shape, 0) for shape, taken in zip(shapes, totals, strict=True))
    spent = sum(costs.macs(shape, taken) for shape, taken in zip(shapes, totals, strict=True))
    paper = [_paper_cost(shape, taken) for shape, taken in zip(shapes, totals, strict=True)]
    # Readers of one model have one width and read the same tokens, so their relative costs count alike.
    return {
        "flop_ratio_paper": len(paper) / sum(paper),
        "macs_ratio": plain / spent if spent else 1.0,
    }


def reading_scores(choice_counts: ArrayLike, config: Any = None) -> dict[str, float]:
    """Skim rates and, where the configuration is known, cost ratios.

    Args:
        choice_counts: `[N, R, k]`.
        config: Configuration of the model, or None to leave the cost ratios out.

    Returns:
        The entries of `skim_rates` and of `cost_ratios`.
    """
    scores = skim_rates(choice_counts)
    return scores if config is None else {**scores, **cost_ratios(choice_counts, config)}


def text_scores(
    rates: ArrayLike, lengths: ArrayLike, *, config: Any = None, choice_counts: ArrayLike | None = None
) -> dict[str, float]:
    """Skim rates and cost ratios from the `skim_rate` and `lengths` that every model returns.

    Args:
        rates: `[N]`, share of the tokens of each text that was not read in full.
        lengths: `[N]`, tokens of each text.
        config: Configuration of the model, or None to leave the cost ratios out.
        choice_counts: `[N, R, k]`; needed for the cost ratios of several readers or more than two
            choices, where the rate alone does not tell which cells ran.

    Returns:
        The entries of `skim_rates` and, with a configuration, of `cost_ratios`.

    Raises:
        ValueError: Shapes that differ, or counts that are needed and missing.
    """
    shares, tokens = same_shape(rates, lengths)
    if choice_counts is not None:
        counts = _checked_counts(choice_counts)
        if len(counts) != len(shares):
            raise ValueError(
                f"Choice counts are needed for every text: got {len(counts)} for {len(shares)} texts."
            )
        return reading_scores(counts, config)
    counts = counts_from_rates(shares, tokens)
    scores = {
        "skim_rate_macro": float(shares.mean()),
        # With several readers the skimmed tokens of a text, averaged over them, are no whole number.
        "skim_rate_micro": float((shares * tokens).sum() / max(tokens.sum(), 1)),
    }
    if config is None:
        return scores
    if not counts[:, :, 1].any() and len(costs.reader_shapes(config)[0].sizes) == 1:
        # A plain model has the one choice of reading.
        counts = counts[:, :, :1]
    return {**scores, **cost_ratios(counts, config)}


def _paper_cost(shape: costs.ReaderShape, taken: list[int]) -> float:
    tokens = sum(taken)
    if tokens == 0:
        return 1.0
    rates = [count / tokens for count in taken[1:]]
    return 1.0 / costs.paper_flop_ratio(shape.hidden_size, shape.skim_sizes, rates, shape.cell_type)


def _checked_counts(choice_counts: ArrayLike) -> NDArray[np.int64]:
    counts = np.asarray(choice_counts)
    if counts.ndim != 3 or counts.shape[0] == 0:
        raise ValueError(
            "Choice counts must have the shape [texts, readers, choices] with at least one text; "
            f"got {list(counts.shape)}."
        )
    return counts
