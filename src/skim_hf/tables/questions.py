"""Questions about texts, with the answers that stand in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

MISPLACED = ("report", "skip", "refuse")
"""What can be done about answers that do not stand where they are said to."""


class GoldAnswer(NamedTuple):
    """A right answer.

    Attributes:
        text: The answer.
        start: Where it begins in the context, in code points; None where that is not known.
    """

    text: str
    start: int | None


@dataclass(frozen=True)
class Question:
    """A question about a context.

    Attributes:
        id: Its name in the data set.
        title: What the context is from; empty where that is not known.
        context: The text.
        question: The question.
        answers: The right answers; none if the context has no answer.
    """

    id: str
    title: str
    context: str
    question: str
    answers: tuple[GoldAnswer, ...]

    def is_misplaced(self, answer: GoldAnswer) -> bool:
        """Whether an answer does not stand in the context where it is said to, or is empty."""
        text, start = answer
        return not text or start is None or start < 0 or not self.context.startswith(text, start)


class Questions(tuple[Question, ...]):
    """Questions in the order of their file."""

    def select(self, rows: Iterable[int]) -> Questions:
        """The questions of some rows, in the order given."""
        return Questions(self[int(row)] for row in rows)

    def references(self) -> dict[str, list[str]]:
        """The right answers by id, as `skim_hf.results.answer_scores` takes them."""
        return {question.id: [answer.text for answer in question.answers] for question in self}


def place_answers(questions: Questions, misplaced: str, where: str) -> tuple[Questions, int]:
    """Looks for answers that do not stand in the context where they are said to, or are empty.

    Args:
        questions: The questions.
        misplaced: `report` keeps such an answer, whose place then counts as not known (None): it is right,
            but nothing to learn a place from. `skip` leaves it out, and its question too if that had no
            other. `refuse` raises an error.
        where: What the questions are, for the error.

    Returns:
        The questions, and the number of such answers.

    Raises:
        ValueError: There are such answers and they are refused, all questions are skipped, or another word.
    """
    if misplaced not in MISPLACED:
        raise ValueError(f"Misplaced answers can be met by {', '.join(MISPLACED)}; got {misplaced!r}.")
    wrong = [(each, a) for each in questions for a in each.answers if each.is_misplaced(a)]
    if not wrong:
        return questions, 0
    first = f"{wrong[0][1].text!r:.60} at {wrong[0][1].start} for the question {wrong[0][0].id!r}"
    if misplaced == "refuse":
        raise ValueError(
            f"{where} has {len(wrong)} answer(s) that do not stand where they are said to, such as {first}. "
            "Places count code points from 0. Mend the file, or choose 'report' or 'skip'."
        )
    kept = Questions(_kept(each, misplaced == "skip") for each in questions)
    if misplaced == "skip":
        kept = Questions(
            new for old, new in zip(questions, kept, strict=True) if new.answers or not old.answers
        )
    if not kept:
        raise ValueError(
            f"{where} has no question left: no answer stands where it is said to, such as {first}. Places "
            "count code points from 0."
        )
    return kept, len(wrong)


def _kept(question: Question, skip: bool) -> Question:
    answers = [
        GoldAnswer(answer.text, None) if question.is_misplaced(answer) else answer
        for answer in question.answers
    ]
    return replace(question, answers=tuple(a for a in answers if not skip or a.start is not None))
