from __future__ import annotations

import json

import datasets
import pytest

from skim_hf.training.data import carve_validation, load_text_dataset, tokenize_dataset
from skim_hf.training.labels import LabelSchema


@pytest.fixture
def write(tmp_path):
    """Writes a file of the given kind from columns."""

    def write_file(name, **columns):
        path = tmp_path / name
        data = datasets.Dataset.from_dict(columns)
        {".csv": data.to_csv, ".jsonl": data.to_json, ".parquet": data.to_parquet}[path.suffix](path)
        return str(path)

    return write_file


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_files_of_every_kind_give_the_same_data(write, kind):
    source = {
        "train": write(f"train.{kind}", review=["good", "bad", "so\nso"], mood=["p", "n", "n"]),
        "test": write(f"test.{kind}", review=["bad"], mood=["n"]),
    }
    data = load_text_dataset(source, text_column="review", label_column="mood")
    assert data.labels.names == ("n", "p")
    assert data.splits["train"].to_dict() == {"text": ["good", "bad", "so\nso"], "labels": [1, 0, 0]}
    assert data.splits["test"].to_dict() == {"text": ["bad"], "labels": [0]}


def test_several_files_are_put_together(write):
    paths = [write("a.csv", text=["x"], label=[0]), write("b.jsonl", text=["y", "z"], label=[1, 0])]
    data = load_text_dataset({"train": paths})
    assert data.splits["train"].to_dict() == {"text": ["x", "y", "z"], "labels": [0, 1, 0]}


def test_a_local_data_set_keeps_its_label_names(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["z", "a"])}
    )
    for split, labels in (("train", [0, 1]), ("test", [-1, -1])):
        part = datasets.Dataset.from_dict({"text": ["u", "v"], "label": labels}, features=features)
        part.to_parquet(tmp_path / "named" / f"{split}.parquet")
    data = load_text_dataset(tmp_path / "named")
    assert data.labels.names == ("z", "a")
    assert data.splits["train"]["labels"][:] == [0, 1]
    # The Hub marks the labels that it keeps secret by -1.
    assert data.splits["test"].column_names == ["text"]


def test_float_labels_are_a_regression_and_lists_several_labels(write):
    numbers = load_text_dataset({"train": write("n.csv", text=["a", "b"], label=[0.5, 2.0])})
    assert numbers.labels.problem_type == "regression"
    assert numbers.splits["train"]["labels"][:] == [0.5, 2.0]
    lists = load_text_dataset({"train": write("l.jsonl", text=["a", "b"], label=[["x", "y"], []])})
    assert lists.labels.problem_type == "multi_label_classification"
    assert lists.splits["train"]["labels"][:] == [[1.0, 1.0], [0.0, 0.0]]


def test_an_empty_text_is_a_text(write, tmp_path):
    assert load_text_dataset({"train": write("e.csv", text=["", " "], label=[0, 1])}).splits["train"]["text"][
        :
    ] == [
        "",
        " ",
    ]
    assert (
        load_text_dataset({"train": write("e.jsonl", text=["", "b"], label=[0, 1])}).splits["train"][0][
            "text"
        ]
        == ""
    )


def test_blank_lines_of_csv_are_no_rows(tmp_path):
    path = tmp_path / "blank.csv"
    path.write_text("text,label\n\na,0\n\n\nb,1\n\n")
    assert load_text_dataset({"train": path}).splits["train"].num_rows == 2


def test_missing_texts_are_refused_with_their_rows(write):
    path = write("m.jsonl", text=["a", None, "c", None], label=[0, 1, 0, 1])
    with pytest.raises(
        ValueError, match=r"train split .*m\.jsonl.* has no text in rows 1, 3, counted from 0.*Remove"
    ):
        load_text_dataset({"train": path})


def test_missing_labels_are_refused_with_their_rows(write, tmp_path):
    with pytest.raises(ValueError, match="no label in row 2"):
        load_text_dataset({"train": write("m.jsonl", text=["a", "b", "c"], label=["x", "y", None])})
    path = tmp_path / "cells.csv"
    path.write_text("text,label\na,0\n,\nb,1\n")
    with pytest.raises(ValueError, match="no label in row 1"):
        load_text_dataset({"train": path})
    train = write("t.csv", text=["a", "b"], label=[0, 1])
    with pytest.raises(ValueError, match=r"test split.*no label in row 0"):
        load_text_dataset({"train": train, "test": write("p.jsonl", text=["a", "b"], label=[None, 1])})


