"""From when on "there is no answer" is the better answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from skim_hf.results.answers import normalize_answer, token_f1


def best_null_threshold(
    margins: Mapping[str, float],
    predictions: Mapping[str, str],
    references: Mapping[str, Iterable[str]],
    *,
    measure: Callable[[str, str], float] | None = None,
) -> tuple[float, float]:
    """Finds the threshold of the null answer that suits a data set of questions best.

    A question counts as having no answer if its margin exceeds the threshold, as in
    `skim_hf.runtime.answers.find_answers`. Choose it on data that are not reported on.

    Args:
        margins: By the id of the question, the score of the null answer minus that of the best span.
        predictions: The text of the best span.
        references: The right answers; none where there is none.
        measure: Score of a prediction against a right answer; F1 of SQuAD 2.0 if None.

    Returns:
        The threshold, of equally good ones that with the fewest null answers, and the mean score under it,
        in percent.

    Raises:
        ValueError: No question, or other questions in one of the mappings.
    """
    if not margins or not margins.keys() == predictions.keys() == references.keys():
        raise ValueError(
            f"Expected the same questions three times, at least one; got {len(margins)} margins, "
            f"{len(predictions)} predictions and {len(references)} references."
        )
    names = sorted(margins, key=lambda name: -margins[name])
    golds = {name: [text for text in references[name] if normalize_answer(text)] or [""] for name in names}

    def score(name: str, text: str) -> float:
        return max((measure or _f1)(text, gold) for gold in golds[name])

    spans = [score(name, predictions[name]) for name in names]
    gains = [score(name, "") - span for name, span in zip(names, spans, strict=True)]
    # Total after the first n of them, those with the highest margins, have got the null answer.
    totals = np.cumsum([sum(spans), *gains])
    values = [margins[name] for name in names]
    bounds = np.array([_beyond(values[0], 1.0), *values, _beyond(values[-1], -1.0)])
    # Between two margins, so that rounding decides nothing; questions of equal margin go together.
    apart = np.flatnonzero(bounds[:-1] > bounds[1:])
    best = int(apart[totals[apart].argmax()])
    return float((bounds[best] + bounds[best + 1]) / 2), float(100.0 * totals[best] / len(names))


def _beyond(margin: float, sign: float) -> float:
    """A number that is clearly higher or lower, also where margins are very large."""
    return margin + sign * 2.0 * (1.0 + abs(margin))


def _f1(prediction: str, gold: str) -> float:
    return token_f1(prediction, gold, null_answers=True)
