"""How two runtimes of one model are compared."""

from dataclasses import replace

import numpy as np
import pytest

from skim_hf.runtime import ParityReport, SkimRuntime
from skim_hf.runtime.loading import SavedModel
from skim_hf.runtime.parity import compare

TEXTS = ["a good film", "the film was very , very dull", "", "fine . not bad", "zebra"]
TOKEN = {"architectures": ["SkimRNNForTokenClassification"], "id2label": {"0": "O", "1": "X", "2": "Y"}}


def runtimes(models, change, **fields):
    """A runtime, and one whose weights were changed."""
    clf = SkimRuntime.from_pretrained(models.folder(**fields), backend="numpy")
    model = clf._model
    return clf, SkimRuntime(SavedModel(model.config, change(model.weights), model.encoder), clf.options)


def shifted(amount):
    return lambda weights: replace(weights, classifier_bias=weights.classifier_bias + np.float32(amount))


def test_a_model_agrees_with_itself(models):
    clf, same = runtimes(models, lambda weights: weights)
    assert compare(clf, same, TEXTS) == ParityReport(5, 1.0, 0.0, 1.0) == clf.parity(TEXTS)


def test_labels_and_probabilities_that_change_are_counted(models):
    clf, other = runtimes(models, shifted([0.2, 0]))
    report = compare(clf, other, TEXTS)
    changes = np.abs(clf.predict_proba(TEXTS) - other.predict_proba(TEXTS))
    same = np.mean([a == b for a, b in zip(clf.predict(TEXTS), other.predict(TEXTS), strict=True)])
    assert report == ParityReport(5, same, float(changes.max()), 1.0)
    assert compare(other, clf, TEXTS) == report
    assert compare(clf, runtimes(models, shifted([0, 50]))[1], TEXTS).label_agreement < 1


def test_decisions_that_change_are_counted(models):
    def never_skims(weights):
        reader = weights.readers[0]
        return replace(weights, readers=(replace(reader, decision_bias=np.float32([50, -50])),))

    clf, other = runtimes(models, never_skims)
    decisions = np.concatenate([clf.read_ids(clf.encode(text)).decisions for text in TEXTS])
    assert 0 < compare(clf, other, TEXTS).decision_agreement == (decisions == 0).mean() < 1


def test_independent_labels_agree_one_by_one(models):
    clf, other = runtimes(
        models, shifted([0, 50]), problem_type="multi_label_classification", id2label={"0": "a", "1": "b"}
    )
    likely = clf.predict_proba(TEXTS)[:, 1] > 0.5
    assert compare(clf, other, TEXTS).label_agreement == (1 + likely.mean()) / 2


def test_tokens_agree_one_by_one(models):
    clf, other = runtimes(models, shifted([0, 0, 0.5]), **TOKEN)
    labels = [np.concatenate([np.array(row) for row in c.predict(TEXTS)]) for c in (clf, other)]
    assert compare(clf, other, TEXTS).label_agreement == (labels[0] == labels[1]).mean()


def test_texts_without_words_agree(models):
    clf, other = runtimes(models, shifted([0, 0, 9]), **TOKEN)
    assert compare(clf, other, [""]) == ParityReport(1, 1.0, 0.0, 1.0)


def test_no_texts_and_other_models_are_refused(models):
    clf = SkimRuntime.from_pretrained(models.folder())
    with pytest.raises(ValueError, match="at least one text"):
        clf.parity([])
    with pytest.raises(ValueError, match="configurations differ"):
        compare(clf, SkimRuntime.from_pretrained(models.folder(hidden_size=9)), TEXTS)


def test_a_report_can_be_read_and_checked():
    report = ParityReport(1000, 0.994, 0.0123, 0.98)
    assert str(report) == (
        "1000 texts: 99.40% of the labels and 98.00% of the reading decisions agree, "
        "probabilities differ by at most 0.012"
    )
    report.check(0.99)
    report.check(0.994, 0.0123)
    with pytest.raises(ValueError, match=r"at least 99.50% of the labels to agree; got 1000 texts: 99.40%"):
        report.check(0.995)
    with pytest.raises(ValueError, match=r"differ by at most 0.01; got 1000 texts"):
        report.check(0.99, 0.01)
