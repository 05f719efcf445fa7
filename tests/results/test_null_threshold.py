from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.results.answers import answer_scores, exact_match
from skim_hf.results.null_threshold import best_null_threshold

QUESTION = st.tuples(
    st.sampled_from([-1e20, -3.0, -1.0, 0.0, 0.25, 2.0]) | st.floats(-9.0, 9.0).map(lambda x: round(x, 3)),
    st.sampled_from(["", "the", "heron", "grey heron", "eel"]),
    st.lists(st.sampled_from(["", "heron", "a grey heron", "small eel"]), max_size=2),
)


def total(margins, predictions, references, threshold):
    chosen = {name: "" if margins[name] > threshold else text for name, text in predictions.items()}
    return answer_scores(chosen, references, null_answers=True)


@given(st.lists(QUESTION, min_size=1, max_size=12))
def test_no_other_threshold_is_better(questions):
    margins, predictions, references = ({str(n): q[i] for n, q in enumerate(questions)} for i in range(3))
    threshold, score = best_null_threshold(margins, predictions, references)
    assert total(margins, predictions, references, threshold)["f1"] == pytest.approx(score)
    tried = [total(margins, predictions, references, each)["f1"] for each in [-1e30, *margins.values()]]
    assert score == pytest.approx(max(tried))
    threshold, score = best_null_threshold(margins, predictions, references, measure=exact_match)
    assert total(margins, predictions, references, threshold)["exact_match"] == pytest.approx(score)


def test_of_equally_good_thresholds_the_one_with_the_fewest_null_answers():
    margins, predictions = {"a": 3.0, "b": 1.0, "c": -1.0}, {"a": "x", "b": "y", "c": "z"}
    assert best_null_threshold(margins, predictions, {"a": [], "b": ["y"], "c": ["z"]}) == (2.0, 100.0)
    assert best_null_threshold(margins, predictions, {"a": ["x"], "b": [], "c": ["z"]})[0] == 7.0
    assert best_null_threshold(margins, predictions, {"a": [], "b": [], "c": []}) == (-3.0, 100.0)


def test_other_questions_are_refused():
    with pytest.raises(ValueError, match="got 1 margins, 1 predictions and 2 references"):
        best_null_threshold({"a": 0.0}, {"a": ""}, {"a": [], "b": []})
    with pytest.raises(ValueError, match="at least one; got 0"):
        best_null_threshold({}, {}, {})
