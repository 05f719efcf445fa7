"""From a Hub name or files to questions with answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from skim_hf.tables import Questions, place_answers, read_questions
from skim_hf.tables.question_files import questions_of

from .data import Source, files_by_split, hub_splits

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuestionData:
    """Questions, ready to be cut into windows.

    Attributes:
        splits: The parts that are there, of `train`, `validation` and `test`.
        misplaced: In each, the number of answers that do not stand where they are said to.
    """

    splits: dict[str, Questions]
    misplaced: dict[str, int]


def load_questions(
    source: Source, *, misplaced: str = "report", config_name: str | None = None, revision: str | None = None
) -> QuestionData:
    """Loads questions with their contexts and answers.

    Args:
        source: Name of a data set on the Hub or of a local folder whose rows are as those of `squad` or
            `squad_v2`; or files by split (`train`, `validation`, `test`), a path or a list of paths, see
            `skim_hf.tables.read_questions`.
        misplaced: What to do about answers that do not stand in the context where they are said to, or are
            empty: `report` keeps them for scoring only, and logs a warning; `skip` leaves them out, and
            questions that had no others; `refuse` raises an error.
        config_name: Configuration of a data set on the Hub.
        revision: Version of a data set on the Hub.

    Returns:
        The questions, and how many answers are misplaced.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: Missing fields, an id that comes twice in a split, misplaced answers if they are refused.

    Example:
        >>> data = load_questions({"train": "train-v1.1.json"}, misplaced="skip")  # doctest: +SKIP
        >>> len(data.splits["train"]), data.misplaced["train"]  # doctest: +SKIP
        (87599, 0)
    """
    splits, counts = {}, {}
    for name, questions in _read(source, config_name, revision).items():
        splits[name], counts[name] = place_answers(questions, misplaced, f"The {name} split")
        if counts[name]:
            logger.warning(
                "%d answer(s) of the %s split do not stand where they are said to; %s.",
                counts[name],
                name,
                "they are left out" if misplaced == "skip" else "they are scored, but not learnt from",
            )
    return QuestionData(splits, counts)


def _read(source: Source, config_name: str | None, revision: str | None) -> dict[str, Questions]:
    files = files_by_split(source)
    if files is not None:
        return {name: read_questions(*paths) for name, paths in files.items()}
    parts = hub_splits(str(source), config_name, revision)
    return {
        name: questions_of(
            ((f"{source}, {name}, row {number} counted from 0", row) for number, row in enumerate(part)),
            f"{source}, {name},",
        )
        for name, part in parts.items()
    }
