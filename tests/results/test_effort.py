"""Skim rates and cost ratios."""

import numpy as np
import pytest

from skim_hf import costs
from skim_hf.results.effort import (
    cost_ratios,
    counts_from_rates,
    reading_scores,
    skim_rates,
    text_scores,
)


def small_config(**fields):
    return {
        "vocab_size": 10,
        "embedding_size": 100,
        "hidden_size": 100,
        "num_hidden_layers": 1,
        "bidirectional": False,
        "cell_type": "lstm",
        "policy": "skim",
        "skim_sizes": [10],
        "small_input": "own_slice",
        **fields,
    }


def test_macro_weighs_texts_and_micro_weighs_tokens():
    # One reader: texts of 4, 10 and 0 tokens of which 1, 10 and 0 are skimmed.
    rates = skim_rates([[[3, 1]], [[0, 10]], [[0, 0]]])
    assert rates["skim_rate_macro"] == pytest.approx((0.25 + 1.0 + 0.0) / 3)
    assert rates["skim_rate_micro"] == pytest.approx(11 / 14)


def test_readers_and_choices_are_counted_each():
    # Two readers, three choices; everything but the first is skimming.
    rates = skim_rates([[[2, 1, 1], [4, 0, 0]]])
    assert rates == {"skim_rate_macro": 0.25, "skim_rate_micro": 0.25}


def test_empty_texts_have_a_defined_result():
    assert reading_scores([[[0, 0]]], small_config()) == {
        "skim_rate_macro": 0.0,
        "skim_rate_micro": 0.0,
        "flop_ratio_paper": 1.0,
        "macs_ratio": 1.0,
    }


def test_cost_ratios_equal_the_published_value_and_the_counter():
    ratios = cost_ratios([[[93, 907]]], small_config(skim_sizes=[10]))
    assert round(ratios["flop_ratio_paper"], 1) == 9.5
    shape = costs.ReaderShape("lstm", 100, 100, (10,))
    assert ratios["macs_ratio"] == pytest.approx(costs.macs_ratio(shape, [93, 907]))


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_cost_ratios_of_several_readers_and_choices_add_up(cell_type):
    config = small_config(cell_type=cell_type, skim_sizes=[20, 5, 0], bidirectional=True, num_hidden_layers=2)
    counts = np.random.default_rng(0).multinomial(13, [0.3, 0.3, 0.2, 0.2], size=(5, 4))
    shapes = costs.reader_shapes(config)
    totals = counts.sum(axis=0)
    spent = sum(costs.macs(shape, total.tolist()) for shape, total in zip(shapes, totals, strict=True))
    plain = sum(65 * costs.step_macs(shape, 0) for shape in shapes)
    ratios = cost_ratios(counts, config)
    assert ratios["macs_ratio"] == pytest.approx(plain / spent)
    read = costs.paper_step_cost(100, cell_type)
    paper = sum(
        sum(
            n * costs.paper_step_cost(size, cell_type)
            for n, size in zip(total.tolist(), shape.sizes, strict=True)
        )
        + 65 * 3 * 200
        for shape, total in zip(shapes, totals, strict=True)
    )
    assert ratios["flop_ratio_paper"] == pytest.approx(4 * 65 * read / paper)


def test_a_plain_model_costs_what_it_costs():
    config = small_config(policy="full")
    assert cost_ratios([[[7]]], config) == {"flop_ratio_paper": 1.0, "macs_ratio": 1.0}
    assert text_scores([0.0, 0.0], [3, 4], config=config)["macs_ratio"] == 1.0


def test_rates_and_lengths_suffice_for_one_reader_with_two_choices():
    config, rates, lengths = small_config(), [0.25, 1.0, 0.0], [4, 10, 0]
    counts = counts_from_rates(rates, lengths)
    assert counts.tolist() == [[[3, 1]], [[0, 10]], [[0, 0]]]
    assert text_scores(rates, lengths, config=config) == pytest.approx(reading_scores(counts, config))


def test_float32_rates_give_exact_counts():
    lengths = np.arange(1, 1000)
    skimmed = lengths * 7 // 9
    counts = counts_from_rates((skimmed / lengths).astype(np.float32), lengths)
    assert (counts[:, 0, 1] == skimmed).all()


def test_counts_are_demanded_where_rates_do_not_suffice():
    for fields in ({"skim_sizes": [10, 0]}, {"bidirectional": True}, {"num_hidden_layers": 2}):
        with pytest.raises(ValueError, match="Pass choice_counts"):
            text_scores([0.5], [4], config=small_config(**fields))
    counts = [[[2, 1, 1]]]
    scores = text_scores([0.5], [4], config=small_config(skim_sizes=[10, 0]), choice_counts=counts)
    assert scores == reading_scores(counts, small_config(skim_sizes=[10, 0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: skim_rates(np.zeros((0, 1, 2))), "at least one text"),
        (lambda: skim_rates([[1, 2]]), "shape"),
        (lambda: counts_from_rates([1.5], [2]), r"\[0, 1\]"),
        (lambda: text_scores([0.5], [2], choice_counts=[[[1, 1]]] * 2), "every text"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
