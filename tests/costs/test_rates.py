"""Counts and shares of decisions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.costs import choice_counts, skim_rate, skim_rate_macro, skim_rate_micro

quick = settings(deadline=None, max_examples=60)
decisions = st.integers(-1, 3)


def test_counts_leave_padding_out():
    assert choice_counts([0, 1, 1, -1, 0, 2, -1]) == [2, 2, 1]
    assert choice_counts([[0, 1], [1, -1]]) == [1, 2]
    assert choice_counts([0, 1], num_choices=4) == [1, 1, 0, 0]
    assert choice_counts([]) == [0]
    assert choice_counts([], num_choices=2) == [0, 0]


def test_arrays_count_like_lists():
    numpy = pytest.importorskip("numpy")
    array = numpy.array([[[0, 1], [2, -1]], [[0, 0], [-1, -1]]])
    assert choice_counts(array) == choice_counts(array.tolist()) == [3, 1, 1]
    assert choice_counts(list(array)) == [3, 1, 1]
    assert choice_counts([numpy.int64(1), numpy.int32(0)]) == [1, 1]
    assert skim_rate_macro(array) == skim_rate_macro(array.tolist())


def test_rates_by_hand():
    texts = [[0, 1, 1, 1], [0, 0, -1, -1], [-1, -1, -1, -1]]
    assert [skim_rate(text) for text in texts] == [0.75, 0.0, 0.0]
    assert skim_rate_macro(texts) == 0.25
    assert skim_rate_micro(texts) == 0.5


def test_readers_are_averaged():
    # Two readers over two tokens: one skims everything, the other nothing.
    assert skim_rate([[0, 1], [0, 1]]) == 0.5


def test_nothing_read_is_no_rate_above_zero():
    assert skim_rate([]) == skim_rate_macro([]) == skim_rate_micro([]) == skim_rate_macro([[], []]) == 0.0


@quick
@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n))))
def test_macro_and_micro_agree_when_all_lengths_are_equal(texts):
    assert skim_rate_macro(texts) == pytest.approx(skim_rate_micro(texts), abs=1e-12)


@quick
@given(st.lists(st.lists(decisions, max_size=9), max_size=9))
def test_rates_are_shares_and_ignore_padding(texts):
    padded = [[*text, -1, -1] for text in texts]
    for rate in (skim_rate_macro, skim_rate_micro):
        assert 0.0 <= rate(texts) <= 1.0
        assert rate(padded) == rate(texts)
    assert sum(choice_counts(texts)) == sum(decision >= 0 for text in texts for decision in text)


@pytest.mark.parametrize(
    ("given_decisions", "error", "says"),
    [
        ([0, -2], ValueError, "between -1 and 1, got -2"),
        ([0, 2], ValueError, "between -1 and 1, got 2"),
        ([0.0], TypeError, "each decision must be an integer, got 0.0"),
        ([True], TypeError, "of type bool"),
        ("01", TypeError, "expected a sequence of decisions, got '01'"),
        (["01"], TypeError, "expected a sequence of decisions"),
        (3, TypeError, "expected a sequence of decisions, got 3 of type int"),
        (None, TypeError, "of type NoneType"),
    ],
)
def test_what_is_no_decision_is_refused(given_decisions, error, says):
    with pytest.raises(error, match=says):
        choice_counts(given_decisions, num_choices=2)
