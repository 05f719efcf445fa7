from __future__ import annotations

import json
import logging
from pathlib import Path

import datasets
import pytest

from skim_hf.tables import read_questions
from skim_hf.training.questions import load_questions

SAMPLE = Path(__file__).parents[1] / "data" / "questions.json"
SAMPLE_2 = SAMPLE.with_name("questions_v2.json")


@pytest.fixture
def broken(tmp_path):
    """The sample with one answer of two that lost its place."""
    data = json.loads(SAMPLE.read_text(encoding="utf-8"))
    data["data"][0]["paragraphs"][0]["qas"][1]["answers"][0]["answer_start"] += 1
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_files_by_split(broken, caplog):
    with caplog.at_level(logging.WARNING):
        data = load_questions({"train": broken, "validation": [SAMPLE]})
    assert data.misplaced == {"train": 1, "validation": 0}
    assert data.splits["validation"] == read_questions(SAMPLE)
    assert data.splits["train"][1].answers[0] == ("a small eel", None)
    assert data.splits["train"].references() == data.splits["validation"].references()
    (record,) = caplog.records
    assert record.message.startswith("1 answer(s) of the train split do not stand where they are said to")


def test_misplaced_answers_are_skipped_or_refused(broken):
    data = load_questions({"train": broken}, misplaced="skip")
    assert [answer.text for answer in data.splits["train"][1].answers] == ["small eel"]
    with pytest.raises(ValueError, match=r"The train split has 1 answer\(s\).*'heron-2'"):
        load_questions({"train": broken}, misplaced="refuse")


def test_the_same_question_twice_in_a_split_is_refused():
    with pytest.raises(ValueError, match="the id 'tolm-1' is taken by"):
        load_questions({"train": [SAMPLE, SAMPLE_2]})
    assert set(load_questions({"train": SAMPLE, "validation": SAMPLE_2}).splits) == {"train", "validation"}
    with pytest.raises(ValueError, match="train, validation, test; got dev"):
        load_questions({"dev": SAMPLE})


def test_a_data_set_of_the_library_datasets(tmp_path):
    questions = read_questions(SAMPLE_2)
    rows = [
        {
            "id": each.id,
            "title": each.title,
            "context": each.context,
            "question": each.question,
            "answers": {
                "text": [answer.text for answer in each.answers],
                "answer_start": [answer.start for answer in each.answers],
            },
        }
        for each in questions
    ]
    folder = tmp_path / "squad_v2"
    folder.mkdir()
    datasets.Dataset.from_list(rows).to_parquet(folder / "train.parquet")
    data = load_questions(folder)
    assert data.splits == {"train": questions}
    datasets.Dataset.from_list(rows).remove_columns("answers").to_parquet(folder / "train.parquet")
    with pytest.raises(ValueError, match="squad_v2, train, row 0 counted from 0 has no 'answers'"):
        load_questions(folder)
