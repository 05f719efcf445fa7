"""Stored predictions, and what differs from them."""

from dataclasses import replace

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import (
    ModelResults,
    check_predictions,
    describe_found_answers,
    describe_predictions,
    prediction_differences,
)

from ..runtime.question_models import CONTEXT, QUESTION, make_question


@pytest.fixture(scope="module")
def stored(clf, texts):
    return describe_predictions(clf, texts)


def test_predictions_are_those_of_the_trace(clf, folder, texts, stored):
    results = ModelResults.of(folder, predictions=stored)
    assert [entry["label"] for entry in stored["texts"]] == clf.predict(texts)
    trace = clf.trace(texts[1])
    found = results.predictions["texts"][1]
    assert found["read"] == sum(token.is_read for token in trace.tokens)
    assert 0 < found["read"] < found["tokens"] == len(trace.tokens)


def test_a_model_agrees_with_itself_however_it_is_run(folder, tmp_path, stored):
    ModelResults.of(folder, predictions=stored).save(tmp_path)
    twin = SkimRuntime.from_pretrained(folder, backend="numpy", threshold=0.01)
    assert check_predictions(twin, tmp_path) == []
    assert check_predictions(twin, stored) == []


def test_another_model_does_not(make_folder, stored):
    other = SkimRuntime.from_pretrained(make_folder(seed=3))
    found = check_predictions(other, stored)
    assert any(difference.startswith("label of ") for difference in found)
    assert any(difference.startswith("read of ") for difference in found)


def test_differences_are_named_and_scores_may_differ_a_little():
    entry = {"text": "a film", "label": "good", "score": 0.5, "read": 1, "tokens": 2}
    near, far = {**entry, "score": 0.50005}, {**entry, "score": 0.51, "read": 2}
    assert prediction_differences([entry], [near]) == []
    assert prediction_differences([entry], [far]) == [
        "score of 'a film' is 0.51; stored was 0.5",
        "read of 'a film' is 2; stored was 1",
    ]
    assert prediction_differences([entry], [far], tolerance=0.1) == ["read of 'a film' is 2; stored was 1"]
    # Who knows less compares less.
    assert prediction_differences([entry], [{"label": "good"}]) == []
    with pytest.raises(ValueError, match="Expected 1 predictions"):
        prediction_differences([entry], [])


def test_answers_are_stored_too(tmp_path):
    make_question(tmp_path / "model")
    runtime = SkimRuntime.from_pretrained(tmp_path / "model")
    pairs = [(QUESTION, CONTEXT), ("What was bad?", CONTEXT)]
    block = describe_found_answers(runtime, pairs, max_length=9, doc_stride=3)
    ModelResults.of(tmp_path / "model", predictions=block).save(tmp_path / "model")
    assert check_predictions(tmp_path / "model") == check_predictions(runtime, block) == []
    first = block["questions"][0]
    assert CONTEXT[first["start"] : first["end"]] == first["answer"]
    changed = [{**first, "answer": "Ada"}, block["questions"][1]]
    (difference,) = check_predictions(runtime, {**block, "questions": changed})
    assert difference.endswith("stored was 'Ada'")


def test_what_has_no_predictions_is_refused(clf, folder, make_folder, tmp_path):
    with pytest.raises(ValueError, match="at least one of the texts"):
        describe_predictions(clf, [])
    with pytest.raises(ValueError, match="labels texts"):
        describe_predictions(SkimRuntime.from_pretrained(make_folder(tokens=True)), ["a"])
    with pytest.raises(ValueError, match="labels texts"):
        describe_found_answers(clf, [("why?", "a film")])
    with pytest.raises(ValueError, match="what a runtime is to be compared with"):
        check_predictions(clf)
    results = ModelResults.of(folder)
    results.save(tmp_path)
    with pytest.raises(ValueError, match="holds no predictions"):
        check_predictions(clf, tmp_path)
    with pytest.raises(ValueError, match=r"predictions\.texts must be a list of 1"):
        replace(results, predictions={"threshold": 0.5, "backend": "numpy", "dtype": "float32", "texts": []})
