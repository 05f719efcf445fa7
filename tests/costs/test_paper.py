"""The published Flop-r columns, and the properties of the formula behind them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.costs import paper_decision_cost, paper_flop_ratio, paper_step_cost

quick = settings(deadline=None, max_examples=60)

# Table 2: data set, d', gamma, skim rate in percent, printed Flop-r; d = 100.
CLASSIFICATION = [
    ("SST", 5, 0.01, 58.2, 2.4),
    ("SST", 10, 0.01, 61.1, 2.5),
    ("SST", 5, 0.02, 62.3, 2.6),
    ("SST", 10, 0.02, 68.0, 3.0),
    ("Rotten Tomatoes", 5, 0.01, 52.0, 2.1),
    ("Rotten Tomatoes", 10, 0.01, 58.5, 2.4),
    ("Rotten Tomatoes", 5, 0.02, 63.7, 2.7),
    ("Rotten Tomatoes", 10, 0.02, 63.0, 2.6),
    ("IMDb", 5, 0.01, 79.2, 4.7),
    ("IMDb", 10, 0.01, 83.9, 5.8),
    ("IMDb", 5, 0.02, 63.2, 2.7),
    ("IMDb", 10, 0.02, 90.7, 9.5),
    ("AG News", 5, 0.01, 30.3, 1.4),
    ("AG News", 10, 0.01, 33.7, 1.5),
    ("AG News", 5, 0.02, 36.4, 1.6),
    ("AG News", 10, 0.02, 10.6, 1.1),
]
# Table 5: candidates, d', gamma, skim rate in percent, printed Flop-r; d = 200.
CLOZE = [
    ("NE", 10, 0.01, 35.8, 1.6),
    ("NE", 10, 0.02, 72.2, 3.6),
    ("NE", 20, 0.01, 98.8, 50.0),
    ("NE", 20, 0.02, 70.5, 3.3),
    ("CN", 10, 0.01, 43.7, 1.8),
    ("CN", 10, 0.02, 86.5, 7.1),
    ("CN", 20, 0.01, 99.1, 50.0),
    ("CN", 20, 0.02, 54.1, 2.1),
]
# Figure 7, the 90 % curve with d' = d / 10: d, value of the formula, value read off the figure.
FIGURE_7 = [
    (100, 8.88, 8.89),
    (400, 9.10, 9.09),
    (500, 9.11, 9.11),
    (800, 9.14, 9.14),
    (1250, 9.15, 9.14),
    (1750, 9.16, 9.15),
]


@pytest.mark.parametrize(("data", "small", "gamma", "percent", "printed"), CLASSIFICATION)
def test_every_printed_ratio_of_the_classification_table(data, small, gamma, percent, printed):
    assert round(paper_flop_ratio(100, small, percent / 100), 1) == printed


@pytest.mark.parametrize(("candidates", "small", "gamma", "percent", "printed"), CLOZE)
def test_every_printed_ratio_of_the_cloze_table_through_its_two_decimal_inverse(
    candidates, small, gamma, percent, printed
):
    inverse = round(1 / paper_flop_ratio(200, small, percent / 100), 2)
    assert round(1 / inverse, 1) == printed


@pytest.mark.parametrize(("size", "formula", "read_off"), FIGURE_7)
def test_the_curve_of_figure_7(size, formula, read_off):
    ratio = paper_flop_ratio(size, size // 10, 0.9)
    assert round(ratio, 2) == formula
    assert ratio == pytest.approx(read_off, abs=0.03)


@pytest.mark.parametrize(
    ("size", "cost"), [(0, 0), (5, 260), (10, 920), (20, 3440), (100, 81200), (200, 322400)]
)
def test_the_cost_of_one_step(size, cost):
    assert paper_step_cost(size) == cost
    # One and three gates instead of four.
    assert paper_step_cost(size, "tanh") * 4 == cost
    assert paper_step_cost(size, "gru") * 4 == cost * 3


def test_a_decision_costs_one_dot_product_of_input_and_state_per_further_choice():
    assert [paper_decision_cost(100, k) for k in (1, 2, 3)] == [0, 200, 400]


def test_reading_everything_costs_the_decisions_on_top():
    ratio = paper_flop_ratio(100, 10, 0.0)
    assert ratio == 81200 / (81200 + 200)
    assert 0.99 < ratio < 1


def test_a_plain_reader_costs_what_it_costs():
    assert paper_flop_ratio(100, [], []) == 1.0


def test_three_choices_by_hand():
    adaptive = 0.2 * 81200 + 0.5 * 920 + 0.3 * 260 + 2 * 200
    assert paper_flop_ratio(100, [10, 5], [0.5, 0.3]) == pytest.approx(81200 / adaptive, rel=1e-12)


@quick
@given(
    hidden=st.integers(1, 300),
    share=st.floats(0, 1),
    more=st.floats(0, 1),
    data=st.data(),
    cell=st.sampled_from(["lstm", "gru", "tanh"]),
)
def test_skimming_more_never_costs_more(hidden, share, more, data, cell):
    small = data.draw(st.integers(0, hidden))
    low, high = sorted([share, more])
    assert paper_flop_ratio(hidden, small, high, cell) >= paper_flop_ratio(hidden, small, low, cell) - 1e-9


@quick
@given(hidden=st.integers(1, 300), first=st.floats(0, 0.5), second=st.floats(0, 0.5), data=st.data())
def test_two_equal_small_cells_cost_one_decision_more_than_one(hidden, first, second, data):
    small = data.draw(st.integers(0, hidden))
    one = 1 / paper_flop_ratio(hidden, small, first + second)
    two = 1 / paper_flop_ratio(hidden, [small, small], [first, second])
    assert two - one == pytest.approx(paper_decision_cost(hidden) / paper_step_cost(hidden), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((100, 10, 90.7), ValueError, "divide percentages by 100"),
        ((100, 10, -0.1), ValueError, "each in"),
        ((100, 10, float("nan")), ValueError, "each in"),
        ((100, [10, 5], [0.6, 0.6]), ValueError, "together at most 1"),
        ((100, [10, 5], 0.5), ValueError, "each of the 2 skim sizes, got 1"),
        ((100, 101, 0.5), ValueError, "between 0 and 100, got 101"),
        ((0, 0, 0.5), ValueError, "hidden_size must be at least 1"),
        ((100.0, 10, 0.5), TypeError, "hidden_size must be an integer"),
        ((100, 10, 0.5, "rnn"), ValueError, "one of lstm, gru, tanh, got 'rnn'"),
    ],
)
def test_impossible_arguments_are_refused(arguments, error, says):
    with pytest.raises(error, match=says):
        paper_flop_ratio(*arguments)
