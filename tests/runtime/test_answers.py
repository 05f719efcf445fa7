from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.runtime.answers import (
    NO_ANSWER,
    Answer,
    WindowScores,
    find_answers,
    null_margin,
    window_bounds,
)
from skim_hf.runtime.splitting import split


@given(st.integers(0, 200), st.integers(1, 30), st.data())
def test_windows_cover_everything(length, size, data):
    stride = data.draw(st.integers(0, size - 1))
    bounds = window_bounds(length, size, stride)
    assert {token for first, stop in bounds for token in range(first, stop)} == set(range(length))
    assert all(stop - first == size for first, stop in bounds[:-1])
    assert bounds[-1][1] == length
    for (first, stop), (following, last) in pairwise(bounds):
        assert stop - following == stride
        assert last > stop >= following > first
    for first in range(length - stride):
        assert any(low <= first and first + stride < high for low, high in bounds)


@pytest.mark.parametrize(("size", "stride"), [(0, 0), (4, 4), (4, 5), (4, -1)])
def test_windows_that_do_not_move_on_are_refused(size, stride):
    with pytest.raises(ValueError, match=f"windows of {size} and a stride of {stride}"):
        window_bounds(10, size, stride)


def cut(text, start, end, size, stride, null=None):
    """The windows of a text whose tokens have given scores everywhere; `null` is put in front of each."""
    offsets = np.array([place for _, *place in split(text)]).reshape(-1, 2)
    for number, (low, high) in enumerate(window_bounds(len(offsets), size, stride)):
        front = [] if null is None else [null[number]]
        places = np.concatenate([np.zeros((len(front), 2), int), offsets[low:high]])
        yield WindowScores(np.array([*front, *start[low:high]]), np.array([*front, *end[low:high]]), places)


TEXT = "Caf\u00e9 \U0001f600\U0001f600 na\u0308ive, the U.S. \u2014 don't!"


@given(st.integers(0, 2**32 - 1), st.integers(3, 20), st.integers(1, 9))
def test_windows_find_what_the_whole_text_has(seed, size, count):
    tokens = split(TEXT)
    start, end = np.random.default_rng(seed).normal(size=(2, len(tokens)))
    whole = find_answers(TEXT, cut(TEXT, start, end, len(tokens), 0), max_length=3, count=count)
    cut_up = find_answers(TEXT, cut(TEXT, start, end, size, 2), max_length=3, count=count)
    assert [(a.text, a.start, a.end) for a in cut_up] == [(a.text, a.start, a.end) for a in whole]
    assert all(answer.text == TEXT[answer.start : answer.end] for answer in whole)
    assert [answer.score for answer in whole] == sorted((answer.score for answer in whole), reverse=True)


def test_the_score_is_a_probability():
    start, end = np.log([0.1, 0.7, 0.2]), np.log([0.5, 0.1, 0.4])
    found = find_answers("a b c", cut("a b c", start, end, 3, 0), max_length=3, count=9)
    assert found[0] == Answer("b c", pytest.approx(0.28), 2, 5)
    pairs = {"a": 0.05, "a b": 0.01, "a b c": 0.04, "b": 0.07, "b c": 0.28, "c": 0.08}
    assert {answer.text: answer.score for answer in found} == pytest.approx(pairs)
    shifted = find_answers("a b c", cut("a b c", start + 1000, end - 1000, 3, 0), max_length=3)
    assert shifted[0].score == pytest.approx(0.28)


def test_a_place_that_two_windows_see_is_one_answer():
    windows = [
        WindowScores(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([[0, 1], [2, 3]])),
        WindowScores(np.array([3.0]), np.array([1.0]), np.array([[2, 3]])),
    ]
    found = find_answers("a b", windows, max_length=2, count=5)
    assert [(answer.text, answer.start) for answer in found] == [("b", 2), ("a b", 0), ("a", 0)]
    assert found[0].score == pytest.approx(np.exp(4.0) / np.exp([1, 2, 3]).sum() / np.exp([0, 1, 1]).sum())


@pytest.mark.parametrize(
    ("null", "threshold", "first"),
    [
        ([0.0, 0.0], 0.0, "c"),
        ([2.0, 2.0], 0.0, ""),
        ([2.0, 0.0], 0.0, "c"),  # one window that sees an answer is enough
        ([1.5, 1.5], 0.0, "c"),  # as good is not better
        ([2.0, 2.0], 1.0, "c"),
        ([1.0, 1.0], -1.5, ""),
    ],
)
def test_no_answer_has_to_be_better_than_the_best(null, threshold, first):
    scores = np.array([0.0, 0.5, 1.5])
    windows = list(cut("a b c", scores, scores, 2, 0, null))
    options = {"max_length": 2, "null_answers": True, "null_threshold": threshold}
    assert find_answers("a b c", windows, **options)[0].text == first
    all_of_them = find_answers("a b c", windows, count=9, **options)
    assert sorted(answer.text for answer in all_of_them) == ["", "a", "a b", "b", "c"]


@given(st.integers(0, 2**32 - 1), st.floats(-5.0, 5.0))
def test_the_margin_says_when_there_is_no_answer(seed, threshold):
    source = np.random.default_rng(seed)
    scores, null = source.normal(size=3), source.normal(size=2)
    windows = list(cut("a b c", scores, scores, 2, 0, null))
    best = find_answers("a b c", windows, max_length=2, null_answers=True, null_threshold=threshold)[0]
    assert (best.text == "") == (null_margin(windows, max_length=2) > threshold)


def test_an_empty_text_has_an_empty_answer():
    empty = WindowScores(np.zeros(0), np.zeros(0), np.zeros((0, 2), int))
    assert find_answers(" ", [empty], max_length=2, count=3) == [NO_ANSWER]
    null = WindowScores(np.ones(1), np.ones(1), np.zeros((1, 2), int))
    assert find_answers(" ", [null], max_length=2, null_answers=True) == [Answer("", 1.0, 0, 0)]
    assert null_margin([null], max_length=2) == np.inf
