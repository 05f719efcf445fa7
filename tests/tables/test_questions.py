from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skim_hf.tables import GoldAnswer, Question, Questions, place_answers, read_questions

SAMPLE = Path(__file__).parents[1] / "data" / "questions.json"
SAMPLE_2 = SAMPLE.with_name("questions_v2.json")


def rows_of(questions):
    return [
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


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def nested(**changes):
    """An official file of one question, some fields of which are changed or (None) removed."""
    answer = {"text": "b", "answer_start": 2}
    item = {
        "id": "q",
        "question": "what?",
        "context": "a b",
        "answers": [answer],
        "qas": [],
        "paragraphs": [],
    }
    item = {key: value for key, value in {**item, **changes}.items() if value is not None}
    qa = {key: item[key] for key in ("id", "question", "answers", "is_impossible") if key in item}
    paragraph = {key: item[key] for key in ("context", "qas") if key in item}
    if "qas" not in changes:
        paragraph["qas"] = [qa]
    article = {"title": "t", "paragraphs": [paragraph]}
    if "paragraphs" in changes:
        article["paragraphs"] = changes["paragraphs"]
    return {"data": [article], "version": "1.1"}


def test_the_official_file_is_read():
    questions = read_questions(SAMPLE)
    assert len(questions) == 12
    assert questions[0].title == "Heron"
    assert questions.references()["heron-4"] == ["dawn", "since dawn"]
    assert place_answers(questions, "refuse", "The sample") == (questions, 0)
    for question in questions:
        for text, start in question.answers:
            assert question.context[start : start + len(text)] == text


def test_the_official_file_of_version_2_is_read(tmp_path):
    questions = read_questions(SAMPLE_2)
    assert [len(question.answers) for question in questions] == [1, 0, 0]
    # Some writers leave the empty list out.
    path = write_json(tmp_path / "a.json", nested(answers=None, is_impossible=True))
    assert read_questions(path)[0].answers == ()


def test_every_form_of_a_file_gives_the_same_questions(tmp_path):
    questions = read_questions(SAMPLE)
    rows = rows_of(questions)
    lines = "\n".join(map(json.dumps, rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "a.json").write_text(lines + "\n", encoding="utf-8")
    (tmp_path / "one.json").write_text(json.dumps(rows[0]), encoding="utf-8")
    write_json(tmp_path / "b.json", rows)
    write_json(tmp_path / "c.json", {"data": rows})
    for name in ("a.parquet", "a.jsonl", "a.json", "b.json", "c.json"):
        assert read_questions(tmp_path / name) == questions, name
    assert read_questions(tmp_path / "one.json") == questions[:1]
    without = [{key: value for key, value in row.items() if key != "title"} for row in rows]
    read = read_questions(write_json(tmp_path / "d.json", without))
    assert {question.title for question in read} == {""}
    assert read_questions(SAMPLE, write_json(tmp_path / "e.json", nested()))[12].id == "q"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": None}, r"data\[0\].paragraphs\[0\].qas\[0\] has no 'id'; it has 'title'"),
        ({"question": None}, r"qas\[0\] has no 'question'"),
        ({"answers": None}, r"qas\[0\] has no 'answers'"),
        ({"context": None}, r"paragraphs\[0\] has no 'context'; it has 'qas'"),
        ({"qas": None}, r"paragraphs\[0\] has no 'qas'"),
        ({"qas": {}}, r"paragraphs\[0\]: qas must be a list; got {} \(dict\)"),
        ({"qas": ["x"]}, r"qas\[0\] must hold objects"),
        ({"paragraphs": [3]}, r"paragraphs\[0\] must hold objects"),
        ({"paragraphs": []}, "holds no questions"),
        ({"id": 7}, "id must be a string; got 7"),
        ({"context": ["a"]}, "context must be a string"),
        ({"answers": "b"}, "answers must be a list of objects.*got 'b'"),
        ({"answers": [{"text": "b"}]}, r"answers\[0\] has no 'answer_start'"),
        ({"answers": [{"answer_start": 2}]}, r"answers\[0\] has no 'text'"),
        ({"answers": [{"text": "b", "answer_start": "2"}]}, "answer_start must be an integer; got '2'"),
        ({"answers": [{"text": "b", "answer_start": 2.0}]}, "must be an integer; got 2.0"),
        ({"answers": [{"text": "b", "answer_start": True}]}, "must be an integer; got True"),
        ({"answers": {"text": ["b"]}}, "answers, has no 'answer_start'"),
        ({"answers": {"text": ["b"], "answer_start": []}}, "1 answers have 0 places"),
        (
            {"qas": [{"id": "q", "question": "?", "answers": []}] * 2},
            r"qas\[1\]: the id 'q' is taken by .*qas\[0\]",
        ),
    ],
)
def test_fields_that_are_missing_or_wrong_are_named_by_their_place(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_questions(write_json(tmp_path / "a.json", nested(**changes)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [', "a.json, line 1, is not JSON"),
        ('{"data": [\n\n{,}]}', "a.json, line 3, is not JSON"),
        ("", "a.json, line 1, is not JSON"),
        ("[]", "holds no questions"),
        ('{"data": []}', "holds no questions"),
        ('{"data": 3}', "data must be a list"),
        ("[3]", "must hold objects"),
        ("3", "must hold objects"),
        ('{"id": "a"}\n{"id": ', "row 0 counted from 0 has no 'context'"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_that_are_no_questions_are_refused(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_questions(tmp_path / "a.json")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*a\.json"):
        read_questions(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b'{"data": "\xff"}')
    with pytest.raises(ValueError, match="not UTF-8"):
        read_questions(tmp_path / "a.json")
    (tmp_path / "a.csv").write_text("id,context,question,answers\nq,a b,what?,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="answers must be a list of objects"):
        read_questions(tmp_path / "a.csv")
    path = write_json(tmp_path / "b.json", nested())
    with pytest.raises(ValueError, match=r"the id 'q' is taken by .*b\.json"):
        read_questions(path, path)


def misplaced():
    def make(name, *answers):
        return Question(name, "", "a b \U0001f600 c", "?", tuple(GoldAnswer(*answer) for answer in answers))

    return Questions(
        [
            make("right", ("b", 2), ("\U0001f600 c", 4)),
            make("one", ("b", 3), ("c", 6)),
            make("all", ("c", 7), ("", 0), ("b", -4)),
            make("none"),
        ]
    )


def test_misplaced_answers_are_counted_and_kept_without_their_place():
    questions, count = place_answers(misplaced(), "report", "The sample")
    assert count == 4
    assert [[answer.start for answer in each.answers] for each in questions] == [
        [2, 4],
        [None, 6],
        [None] * 3,
        [],
    ]
    assert questions.references() == misplaced().references()
    assert place_answers(questions, "report", "The sample") == (questions, 4)


def test_misplaced_answers_are_skipped_with_questions_that_have_no_other():
    questions, count = place_answers(misplaced(), "skip", "The sample")
    assert count == 4
    assert [each.id for each in questions] == ["right", "one", "none"]
    assert questions[1].answers == (GoldAnswer("c", 6),)
    with pytest.raises(ValueError, match="no question left"):
        place_answers(misplaced().select([2]), "skip", "The sample")


def test_misplaced_answers_are_refused():
    with pytest.raises(ValueError, match=r"The sample has 4 answer.*'b' at 3 for the question 'one'"):
        place_answers(misplaced(), "refuse", "The sample")
    with pytest.raises(ValueError, match="report, skip, refuse; got 'drop'"):
        place_answers(misplaced(), "drop", "The sample")


def test_squad_is_read():
    roots = (parent / "shared" / "data" / "squad" for parent in Path(__file__).resolve().parents)
    folder = next((root for root in roots if root.is_dir()), None)
    if folder is None:
        pytest.skip("the files of SQuAD are not there")
    questions = read_questions(folder / "validation.parquet")
    assert len(questions) == 10_570
    assert sum(len(question.answers) for question in questions) == 34_726
    assert place_answers(questions, "refuse", "SQuAD")[1] == 0
