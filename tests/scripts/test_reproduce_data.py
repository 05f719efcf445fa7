"""Splits of a reproduced data set share no text, and data that is missing is asked for."""

import dataclasses
import json

import pytest
from datasets import Dataset

LONG = "A sentence of more than sixty letters and digits, so that it is seldom the same by chance."


@pytest.fixture
def data(script):
    return script("_reproduce_data")


@pytest.fixture
def source(data):
    return data.Source(
        title="some reviews",
        hub_id="owner/reviews",
        labels=("bad", "good"),
        page="https://example.org/reviews",
        marks=("<br />",),
        form="has_title",
    )


@pytest.fixture
def given(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()

    def write(name, texts, **columns):
        rows = {"text": texts, "label": [number % 2 for number in range(len(texts))], **columns}
        Dataset.from_dict(rows).to_parquet(str(folder / f"{name}.parquet"))
        return folder

    return write


def test_a_text_of_a_later_split_leaves_the_earlier_ones(data, source, given, tmp_path):
    given("train", ["a", "b<br />c", "d", "e", "e"])
    given("validation", ["d", "f", "g"])
    folder = given("test", ["f ", "b c", "h"], has_title=[False, False, True])
    about = data.prepare(source, folder, tmp_path / "out")
    texts = {
        name: Dataset.from_parquet(str(tmp_path / "out" / f"{name}.parquet"))["text"][:]
        for name in data.SPLITS
    }
    assert texts == {"train": ["a", "e", "e"], "validation": ["d", "g"], "test": ["f", "b c", "h"]}
    assert about["splits"] == {"train": 3, "validation": 2, "test": 3}
    assert about["removed"] == {"train": 2, "validation": 1, "test": 0}
    assert about["split_seed"] is None
    assert set(about["files"]) == {"train.parquet", "validation.parquet", "test.parquet"}


def test_texts_of_another_form_are_trained_on_but_not_validated_on(data, source, given, tmp_path):
    texts = [f"Title {number} text {number}" for number in range(30)]
    texts += [f"text {number}" for number in range(100, 110)]
    # All of a test text but its title.
    texts += [f"{LONG}!"]
    given("train_partial", texts, has_title=[number < 30 for number in range(41)])
    folder = given("test", ["x", f"What a title: {LONG.lower()}"])
    about = data.prepare(source, folder, tmp_path / "out")
    assert about["splits"] == {"train": 37, "validation": 3, "test": 2}
    assert about["removed"] == {"train": 1, "validation": 0, "test": 0}
    assert about["split_seed"] == data.SPLIT_SEED
    train, validation = (
        Dataset.from_parquet(str(tmp_path / "out" / f"{name}.parquet")) for name in ("train", "validation")
    )
    assert train["text"][-10:] == texts[30:40]
    for text, label in zip(validation["text"], validation["label"], strict=True):
        assert text.startswith("Title")
        assert label == int(text.split()[1]) % 2
    # Whoever reads the file knows the names.
    assert validation.features["label"].names == ["bad", "good"]


def test_neighbours_that_belong_together_are_set_aside_together(data, source, given, tmp_path):
    given("train", [f"text {number}" for number in range(60)])
    folder = given("test", ["x"])
    source = dataclasses.replace(source, block=4)
    assert data.prepare(source, folder, tmp_path / "out")["splits"] == {
        "train": 52,
        "validation": 8,
        "test": 1,
    }
    rows = Dataset.from_parquet(str(tmp_path / "out" / "validation.parquet"))
    numbers = [int(text.split()[1]) for text in rows["text"]]
    assert numbers == [4 * (number // 4) + at % 4 for at, number in enumerate(numbers)]
    assert len({number // 4 for number in numbers}) == 2


def test_splits_of_other_data_are_not_taken_for_these(data, source, given, tmp_path):
    given("train", ["a", "b", "c"])
    folder = given("test", ["d", "e"])
    first = data.prepare(source, folder, tmp_path / "out")
    assert data.prepare(source, folder, tmp_path / "out") == first
    given("test", ["d", "other"])
    with pytest.raises(ValueError, match="holds splits of other data"):
        data.prepare(source, folder, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "data.json").read_text()) == first


def test_missing_data_is_asked_for(data, source, given, tmp_path, monkeypatch):
    folder = given("train", ["a", "b"])
    with pytest.raises(FileNotFoundError, match=r"no test\.parquet.*example\.org/reviews.*--data"):
        data.prepare(source, folder, tmp_path / "out")

    def offline(*_):
        raise ConnectionError("no network")

    monkeypatch.setattr(data, "hub_splits", offline)
    with pytest.raises(FileNotFoundError, match=r"\(no network\).*0 to 1: bad, good"):
        data.prepare(source, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_test_split_without_labels_is_refused(data, source, tmp_path, monkeypatch):
    parts = {"train": ["a", "b"], "test": ["c", "d"]}
    rows = {name: Dataset.from_dict({"text": texts, "label": [0, 1]}) for name, texts in parts.items()}
    rows["test"] = Dataset.from_dict({"text": ["c", "d"], "label": [-1, -1]})
    monkeypatch.setattr(data, "hub_splits", lambda *_: rows)
    with pytest.raises(ValueError, match="cannot be scored"):
        data.prepare(source, None, tmp_path / "out")
