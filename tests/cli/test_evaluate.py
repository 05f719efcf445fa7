"""Scores of a model, on the command line."""

import dataclasses
import json

import pytest

from skim_hf.results import THRESHOLDS, ModelResults, evaluate
from skim_hf.runtime import SkimRuntime

TEXTS = ["a good film", "", "very bad, not fine", "a dull film", "the film was good"]


@pytest.fixture(scope="module")
def labels(folder):
    """Labels of which the model gets one wrong."""
    clf = SkimRuntime.from_pretrained(folder)
    right = clf.predict(TEXTS)
    return [next(name for name in clf.labels if name != right[0]), *right[1:]]


@pytest.fixture
def data(write, labels):
    return write("data.csv", text=TEXTS, label=labels)


def test_the_report_is_that_of_the_library(records, folder, data, labels):
    (found,) = records("evaluate", folder, data)
    expected = evaluate(SkimRuntime.from_pretrained(folder), TEXTS, labels, split="test")
    assert found["metrics"] == expected["metrics"]
    assert found["metrics"]["accuracy"] == 0.8
    assert found["macs_ratio"] == expected["macs_ratio"]
    assert [point["threshold"] for point in found["curve"]["points"]] == list(THRESHOLDS)
    (short,) = records("evaluate", folder, data, "--no-curve", "--threshold", "1")
    assert "curve" not in short
    assert short["skim_rate_micro"] == 0


def test_a_table_for_people(cli, folder, data):
    found = cli("evaluate", folder, data, "--format", "table")
    assert found.stdout.startswith("5 texts, 15 tokens, threshold 0.5")
    assert "accuracy" in found.stdout
    rows = [line.split() for line in found.stdout.splitlines()]
    # The dial, point by point.
    assert [row[0] for row in rows if len(row) == 5 and row[3].endswith("x")] == [
        f"{t:g}" for t in THRESHOLDS
    ]
    # No progress bar, since nobody is looking.
    assert found.stderr == ""


def test_a_progress_bar_where_somebody_is_looking(on_terminal, folder, data):
    code, shown = on_terminal("evaluate", folder, data)
    assert code == 0
    assert "Evaluation" in shown


def test_scripts_learn_whether_the_model_is_good_enough(cli, folder, data):
    for least, code in [("0.8", 0), ("0.81", 3)]:
        found = cli("evaluate", folder, data, "--no-curve", "--min-accuracy", least)
        assert found.exit_code == code
        # The report comes in either case.
        assert json.loads(found.stdout)["metrics"]["accuracy"] == 0.8
    assert found.stderr == "The accuracy 0.8000 is below 0.81.\n"


def test_a_regression_has_no_accuracy(cli, shared_models, write):
    model = shared_models.folder(id2label={"0": "stars"}, problem_type="regression")
    data = write("data.jsonl", text=TEXTS, label=[0.5] * 5)
    assert cli("evaluate", model, data).exit_code == 0
    found = cli("evaluate", model, data, "--no-curve", "--min-accuracy", "0.5")
    assert found.exit_code == 1
    assert "this model has mse, mae" in found.stderr


def test_a_model_that_reads_everything_has_no_curve(records, shared_models, write, labels):
    model = shared_models.folder(policy="full", id2label={"0": "negative", "1": "positive"})
    (found,) = records("evaluate", model, write("data.tsv", text=TEXTS, label=labels))
    assert found["skim_rate_micro"] == 0
    assert "curve" not in found


def test_results_are_kept_beside_the_others(cli, models, data):
    folder = models.folder(id2label={"0": "negative", "1": "positive"})
    path = folder / "results.json"
    example = {"text": "x", "label": "positive", "score": 0.5, "read": []}
    ModelResults.of(folder, example=example).save(path)
    options = ["--results", path, "--data-name", "films", "--split", "validation"]
    assert cli("evaluate", folder, data, *options).exit_code == 0
    kept = ModelResults.load(folder)
    assert kept.example == example
    assert kept.evaluation["data"] == {"name": "films"}
    assert kept.evaluation["split"] == kept.evaluation["curve"]["split"] == "validation"
    kept.check_weights(folder)
    # Figures of other weights say nothing about these.
    dataclasses.replace(kept, weights="others").save(path)
    found = cli("evaluate", folder, data, *options)
    assert "belongs to other weights" in found.stderr
    assert ModelResults.load(folder).example is None


def test_wrong_labels_and_damaged_results_are_said_and_nothing_is_lost(cli, models, write, data):
    folder = models.folder(id2label={"0": "negative", "1": "positive"})
    (folder / "results.json").write_text("{", encoding="utf-8")
    found = cli("evaluate", folder, data, "--results", folder / "results.json")
    assert found.exit_code == 1
    assert "is not valid JSON" in found.stderr
    assert (folder / "results.json").read_text(encoding="utf-8") == "{"
    for columns, said in [
        ({"text": TEXTS, "label": ["great"] * 5}, "'negative', 'positive'"),
        ({"text": TEXTS, "labels": [0] * 5}, "--label-column labels"),
        ({"text": TEXTS, "label": [""] * 5}, "has no label in rows 0, 1"),
    ]:
        found = cli("evaluate", folder, write("wrong.csv", **columns))
        assert found.exit_code == 1
        assert said in found.stderr
