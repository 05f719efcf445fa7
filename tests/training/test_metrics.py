from __future__ import annotations

import importlib
import random
import socket
import sys

import evaluate
import numpy as np
import pytest

from skim_hf import SkimRNNConfig, costs
from skim_hf.training.metrics import MODULES, metric_path
from skim_hf.training.metrics.classification.classification import Classification
from skim_hf.training.metrics.effort import (
    cost_ratios,
    counts_from_rates,
    reading_scores,
    skim_rates,
    text_scores,
)
from skim_hf.training.metrics.reading.reading import Reading
from skim_hf.training.metrics.scores import accuracy, macro_f1, multilabel_scores, regression_scores


def small_config(**fields):
    return SkimRNNConfig(**{"vocab_size": 10, "embedding_size": 100, "hidden_size": 100, **fields})


def slow_macro_f1(predicted, wanted):
    scores = []
    for label in sorted(set(predicted) | set(wanted)):
        hits = sum(p == w == label for p, w in zip(predicted, wanted, strict=True))
        precision = hits / max(predicted.count(label), 1)
        recall = hits / max(wanted.count(label), 1)
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


def test_label_scores_equal_the_textbook():
    source = random.Random(0)
    for classes in (2, 3, 7):
        wanted = [source.randrange(classes) for _ in range(41)]
        predicted = [source.randrange(classes) for _ in range(41)]
        assert macro_f1(predicted, wanted) == pytest.approx(slow_macro_f1(predicted, wanted))
        hits = sum(p == w for p, w in zip(predicted, wanted, strict=True))
        assert accuracy(predicted, wanted) == pytest.approx(hits / 41)


def test_padding_is_left_out():
    assert accuracy([[0, 1, 5], [1, 5, 5]], [[0, 0, -100], [1, -100, -100]]) == pytest.approx(2 / 3)
    assert macro_f1([0, 1, 9], [0, 1, -100]) == 1.0


@pytest.mark.parametrize(("predicted", "wanted"), [([], []), ([1], [1, 2]), ([3, 3], [-100, -100])])
def test_nothing_to_score_is_refused(predicted, wanted):
    with pytest.raises(ValueError, match=r"nothing to score|same shape"):
        accuracy(predicted, wanted)


def test_several_labels_and_numbers():
    scores = multilabel_scores([[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [0, 1, 0]])
    assert scores == {"accuracy": 0.5, "macro_f1": pytest.approx((2 / 3 + 1 + 0) / 3)}
    assert regression_scores([1.0, 2.0], [1.5, 4.0]) == {
        "mse": pytest.approx(2.125),
        "mae": pytest.approx(1.25),
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
    ratios = cost_ratios(counts, config.to_dict())
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
        (lambda: metric_path("rouge"), "classification, reading"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_modules_can_be_instantiated(tmp_path):
    metric = Classification(cache_dir=str(tmp_path))
    for predicted, wanted in (([0, 1], [0, 0]), ([1], [1])):
        metric.add_batch(predictions=predicted, references=wanted)
    assert metric.compute() == {"accuracy": pytest.approx(2 / 3), "macro_f1": pytest.approx(2 / 3)}
    reading = Reading(cache_dir=str(tmp_path))
    reading.add_batch(skim_rate=[0.25], lengths=[4])
    reading.add_batch(skim_rate=np.array([1.0], dtype=np.float32), lengths=np.array([10]))
    scores = reading.compute(config=small_config())
    assert scores == pytest.approx(reading_scores([[[3, 1]], [[0, 10]]], small_config()))


def test_modules_load_without_a_network(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    # `evaluate` copies a module to its cache and imports it from there.
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    # In front, because the user's own cache may be on the path already and hold other modules.
    monkeypatch.setattr(sys, "path", [str(tmp_path / "modules"), *sys.path])
    for name in [name for name in sys.modules if name.startswith("evaluate_modules")]:
        monkeypatch.delitem(sys.modules, name)

    assert {"classification", "reading"} == set(MODULES)
    task = evaluate.load(metric_path("classification"), cache_dir=str(tmp_path))
    assert type(task).__module__.startswith("evaluate_modules")
    assert task.compute(predictions=[0, 1, 1], references=[0, 1, -100]) == {"accuracy": 1.0, "macro_f1": 1.0}
    # Python may have listed the cache's folder before `evaluate` added the second module to it.
    importlib.invalidate_caches()
    reading = evaluate.load(metric_path("reading"), cache_dir=str(tmp_path))
    rates = {"skim_rate_macro": 0.75, "skim_rate_micro": 0.9}
    assert reading.compute(skim_rate=[0.5, 1.0], lengths=[2, 8]) == rates
    counts = [[[1, 1, 0]], [[0, 4, 4]]]
    assert reading.compute(skim_rate=[0.5, 1.0], lengths=[2, 8], choice_counts=counts) == rates
