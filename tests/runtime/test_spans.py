from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skim_hf.runtime.spans import Span, best_spans


def brute_force(start, end, max_length, count):
    pairs = [(s, e) for s in range(len(start)) for e in range(s, min(s + max_length, len(end)))]
    spans = [Span(s, e, float(start[s]) + float(end[e])) for s, e in pairs]
    allowed = [span for span in spans if span.score > -np.inf]
    return sorted(allowed, key=lambda span: (-span.score, span.start, span.end))[:count]


# Few values make many ties; the others are any numbers, so that sums are rounded.
SCORE = st.one_of(
    st.sampled_from([0.0, 1.0, 1.5, -np.inf]),
    st.floats(-1e9, 1e9, width=32),
    st.sampled_from([1e300, -1e300, 1e-9]),
)


@given(
    st.lists(st.tuples(SCORE, SCORE), max_size=40),
    st.integers(1, 45),
    st.integers(1, 60),
)
@example([(1e16, 0.0), (0.0, 1.0), (0.0, 0.5)], 3, 6)  # different ends, equal sums
@example([(0.0, 0.0)] * 9, 4, 3)
def test_the_best_spans_are_those_of_brute_force(scores, max_length, count):
    start, end = np.array(scores, dtype=np.float64).reshape(-1, 2).T
    assert best_spans(start, end, max_length=max_length, count=count) == brute_force(
        start, end, max_length, count
    )


@pytest.mark.parametrize("max_length", [1, 2, 15, 400, 1000])
def test_texts_of_usual_length(max_length):
    source = np.random.default_rng(max_length)
    for length in (1, 2, 14, 15, 16, 31, 399):
        start, end = source.normal(size=(2, length)).astype(np.float32)
        assert best_spans(start, end, max_length=max_length, count=20) == brute_force(
            start, end, max_length, 20
        )


def test_a_very_long_text():
    start, end = np.random.default_rng(3).normal(size=(2, 100_003))
    start[70_000] = end[70_011] = 100.0
    assert best_spans(start, end, max_length=12) == [Span(70_000, 70_011, 200.0)]
    assert best_spans(start, end, max_length=11)[0].score < 200.0


def test_nothing_to_choose_from():
    assert best_spans([], [], max_length=3) == []
    assert best_spans([-np.inf, 0.0], [0.0, -np.inf], max_length=3) == []


@pytest.mark.parametrize(
    ("start", "end", "numbers", "message"),
    [
        ([0.0], [0.0, 1.0], {}, r"one text at a time|shapes \[1\] and \[2\]"),
        ([[0.0]], [[0.0]], {}, r"shapes \[1, 1\]"),
        ([0.0, np.nan], [0.0, 0.0], {}, "start_scores must be finite.*nan for token 1"),
        ([0.0], [np.inf], {}, "end_scores must be finite.*inf for token 0"),
        ([0.0], [0.0], {"max_length": 0}, "max_length must be at least 1; got 0"),
        ([0.0], [0.0], {"count": 0}, "count must be at least 1; got 0"),
    ],
)
def test_what_are_no_scores_is_refused(start, end, numbers, message):
    with pytest.raises(ValueError, match=message):
        best_spans(start, end, **{"max_length": 3, **numbers})
