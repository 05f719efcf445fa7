"""Counts of readings in every form, and what follows from them for every policy."""

import numpy as np
import pytest

from skim_hf import costs
from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import cost_ratios, jump_scores, reading_scores, skim_rates, text_scores

CONFIG = {
    "vocab_size": 11,
    "embedding_size": 5,
    "hidden_size": 7,
    "num_hidden_layers": 1,
    "bidirectional": False,
    "cell_type": "gru",
    "skim_sizes": [],
    "small_input": "own_slice",
}
SELECTIVE = {**CONFIG, "policy": "selective"}
# Texts of 4, 5 and 0 tokens, of which 3 and 5 had units updated: 7 and 21 of 28 and 35.
UNITS = {"choices": [[[3, 1]], [[5, 0]], [[0, 0]]], "lengths": [4, 5, 0], "units": [[7], [21], [0]]}
JUMPING = {**CONFIG, "policy": "full", "jump_every": 2, "jump_size": 3, "jump_limit": 2}
# Texts of 10, 3 and 0 tokens: 6, 3 and none of them were visited.
JUMPS = {"choices": [[[6]], [[3]], [[0]]], "lengths": [10, 3, 0], "jumps": [[2], [1], [0]]}


def test_choices_alone_say_how_long_texts_are():
    found = TextCounts.of([[[3, 1], [0, 4]], [[0, 0], [0, 0]]])
    assert found.lengths.tolist() == [4, 0]
    assert TextCounts.of(found) is found
    assert found.totals() == costs.ReadingCounts([[3, 1], [0, 4]], tokens=4)


def test_units_are_shares_of_tokens():
    rates = skim_rates(UNITS, SELECTIVE)
    assert rates["skim_rate_macro"] == pytest.approx((0.75 + 0.4 + 0) / 3)
    assert rates["skim_rate_micro"] == pytest.approx(1 - (28 / 7) / 9)
    assert cost_ratios(UNITS, SELECTIVE)["macs_ratio"] == pytest.approx(9 * 252 / (28 * 36 + 9 * 42))
    with pytest.raises(ValueError, match="configuration is needed"):
        reading_scores(UNITS)


def test_tokens_passed_over_are_not_read_and_are_saved_whole():
    scores = reading_scores(JUMPS, JUMPING)
    assert scores == {
        "skim_rate_macro": pytest.approx((0.4 + 0 + 0) / 3),
        "skim_rate_micro": pytest.approx(4 / 13),
        "visited_rate": pytest.approx(9 / 13),
        "jumps_per_text": 1.0,
        "macs_ratio": pytest.approx(13 * 252 / (9 * 252 + 3 * 28)),
    }
    assert jump_scores({"choices": [[[0]]], "lengths": [0], "jumps": [[0]]})["visited_rate"] == 1.0
    assert jump_scores(UNITS) == {}


def test_controls_have_no_published_count():
    config = {**CONFIG, "policy": "random"}
    assert cost_ratios([[[4, 6]]], config) == {"macs_ratio": 2.5}


def test_skipping_is_counted_as_its_paper_does():
    config = {**CONFIG, "policy": "skip"}
    ratios = cost_ratios([[[4, 6]]], config)
    assert ratios["flop_ratio_paper"] == pytest.approx(10 * 252 / (4 * 259))
    assert ratios["macs_ratio"] == pytest.approx(ratios["flop_ratio_paper"])
    assert text_scores([0.6], [10], config=config) == reading_scores([[[4, 6]]], config)


def test_what_costs_nothing_has_no_ratio():
    assert cost_ratios([[[0, 6]]], {**CONFIG, "policy": "skip"}) == {}
    pooled = {**CONFIG, "policy": "full", "num_hidden_layers": 0}
    counts = {"choices": np.zeros((2, 0, 1), dtype=np.int64), "lengths": [4, 5]}
    assert reading_scores(counts, pooled) == {"skim_rate_macro": 0.0, "skim_rate_micro": 0.0}
    assert text_scores([0.0, 0.0], [4, 5], config=pooled) == reading_scores(counts, pooled)


@pytest.mark.parametrize(
    ("counts", "config", "says"),
    [
        ({"lengths": [1]}, None, "got lengths"),
        ({"choices": [[[1]]], "words": [1]}, None, "got choices, words"),
        ({"choices": [[[1]]], "lengths": [1, 2]}, None, r"lengths of the shape \[1\].*got \[2\]"),
        ({"choices": [[[1]]], "units": [[1, 2]]}, None, r"units of the shape \[1, 1\]"),
        ({"choices": [[[1]]], "jumps": [[1, 2, 3]]}, None, "jumps of the shape"),
        ({"choices": [[[3]]], "lengths": [2]}, None, "more of its tokens read than it has"),
        ([[[1, 0]]], SELECTIVE, "units that were updated are needed"),
        ([[[1]]], JUMPING, "jump decisions are needed"),
        (JUMPS, {**CONFIG, "policy": "full"}, "jump decisions are needed for a model that jumps"),
        (UNITS, {**CONFIG, "policy": "skip"}, "for policy 'selective' and for no other"),
    ],
)
def test_counts_that_do_not_fit_are_refused(counts, config, says):
    with pytest.raises(ValueError, match=says):
        reading_scores(counts, config)
