"""Scores, skim rates and the curve of thresholds, against what the runtime says of every text."""

import numpy as np
import pytest
from huggingface_hub.utils import enable_progress_bars

from skim_hf import SkimRuntime, costs
from skim_hf.results import evaluate, threshold_curve
from skim_hf.results.schema import BLOCKS, check
from skim_hf.training import LabelSchema

LABELS = ["positive", "negative", 2, "negative", 0, "neutral"]
NAMES = ["positive", "negative", "neutral", "negative", "negative", "neutral"]


def test_an_evaluation_is_what_the_runtime_says(clf, texts):
    found = evaluate(clf, texts, LABELS, data={"name": "reviews"}, split="test")
    check(found, BLOCKS["evaluation"], "evaluation")
    hits = [a == b for a, b in zip(clf.predict(texts), NAMES, strict=True)]
    assert found["metrics"]["accuracy"] == pytest.approx(np.mean(hits))
    readings = [clf.read_ids(clf.encode(text)) for text in texts]
    assert found["skim_rate_macro"] == pytest.approx(np.mean([reading.skim_rate for reading in readings]))
    decisions = np.concatenate([reading.decisions for reading in readings])
    assert 0 < found["skim_rate_micro"] < 1
    assert found["skim_rate_micro"] == pytest.approx((decisions > 0).mean())
    assert found["tokens"] == len(decisions)
    (shape,) = costs.reader_shapes(clf.config)
    assert found["macs_ratio"] == pytest.approx(costs.macs_ratio(shape, costs.choice_counts(decisions, 2)))
    assert (found["texts"], found["threshold"], found["backend"]) == (6, 0.5, clf.backend)
    assert "curve" not in found


def test_several_labels_numbers_and_labels_of_tokens(make_folder, texts):
    multi = SkimRuntime.from_pretrained(
        make_folder(LabelSchema("multi_label_classification", ("a", "b", "c")))
    )
    wanted = [["a"], ["b", "c"], [], [1, 0, 0], ["c"], []]
    sets = [
        {name for name, p in zip("abc", row, strict=True) if p > 0.5} for row in multi.predict_proba(texts)
    ]
    right = [{"a"}, {"b", "c"}, set(), {"a"}, {"c"}, set()]
    hits = [a == b for a, b in zip(sets, right, strict=True)]
    assert evaluate(multi, texts, wanted)["metrics"]["accuracy"] == pytest.approx(np.mean(hits))

    number = SkimRuntime.from_pretrained(make_folder(LabelSchema("regression")))
    errors = number.predict_proba(texts)[:, 0] - np.arange(6)
    assert evaluate(number, texts, range(6))["metrics"] == pytest.approx(
        {"mse": (errors**2).mean(), "mae": np.abs(errors).mean()}
    )

    tags = SkimRuntime.from_pretrained(make_folder(tokens=True, num_hidden_layers=2, bidirectional=True))
    predicted = tags.predict(texts)
    wrong = [[*row[:-1], "neutral"] if row else [] for row in predicted]
    found = evaluate(tags, texts, wrong)
    count = sum(map(len, predicted))
    misses = sum(row[-1] != "neutral" for row in predicted if row)
    assert found["metrics"]["accuracy"] == pytest.approx(1 - misses / count)
    assert found["tokens"] == count


def test_a_curve_shows_every_threshold(clf, texts):
    found = evaluate(clf, texts, LABELS, split="validation", thresholds=[0.2, 0.5, 1.0])
    curve = found["curve"]
    check(curve, BLOCKS["evaluation"]["curve?"], "curve")
    assert [point["threshold"] for point in curve["points"]] == [0.2, 0.5, 1.0]
    assert curve["points"][2]["read"] == 1.0
    assert curve["points"][0]["read"] <= curve["points"][1]["read"] < 1.0
    # At the runtime's own threshold the curve says what the evaluation says.
    assert curve["points"][1]["metrics"] == found["metrics"]
    assert curve["points"][1]["macs_ratio"] == found["macs_ratio"]
    twin = clf.with_threshold(0.2)
    hits = [a == b for a, b in zip(twin.predict(texts), NAMES, strict=True)]
    assert curve["points"][0]["metrics"]["accuracy"] == pytest.approx(np.mean(hits))
    assert curve["split"] == "validation"


def test_progress_goes_to_stderr(clf, texts, capsys):
    # Whatever ran before may have switched all bars off in this process.
    enable_progress_bars()
    evaluate(clf, texts, LABELS, thresholds=[0.3], progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Evaluation" in shown.err
    assert "Threshold 0.3" in shown.err
    evaluate(clf, texts, LABELS)
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_evaluated_is_refused(clf, make_folder, texts):
    with pytest.raises(ValueError, match="at least one text"):
        evaluate(clf, [], [])
    with pytest.raises(TypeError, match="position 1"):
        evaluate(clf, ["a", 1], LABELS[:2])
    with pytest.raises(ValueError, match="threshold must be"):
        threshold_curve(clf, texts, LABELS, [1.5])
    with pytest.raises(ValueError, match="at least one runtime"):
        threshold_curve(clf, texts, LABELS, [])
    plain = SkimRuntime.from_pretrained(make_folder(policy="full"))
    assert evaluate(plain, texts, LABELS)["macs_ratio"] == 1.0
    with pytest.raises(ValueError, match="reads every token"):
        threshold_curve(plain, texts, LABELS)