@pytest.mark.parametrize("columns", [{"text": ["a"]}, {"text": ["a"], "label": [None]}])
def test_a_test_split_may_come_without_labels(write, columns):
    train = write("train.csv", text=["a", "b"], label=["x", "y"])
    data = load_text_dataset({"train": train, "test": write("test.jsonl", **columns)})
    assert data.splits["test"].column_names == ["text"]


def test_texts_must_be_strings(write):
    with pytest.raises(ValueError, match=r"must hold strings in column 'text'; row 1.*7 \(int\)"):
        load_text_dataset({"train": jsonl_of(write, ["a", 7])})


def jsonl_of(write, texts):
    path = write("typed.jsonl", text=["a"], label=[0])
    with open(path, "w") as file:
        file.writelines(json.dumps({"text": text, "label": n}) + "\n" for n, text in enumerate(texts))
    return path


def test_a_missing_column_is_explained(write):
    path = write("c.csv", review=["a"], labels=[1])
    with pytest.raises(
        ValueError, match=r"no column 'text'; its columns are 'review', 'labels'.*--text-column review"
    ):
        load_text_dataset({"train": path})
    with pytest.raises(
        ValueError, match=r"no column 'label'; .*--label-column labels \(label_column='labels'"
    ):
        load_text_dataset({"train": path}, text_column="review")


def test_labels_unseen_in_training_are_listed(write):
    source = {
        "train": write("train.csv", text=["a", "b"], label=["x", "y"]),
        "validation": write("validation.csv", text=["a", "b"], label=["x", "z"]),
    }
    with pytest.raises(ValueError, match=r"validation split.*'z' \(row 1.*'x', 'y'"):
        load_text_dataset(source)


def test_a_single_class_is_refused(write):
    with pytest.raises(ValueError, match=r"at least two different labels.*found 'x'"):
        load_text_dataset({"train": write("one.csv", text=["a", "b"], label=["x", "x"])})


def test_labels_of_a_trained_model_replace_a_training_split(write):
    path = write("test.csv", text=["a", "b"], label=["y", "x"])
    with pytest.raises(ValueError, match="Without a training split"):
        load_text_dataset({"test": path})
    schema = LabelSchema("single_label_classification", ("y", "x"))
    assert load_text_dataset({"test": path}, labels=schema).splits["test"]["labels"][:] == [0, 1]


def test_unknown_splits_are_refused(write):
    with pytest.raises(ValueError, match="train, validation, test; got dev"):
        load_text_dataset({"dev": write("d.csv", text=["a"], label=[1])})
    with pytest.raises(ValueError, match="got none"):
        load_text_dataset({})


def test_the_validation_split_depends_on_the_seed_alone():
    rows = datasets.Dataset.from_dict({"text": [str(n) for n in range(31)]})
    train, held = carve_validation(rows, share=0.2, seed=3)
    again = carve_validation(rows, share=0.2, seed=3)[1]
    assert held["text"][:] == again["text"][:]
    assert held["text"][:] != carve_validation(rows, share=0.2, seed=4)[1]["text"][:]
    assert len(held) == 6
    assert sorted(train["text"][:] + held["text"][:]) == sorted(rows["text"][:])
    assert [len(part) for part in carve_validation(rows.select(range(2)), share=0.9)] == [1, 1]


@pytest.mark.parametrize(
    ("count", "share", "message"), [(9, 0.0, "share"), (9, 1.0, "share"), (1, 0.1, "1 training")]
)
def test_impossible_validation_splits_are_refused(count, share, message):
    with pytest.raises(ValueError, match=message):
        carve_validation(datasets.Dataset.from_dict({"text": ["a"] * count}), share=share)


def test_tokenizing_cuts_and_counts(tokenizer):
    rows = datasets.Dataset.from_dict(
        {"text": ["a good film", "", "bad bad bad unheard"], "labels": [1, 0, 0]}
    )
    tokens = tokenize_dataset(rows, tokenizer, max_length=3)
    assert tokens["length"][:] == [3, 0, 3]
    assert tokens["labels"][:] == [1, 0, 0]
    assert set(tokens.column_names) == {"input_ids", "labels", "length"}
    assert tokenize_dataset(rows, tokenizer)["length"][:] == [3, 0, 4]
    assert tokenize_dataset(rows.select([1]), tokenizer)["input_ids"][:] == [[]]
