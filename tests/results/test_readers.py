"""Evaluations of every way of reading, against decisions one by one and operations that were counted."""

import numpy as np
import pytest

from skim_hf import SkimRuntime, costs
from skim_hf.results import ADAPTIVE, describe_example, evaluate, measure_latency, threshold_curve, where_read
from skim_hf.results.schema import BLOCKS, check
from skim_hf.runtime.calibration import has_dial

from ..runtime.conftest import shared_models  # noqa: F401, a fixture

TEXTS = ["a good film", "", "very bad , not fine , a dull film , was it not", "a dull film " * 4]
LABELS = [0, 1, 0, 1]


@pytest.fixture(scope="module")
def clf(shared_models, reader_fields):  # noqa: F811
    return SkimRuntime.from_pretrained(shared_models.folder(**reader_fields), backend="numpy")


def test_what_was_read_is_what_the_readings_say(clf):
    found = evaluate(clf, TEXTS, LABELS, data={"name": "films"}, split="test")
    check(found, BLOCKS["evaluation"], "evaluation")
    readings = [clf.read_ids(clf.encode(text)) for text in TEXTS]
    rates = [reading.skim_rate for reading in readings]
    tokens = [len(reading.decisions) for reading in readings]
    assert found["skim_rate_macro"] == pytest.approx(np.mean(rates), abs=1e-12)
    assert found["skim_rate_micro"] == pytest.approx(np.average(rates, weights=tokens), abs=1e-12)
    assert found["tokens"] == sum(tokens)
    if clf.config.jumps:
        visited = np.concatenate([reading.decisions for reading in readings]) >= 0
        assert found["visited_rate"] == pytest.approx(visited.mean())
        assert 0 < found["visited_rate"] < 1
        assert found["jumps_per_text"] == np.mean([reading.jumps.sum() for reading in readings])
        assert (found["jump_every"], found["jump_limit"]) == (clf.config.jump_every, clf.config.jump_limit)


def test_arithmetic_saved_is_that_of_the_operations_counted(clf):
    counter = clf.count_operations(TEXTS)
    plain = costs.plain_macs(clf.config, sum(len(clf.encode(text)) for text in TEXTS))
    found = evaluate(clf, TEXTS, LABELS)
    if clf.config.num_hidden_layers:
        assert found["macs_ratio"] == plain / counter.total
    else:
        assert (plain, counter.total) == (0, 0)
        assert "macs_ratio" not in found


def test_a_curve_ends_with_reading_everything_visited(clf):
    if not has_dial(clf.config.policy):
        with pytest.raises(ValueError, match=f"policy '{clf.config.policy}'.*no threshold changes anything"):
            threshold_curve(clf, TEXTS, LABELS, [1.0])
        return
    nothing, everything = threshold_curve(clf, TEXTS, LABELS, [0.0, 1.0], split="test")["points"]
    visited = evaluate(clf.with_threshold(1.0), TEXTS, LABELS).get("visited_rate", 1.0)
    assert everything["read"] == pytest.approx(visited)
    assert nothing["read"] < everything["read"]
    # A Skip RNN that reads nothing computes nothing.
    assert ("macs_ratio" in nothing) == (clf.config.policy != "skip")


def test_the_other_blocks_know_every_reader(clf):
    times = measure_latency({ADAPTIVE: clf}, TEXTS, rounds=1)
    check(times["contestants"], BLOCKS["latency"]["contestants"], "contestants")
    example = describe_example(clf, TEXTS[2])
    check(example, BLOCKS["example"], "example")
    read = [token for token in clf.trace(TEXTS[2]).tokens if token.is_read]
    assert len(example["read"]) == len(read)
    places = where_read(clf, TEXTS)
    assert 0 <= places["read"] <= 1
    assert places["tokens"] == sum(len(clf.encode(text)) for text in TEXTS)


@pytest.mark.parametrize("policy", ["skip", "selective"])
def test_models_of_features_are_evaluated_on_arrays(shared_models, policy):  # noqa: F811
    folder = shared_models.folder(vocab_size=None, input_size=4, policy=policy)
    clf = SkimRuntime.from_pretrained(folder, backend="numpy")
    frames = [np.random.default_rng(seed).normal(size=(5 + seed, 4)) for seed in range(3)]
    found = evaluate(clf, frames, [0, 1, 0], thresholds=[0.5, 1.0], data={"name": "digits"}, split="test")
    check(found, BLOCKS["evaluation"], "evaluation")
    assert found["tokens"] == 5 + 6 + 7
    hits = [
        clf.config.labels.index(label) == wanted
        for label, wanted in zip(clf.predict(frames), [0, 1, 0], strict=True)
    ]
    assert found["metrics"]["accuracy"] == pytest.approx(np.mean(hits))
    assert found["macs_ratio"] == costs.plain_macs(clf.config, 18) / clf.count_operations(frames).total
    times = measure_latency({ADAPTIVE: clf}, frames, rounds=1)
    assert times["what"].startswith("features to label")
    assert times["words_per_text"] == times["tokens_per_text"] == 6
