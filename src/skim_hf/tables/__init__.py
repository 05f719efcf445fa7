"""Tables of texts in files: CSV, TSV, JSON lines, Parquet, and SQuAD's JSON; every value is as written."""

from __future__ import annotations

from skim_hf.tables.question_files import read_questions
from skim_hf.tables.questions import GoldAnswer, Question, Questions, place_answers
from skim_hf.tables.rows import Rows, describe_rows, read_rows, stream_rows

__all__ = [
    "GoldAnswer",
    "Question",
    "Questions",
    "Rows",
    "describe_rows",
    "place_answers",
    "read_questions",
    "read_rows",
    "stream_rows",
]
