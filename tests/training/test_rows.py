from __future__ import annotations

import json

import datasets
import pytest

from skim_hf.training.rows import describe_rows, read_rows


def csv_rows(tmp_path, text, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return read_rows(path, label_column="label").columns


def test_csv_keeps_every_word_as_text(tmp_path):
    columns = csv_rows(tmp_path, 'text,label\nNA,a\nnull,b\n"",c\n12,NA\n"a, ""b""\nc",NaN\n')
    assert columns["text"] == ["NA", "null", "", "12", 'a, "b"\nc']
    assert columns["label"] == ["a", "b", "c", "NA", "NaN"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "10", "9", "-1"], [0, 10, 9, -1]),
        (["0.5", "1", "-2e-1"], [0.5, 1.0, -0.2]),
        (["007", "1"], ["007", "1"]),
        (["1_0", "2"], ["1_0", "2"]),
        (["nan", "inf"], ["nan", "inf"]),
        (["1", ""], ["1", ""]),
        (["pos", "1"], ["pos", "1"]),
    ],
)
def test_labels_in_csv_become_numbers_only_when_written_as_such(tmp_path, cells, expected):
    columns = csv_rows(tmp_path, "label,text\n" + "".join(f"{cell},x\n" for cell in cells))
    assert columns["label"] == expected


def test_byte_order_marks_tabs_and_short_rows(tmp_path):
    assert csv_rows(tmp_path, "text,label\na,1\n", encoding="utf-8-sig")["text"] == ["a"]
    assert csv_rows(tmp_path, "text\tlabel\na, b\t1\n", "data.tsv") == {"text": ["a, b"], "label": [1]}
    assert csv_rows(tmp_path, "text,label\na,1\nb\n")["label"] == ["1", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,label\na,1\nb,c,2\n", "cannot be read as CSV.*line 3.*double quotes"),
        ("text,label\na,b,1\nc,d,2\n", "more cells in its first row"),
        ('text,label\n"a,1\n', "cannot be read as CSV"),
        ("", "holds no rows"),
        ("text,label\n", "holds no rows"),
    ],
)
def test_broken_csv_is_refused_with_advice(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        csv_rows(tmp_path, text)


def test_csv_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "data.csv").write_bytes("text,label\ncaf\u00e9,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        read_rows(tmp_path / "data.csv", label_column="label")


def test_json_lines_and_lists(tmp_path):
    rows = [{"text": "a\u2028b", "label": "x"}, {"text": "", "extra": [1]}]
    lines = tmp_path / "data.jsonl"
    lines.write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", encoding="utf-8"
    )
    expected = {"text": ["a\u2028b", ""], "label": ["x", None], "extra": [None, [1]]}
    assert read_rows(lines, label_column="label").columns == expected
    whole = tmp_path / "data.json"
    whole.write_text(json.dumps(rows), encoding="utf-8")
    assert read_rows(whole, label_column="label").columns == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a"}\n{"text": \n', "line 2, is not JSON"),
        ('[{"text": "a"},\n]', "line 2, is not JSON"),
        ('{"text": "a"}\n"b"\n', "must hold objects"),
        ("", "holds no rows"),
    ],
)
def test_broken_json_is_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rows(path, label_column="label")


def test_parquet_keeps_the_names_of_labels(tmp_path):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["x", "y", "z"])),
        }
    )
    data = {"text": ["a", "b"], "label": [1, 0], "tags": [[0, 2], []]}
    datasets.Dataset.from_dict(data, features=features).to_parquet(tmp_path / "data.parquet")
    rows = read_rows(tmp_path / "data.parquet", label_column="label")
    assert rows.columns == data
    assert rows.class_names == {"label": ["neg", "pos"], "tags": ["x", "y", "z"]}


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "data.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read_rows(tmp_path / "data.parquet", label_column="label")


def test_missing_files_and_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.csv"):
        read_rows(tmp_path / "gone.csv", label_column="label")
    with pytest.raises(ValueError, match=r"\.csv, \.tsv, \.json, \.jsonl, \.parquet"):
        read_rows(tmp_path / "data.xlsx", label_column="label")


def test_rows_are_named_shortly():
    assert describe_rows([3]) == "row 3, counted from 0"
    assert describe_rows(range(8)) == "rows 0, 1, 2, 3, 4 and 3 more, counted from 0"
