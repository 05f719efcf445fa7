"""What columns hold, and messages about what they lack."""

import pytest

from skim_hf.tables import Rows
from skim_hf.tables.columns import labels_of, text_of, texts_of

ROWS = Rows(
    {"body": ["a", ""], "gaps": ["a", None], "mood": [1, 0], "tags": [[0], [0, 1]], "later": [1, -1]},
    {"mood": ["bad", "good"], "tags": ["x", "y"], "later": ["no", "yes"]},
    "file.csv",
)


def test_texts_and_labels_come_by_their_names():
    assert texts_of(ROWS, "body", "It") == ["a", ""]
    assert labels_of(ROWS, "mood", "It") == ["good", "bad"]
    assert labels_of(ROWS, "tags", "It") == [["x"], ["x", "y"]]


@pytest.mark.parametrize(
    ("function", "column", "message"),
    [
        (texts_of, "boddy", r"It has no column 'boddy'; .*--text-column body \(text_column='body' in Python"),
        (texts_of, "gaps", "It has no text in row 1, counted from 0, column 'gaps'"),
        (texts_of, "mood", r"must hold strings in column 'mood'; row 0, counted from 0, holds 1 \(int\)"),
        (labels_of, "moood", "It has no column 'moood'; .*--label-column mood"),
        (labels_of, "later", "It has no label in row 1, counted from 0, column 'later'"),
    ],
)
def test_what_is_missing_is_named(function, column, message):
    with pytest.raises(ValueError, match=message):
        function(ROWS, column, "It")


def test_a_single_row_is_checked_alike():
    assert text_of({"body": ""}, 7, "body", "It") == ""
    for row, message in [({"x": "a"}, "It, row 7, .*no column 'body'"), ({"body": None}, "row 7.*NoneType")]:
        with pytest.raises(ValueError, match=message):
            text_of(row, 7, "body", "It")
    with pytest.raises(ValueError, match="its columns are none"):
        text_of({}, 0, "body", "It")
