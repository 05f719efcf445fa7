"""Costs of whole models of every policy, by hand for small ones."""

import math

import pytest

from skim_hf.costs import (
    ReaderShape,
    ReadingCounts,
    macs,
    macs_ratio,
    model_macs,
    model_macs_ratio,
    plain_macs,
)

# d_x = 5, d = 7: a full read of the first layer of a GRU costs 3 * 7 * 12 = 252, of the second 3 * 7 * 14.
FIELDS = {
    "vocab_size": 11,
    "embedding_size": 5,
    "input_size": None,
    "hidden_size": 7,
    "num_hidden_layers": 1,
    "bidirectional": False,
    "cell_type": "gru",
    "policy": "skim",
    "skim_sizes": [3],
    "small_input": "own_slice",
}
TWO = {"num_hidden_layers": 2}


def config(policy, **fields):
    return {**FIELDS, "policy": policy, "skim_sizes": [3] if policy == "skim" else [], **fields}


BY_HAND = {
    "full": (config("full"), ReadingCounts([[9]]), 9 * 252, 9 * 147),
    "skim": (config("skim"), ReadingCounts([[4, 5]]), 4 * 252 + 5 * 72 + 9 * 12, 4 * 147 + 5 * 27 + 9 * 7),
    "skip": (config("skip"), ReadingCounts([[4, 5]]), 4 * (252 + 7), 4 * (147 + 7)),
    "skip, one gate for the stack": (
        config("skip", **TWO),
        ReadingCounts([[4, 5], [4, 5]]),
        4 * (252 + 294 + 7),
        4 * (147 + 294 + 7),
    ),
    "selective": (
        config("selective"),
        ReadingCounts([[4, 5]], units=[11]),
        11 * 36 + 9 * (35 + 7),
        11 * 21 + 9 * 7,
    ),
    "selective, two layers": (
        config("selective", **TWO),
        ReadingCounts([[4, 5], [8, 1]], units=[11, 30]),
        11 * 36 + 9 * (35 + 7) + 30 * 42 + 9 * (49 + 7),
        11 * 21 + 9 * 7 + 30 * 42 + 9 * (49 + 7),
    ),
    "random": (config("random"), ReadingCounts([[4, 5]]), 4 * 252, 4 * 147),
    "periodic": (config("periodic"), ReadingCounts([[4, 5]]), 4 * 252, 4 * 147),
    "jumps": (
        config("full", jump_size=4),
        ReadingCounts([[6]], jumps=[2], tokens=9),
        6 * 252 + 2 * 35,
        6 * 147 + 2 * 35,
    ),
    "jumps of a stack": (
        config("full", jump_size=4, **TWO),
        ReadingCounts([[6], [6]], jumps=[2], tokens=9),
        6 * (252 + 294) + 2 * 35,
        6 * (147 + 294) + 2 * 35,
    ),
    "jumps in both directions": (
        config("skim", jump_size=4, bidirectional=True),
        ReadingCounts([[2, 1], [0, 4]], jumps=[1, 3], tokens=9),
        2 * 252 + 5 * 72 + 7 * 12 + 4 * 35,
        2 * 147 + 5 * 27 + 7 * 7 + 4 * 35,
    ),
    "no layer": (config("full", num_hidden_layers=0), ReadingCounts([], tokens=9), 0, 0),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_every_policy_by_hand(case):
    fields, counts, whole, folded = BY_HAND[case]
    assert model_macs(fields, counts) == whole
    assert model_macs(fields, counts, folded_input=True) == folded


@pytest.mark.parametrize("case", [case for case in BY_HAND if case != "no layer"])
def test_the_plain_model_reads_every_token_of_every_layer(case):
    fields, counts, whole, _ = BY_HAND[case]
    directions = 2 if fields["bidirectional"] else 1
    plain = 9 * (252 * directions + (294 if fields["num_hidden_layers"] == 2 else 0))
    assert plain_macs(fields, 9) == plain
    assert model_macs_ratio(fields, counts) == plain / whole


def test_a_cost_that_is_nothing_is_infinitely_cheaper():
    pooled = config("full", num_hidden_layers=0)
    assert plain_macs(pooled, 9) == 0
    assert model_macs_ratio(pooled, ReadingCounts([], tokens=9)) == math.inf
    assert model_macs_ratio(config("skip"), ReadingCounts([[0, 9]])) == math.inf
    assert model_macs_ratio(config("skip"), ReadingCounts([[0, 0]])) == 1.0
    assert macs_ratio(ReaderShape("gru", 5, 7, policy="random"), [0, 3]) == math.inf


def test_selective_readers_that_update_every_unit_pay_for_the_choice():
    shape = ReaderShape("lstm", 5, 7, policy="selective")
    assert macs(shape, [9, 0], units=63) == macs(ReaderShape("lstm", 5, 7), [9]) + 9 * 42


@pytest.mark.parametrize(
    ("fields", "counts", "says"),
    [
        (config("full"), ReadingCounts([]), r"1 reader\(s\).*choices of 0"),
        (config("full", jump_size=2), ReadingCounts([[3]], jumps=[1, 1]), r"jumps of 2 direction\(s\)"),
        (config("full"), ReadingCounts([[3]], jumps=[1]), "no jump head"),
        (config("full"), ReadingCounts([[3]], units=[3]), "selective reader and for no other"),
        (config("selective"), ReadingCounts([[3, 1]]), "selective reader and for no other"),
        (config("selective"), ReadingCounts([[3, 1]], units=[3, 4]), "units of 2"),
        (config("selective"), ReadingCounts([[3, 1]], units=[22]), "units must be between 3 and 21, got 22"),
        (config("full"), ReadingCounts([[3]], tokens=2), "2 tokens cannot have had 3 tokens visited"),
    ],
)
def test_counts_that_do_not_fit_are_refused(fields, counts, says):
    with pytest.raises(ValueError, match=says):
        model_macs_ratio(fields, counts)
