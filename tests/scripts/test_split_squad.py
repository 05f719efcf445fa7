"""The split of SQuAD's dev set by article."""

from __future__ import annotations

import json

import pytest
from datasets import Dataset


@pytest.fixture
def split_squad(script):
    return script("split_squad")


def write(split_squad, folder, titles):
    dev = {"id": ["1", "2", "3", "4"], "title": ["A", "B", "C", "B"]}
    Dataset.from_dict(dev).to_parquet(str(folder / split_squad.DEV))
    Dataset.from_dict({"id": ["5"], "title": [""]}).to_parquet(str(folder / split_squad.MORE))
    (folder / split_squad.TITLES).write_text(json.dumps({"titles": titles}), encoding="utf-8")


def test_every_question_is_in_one_part(split_squad, tmp_path):
    write(split_squad, tmp_path, {"train": ["B"], "validation": ["C"], "test": ["A"]})
    split_squad.main([str(tmp_path), str(tmp_path / "parts")])
    parts = {
        name: Dataset.from_parquet(str(tmp_path / "parts" / f"{name}.parquet"))["id"][:]
        for name in split_squad.PARTS
    }
    assert parts == {"train": ["5", "2", "4"], "validation": ["3"], "test": ["1"]}


@pytest.mark.parametrize("train", [["A", "B"], []], ids=["twice", "nowhere"])
def test_articles_are_in_exactly_one_part(split_squad, train, tmp_path):
    write(split_squad, tmp_path, {"train": train, "validation": ["C"], "test": ["A"]})
    with pytest.raises(ValueError, match="every article"):
        split_squad.split(tmp_path)


def test_missing_files_are_named(split_squad, tmp_path, capsys):
    with pytest.raises(SystemExit):
        split_squad.main([str(tmp_path), str(tmp_path / "parts")])
    assert "train_partial.parquet" in capsys.readouterr().err
