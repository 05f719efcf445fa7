"""Texts of a teacher are taken over without those that are validated and tested on, or asked for."""

import pytest
from datasets import Dataset

PROBABILITIES = [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]


@pytest.fixture
def source(script):
    page = "https://example.org/reviews"
    return script("_reproduce_data").Source("some reviews", "owner/reviews", ("bad", "good"), page)


@pytest.fixture
def take_taught(script):
    return script("_reproduce_taught").take_taught


@pytest.fixture
def taught(tmp_path):
    """What a teacher said of texts, one of which is tested."""
    (tmp_path / "out").mkdir()
    for name, text in (("validation", "e"), ("test", "c")):
        Dataset.from_dict({"text": [text]}).to_parquet(str(tmp_path / "out" / f"{name}.parquet"))
    rows = {"text": ["a", "b", "c", "f"], "label": ["good", "bad", "bad", "good"], "teacher": PROBABILITIES}
    Dataset.from_dict(rows).to_parquet(str(tmp_path / "taught.parquet"))
    return tmp_path / "taught.parquet"


def test_texts_of_a_teacher_come_without_those_that_are_tested(take_taught, source, taught, tmp_path):
    about = take_taught(source, taught, tmp_path / "out", needed_by=["plain"])
    assert (about["texts"], about["removed"]) == (3, 1)
    rows = Dataset.from_parquet(str(tmp_path / "out" / "taught.parquet"))
    assert rows["text"][:] == ["a", "b", "f"]
    assert rows["label"][:] == [1, 0, 1]
    assert rows["teacher"][:] == [PROBABILITIES[row] for row in (0, 1, 3)]
    # Given again or not, what is there is known again.
    for given_again in (taught, None):
        assert take_taught(source, given_again, tmp_path / "out", needed_by=["plain"]) == about


def test_texts_of_another_teacher_are_refused(take_taught, source, taught, tmp_path):
    take_taught(source, taught, tmp_path / "out", needed_by=["plain"])
    rows = {"text": ["a"], "label": ["good"], "teacher": PROBABILITIES[:1]}
    Dataset.from_dict(rows).to_parquet(str(taught))
    with pytest.raises(ValueError, match=r"holds texts of another teacher .*--output"):
        take_taught(source, taught, tmp_path / "out", needed_by=["plain"])


def test_who_learns_from_a_teacher_asks_for_its_texts(take_taught, source, taught, tmp_path):
    assert take_taught(source, None, tmp_path / "out", needed_by=[]) is None
    with pytest.raises(FileNotFoundError, match=r"no taught.parquet .* for plain\. .*teach\.py .*--taught"):
        take_taught(source, None, tmp_path / "out", needed_by=["plain"])
    with pytest.raises(FileNotFoundError, match="no-such"):
        take_taught(source, tmp_path / "no-such.parquet", tmp_path / "out", needed_by=[])
