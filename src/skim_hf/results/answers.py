"""Exact match and F1 of answers to questions, as the official SQuAD evaluators define them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """An answer as it is compared.

    Lower case; without ASCII punctuation, which joins what it stood between; without the words a, an and the;
    one blank between words. In this order: "U.S.-based" becomes "usbased", and "A.N. Other" loses its "an".

    Args:
        text: An answer.

    Returns:
        What is compared; empty if nothing is left.
    """
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(prediction: str, gold: str) -> float:
    """1.0 if two answers are the same after `normalize_answer`, else 0.0."""
    return float(normalize_answer(prediction) == normalize_answer(gold))


def token_f1(prediction: str, gold: str, *, null_answers: bool = False) -> float:
    """Harmonic mean of precision and recall over the bags of words of two normalised answers.

    Args:
        prediction: The answer given.
        gold: The right one.
        null_answers: Of two answers that are both empty after normalisation, 1.0 as in SQuAD 2.0. Otherwise
            0.0, as in SQuAD 1.1: they share no word.

    Returns:
        A number between 0 and 1.
    """
    predicted, wanted = normalize_answer(prediction).split(), normalize_answer(gold).split()
    if null_answers and not (predicted and wanted):
        return float(predicted == wanted)
    shared = (Counter(predicted) & Counter(wanted)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(wanted)
    return 2.0 * precision * recall / (precision + recall)


def answer_scores(
    predictions: Mapping[str, str], references: Mapping[str, Iterable[str]], *, null_answers: bool = False
) -> dict[str, float]:
    """Scores of a data set of questions: for each the best over its right answers, averaged, in percent.

    Args:
        predictions: Answers by the id of the question. A question without one counts as answered wrongly;
            answers to other questions are left aside.
        references: The right answers by the id of the question.
        null_answers: Whether a question may have no answer, as in SQuAD 2.0: its right answer, and that of a
            question whose answers are all empty after normalisation, is the empty text. The official
            evaluator of 2.0 leaves questions without a prediction out of the mean; here they count.

    Returns:
        `exact_match` and `f1`. With null answers also `has_answer_exact_match`, `has_answer_f1`,
        `no_answer_exact_match` and `no_answer_f1`, where there are such questions.

    Raises:
        ValueError: No question, or one without a right answer where null answers are not allowed.

    Example:
        >>> answer_scores({"q1": "The Nile river"}, {"q1": ["Nile", "the river Nile"]})
        {'exact_match': 0.0, 'f1': 100.0}
    """
    golds = {name: _golds(name, texts, null_answers) for name, texts in references.items()}
    if not golds:
        raise ValueError("There is nothing to score: give the right answers of at least one question.")

    def score(measure: Callable[[str, str], float], names: Iterable[str]) -> float:
        best = [
            max(measure(predictions[name], gold) for gold in golds[name]) if name in predictions else 0.0
            for name in names
        ]
        return 100.0 * sum(best) / len(best)

    def both(names: Sequence[str]) -> dict[str, float]:
        f1 = score(lambda text, gold: token_f1(text, gold, null_answers=null_answers), names)
        return {"exact_match": score(exact_match, names), "f1": f1}

    scores = both(list(golds))
    if null_answers:
        answered = [name for name, texts in golds.items() if texts != [""]]
        unanswered = [name for name, texts in golds.items() if texts == [""]]
        for kind, names in (("has_answer", answered), ("no_answer", unanswered)):
            scores.update({f"{kind}_{key}": value for key, value in both(names).items()} if names else {})
    return scores


def _golds(name: str, texts: Iterable[str], null_answers: bool) -> list[str]:
    golds = list(texts)
    if null_answers:
        return [text for text in golds if normalize_answer(text)] or [""]
    if not golds:
        raise ValueError(
            f"Question {name!r} has no right answer. Leave it out, or score with null_answers=True, where "
            "such a question is to be answered by an empty text."
        )
    return golds
