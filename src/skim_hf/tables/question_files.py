"""Files of questions: SQuAD JSON of both versions, and rows of the kind that the Hub's `squad` has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from skim_hf.tables.formats import Row, parse_json, row_of
from skim_hf.tables.questions import GoldAnswer, Question, Questions
from skim_hf.tables.rows import stream_rows


def read_questions(*paths: str | Path) -> Questions:
    """Reads the questions of files.

    Args:
        paths: `.json` as SQuAD 1.1 and 2.0 are published (articles of paragraphs of questions), or
            `.parquet`, `.jsonl`, `.json` whose rows have the columns `id`, `context`, `question`, `answers`
            and perhaps `title`, as the data set `squad` of the Hub.

    Returns:
        The questions of all files.

    Raises:
        FileNotFoundError: No such file.
        ImportError: A Parquet file, and pyarrow is not installed.
        ValueError: A file that cannot be parsed, a field that is missing or of the wrong kind, an id that
            comes twice, or no question at all; the message names the place.
    """
    return questions_of(
        (place for path in paths for place in _places(Path(path))), ", ".join(map(str, paths))
    )


def questions_of(rows: Iterable[tuple[str, Row]], source: str) -> Questions:
    """Makes questions of rows.

    Args:
        rows: For each where it is from, for messages, and its fields; see `read_questions`.
        source: Where all are from.

    Raises:
        ValueError: See `read_questions`.
    """
    seen: dict[str, str] = {}
    found = []
    for where, row in rows:
        question = _question(row, where)
        if question.id in seen:
            raise ValueError(
                f"{where}: the id {question.id!r} is taken by {seen[question.id]}. Answers are kept by "
                "the id of their question: give every question its own, and every file once."
            )
        seen[question.id] = where
        found.append(question)
    if not found:
        raise ValueError(f"{source} holds no questions. Give a file with at least one.")
    return Questions(found)


def _places(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a file, each with where it is from."""
    rows: Iterable[Any]
    whole = _whole_json(path) if path.suffix.lower() == ".json" and path.is_file() else None
    if isinstance(whole, dict) and "data" in whole:
        rows = _list(whole, "data", str(path))
        if any(isinstance(row, dict) and "paragraphs" in row for row in rows):
            yield from _nested(rows, str(path))
            return
    else:
        rows = whole if isinstance(whole, list) else stream_rows(path)
    for number, row in enumerate(rows):
        yield f"{path}, row {number} counted from 0", row_of(row, str(path))


def _whole_json(path: Path) -> Any:
    """The value that a file holds; None of a file of JSON lines."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}. Save it in that encoding.") from error
    try:
        return parse_json(text, str(path), 1)
    except ValueError:
        first, _, more = text.partition("\n")
        if not more or not _is_json(first):
            raise
        return None


def _is_json(text: str) -> bool:
    try:
        parse_json(text, "", 1)
    except ValueError:
        return False
    return True


def _nested(articles: list[Any], source: str) -> Iterator[tuple[str, Row]]:
    for a, article in enumerate(articles):
        where = f"{source}, data[{a}]"
        for p, paragraph in enumerate(_list(row_of(article, where), "paragraphs", where)):
            inner = f"{where}.paragraphs[{p}]"
            context = _field(row_of(paragraph, inner), "context", inner)
            for q, item in enumerate(_list(paragraph, "qas", inner)):
                place = f"{inner}.qas[{q}]"
                row = row_of(item, place)
                if row.get("is_impossible") is True and row.get("answers") is None:
                    # Version 2.0 says of a question that it has no answer; the plausible ones are wrong.
                    row = {**row, "answers": []}
                yield place, {"title": article.get("title"), "context": context, **row}


def _question(row: Row, where: str) -> Question:
    name, context, question = (_text(row, field, where) for field in ("id", "context", "question"))
    title = _text(row, "title", where) if row.get("title") is not None else ""
    answers = tuple(_answers(_field(row, "answers", where), where))
    return Question(name, title, context, question, answers)


def _answers(value: Any, where: str) -> Iterator[GoldAnswer]:
    """Answers as a list of objects, or as an object of two lists."""
    if isinstance(value, dict):
        texts, starts = (_list(value, key, f"{where}, answers,") for key in ("text", "answer_start"))
        if len(texts) != len(starts):
            raise ValueError(f"{where}: {len(texts)} answers have {len(starts)} places (answer_start).")
        value = [{"text": text, "answer_start": at} for text, at in zip(texts, starts, strict=True)]
    if not isinstance(value, list):
        raise ValueError(
            f"{where}: answers must be a list of objects with text and answer_start, or an object of two "
            f"such lists; got {value!r:.80}."
        )
    for number, answer in enumerate(value):
        place = f"{where}, answers[{number}]"
        start = _field(row_of(answer, place), "answer_start", place)
        if not isinstance(start, int) or isinstance(start, bool):
            raise ValueError(f"{place}: answer_start must be an integer; got {start!r:.80}.")
        yield GoldAnswer(_text(answer, "text", place), start)


def _field(row: Row, name: str, where: str) -> Any:
    if row.get(name) is None:
        raise ValueError(
            f"{where} has no {name!r}; it has {', '.join(map(repr, row)) or 'no fields'}. A question needs "
            "id, context, question, and answers with text and answer_start."
        )
    return row[name]


def _text(row: Row, name: str, where: str) -> str:
    value = _field(row, name, where)
    if not isinstance(value, str):
        raise ValueError(f"{where}: {name} must be a string; got {value!r:.80} ({type(value).__name__}).")
    return value


def _list(row: Row, name: str, where: str) -> list[Any]:
    value = _field(row, name, where)
    if not isinstance(value, list):
        raise ValueError(f"{where}: {name} must be a list; got {value!r:.80} ({type(value).__name__}).")
    return value
