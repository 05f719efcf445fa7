from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skim_hf.tables import describe_rows, read_rows, stream_rows


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
        ("text,label\na,b,1\nc,d,2\n", "line 2: 3 cells under 2 column names"),
        ('text,label\n"a,1\n', "cannot be read as CSV"),
        ('text,label\n"a" b,1\n', "cannot be read as CSV.*line 2"),
        ("text,label,text\na,1,b\n", "two columns have the name 'text'"),
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
        ('{"text": "a"}\n[{"text": "b"}]\n', "must hold objects"),
        ("", "holds no rows"),
        ('{"text": "a"}\n{"text": ' + "[" * 100_000, "line 2, holds JSON that is nested too deeply"),
    ],
)
def test_broken_json_is_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rows(path, label_column="label")


def test_parquet_keeps_the_names_of_labels(tmp_path):
    datasets = pytest.importorskip("datasets")
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


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"pip install 'skim-hf\[train\]'"):
        read_rows(tmp_path / "data.parquet", label_column="label")


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "data.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read_rows(tmp_path / "data.parquet", label_column="label")


def test_missing_files_and_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.csv"):
        read_rows(tmp_path / "gone.csv", label_column="label")
    # At once, and not when the first row is asked for.
    with pytest.raises(ValueError, match=r"\.csv, \.tsv, \.json, \.jsonl, \.parquet"):
        stream_rows(tmp_path / "data.xlsx")


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text\na\nb,c\n")
    rows = stream_rows(path)
    assert next(rows) == {"text": "a"}
    with pytest.raises(ValueError, match="line 3"):
        next(rows)


def test_a_cell_may_hold_a_book(tmp_path):
    book = "word, " * 50_000
    assert csv_rows(tmp_path, f'text,label\n"{book}",1\n')["text"] == [book]


def test_rows_are_named_shortly():
    assert describe_rows([3]) == "row 3, counted from 0"
    assert describe_rows(range(8)) == "rows 0, 1, 2, 3, 4 and 3 more, counted from 0"


@pytest.fixture(scope="module")
def scratch():
    """A path without a suffix, for tests that write many files one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "data"


# Everything that UTF-8 can carry; Python before 3.11 reads no NUL in CSV.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1))
@example(rows=[("", ""), ("\r", '"'), ("\ufeff", "\n\n")])
def test_csv_gives_back_every_text(scratch, rows):
    path = scratch.with_suffix(".csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    assert [(row["text"], row["label"]) for row in stream_rows(path)] == rows


@given(rows=st.lists(st.dictionaries(TEXTS, TEXTS | st.none() | st.lists(st.integers())), min_size=1))
def test_json_gives_back_every_row_as_lines_and_as_a_list(scratch, rows):
    for content in ("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), json.dumps(rows)):
        path = scratch.with_suffix(".json")
        path.write_text(content, encoding="utf-8")
        assert list(stream_rows(path)) == rows


@given(content=st.binary() | st.text('[]{}",:\n\r\t \\ue0').map(str.encode))
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json"])
def test_any_bytes_give_rows_or_a_value_error(scratch, suffix, content):
    path = scratch.with_suffix(suffix)
    path.write_bytes(content)
    try:
        is_right = all(isinstance(row, dict) for row in stream_rows(path))
    except ValueError as error:
        is_right = str(path) in str(error)
    assert is_right
