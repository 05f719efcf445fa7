from __future__ import annotations

import json
import math

import numpy as np
import pytest

from skim_hf.results.scores import MULTI, REGRESSION, SINGLE
from skim_hf.training.labels import LabelSchema
from skim_hf.training.predictions import prediction_rows, write_json_lines


def test_one_label_per_text_is_named_with_its_probability():
    rows = prediction_rows(
        np.array([[0.0, 2.0], [1e4, 0.0]], dtype=np.float32), LabelSchema(SINGLE, ("n", "p"))
    )
    assert rows[0] == {"index": 0, "label": "p", "score": pytest.approx(1 / (1 + math.exp(-2)))}
    assert rows[1] == {"index": 1, "label": "n", "score": 1.0}


def test_skim_rates_are_means_over_readers():
    counts = np.array([[[1, 1, 2], [4, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    rows = prediction_rows(np.zeros((2, 2)), LabelSchema(SINGLE, ("n", "p")), counts)
    assert [row["skim_rate"] for row in rows] == [0.375, 0.0]


def test_several_labels_and_numbers():
    (row,) = prediction_rows(np.array([[3.0, -3.0]]), LabelSchema(MULTI, ("a", "b")))
    assert row["labels"] == ["a"]
    assert row["scores"]["a"] == pytest.approx(1 - row["scores"]["b"])
    assert prediction_rows(np.array([[2.5]]), LabelSchema(REGRESSION)) == [{"index": 0, "value": 2.5}]


def test_rows_are_written_as_json_lines(tmp_path):
    write_json_lines(tmp_path / "rows.jsonl", [{"label": "gut \u2013 schön"}, {"label": "x"}])
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["gut \u2013 schön", "x"]
