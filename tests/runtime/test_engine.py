"""The fast engine against the reference, which is the truth."""

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest

from skim_hf.runtime import engine as engine_module
from skim_hf.runtime import reference
from skim_hf.runtime.engine import FOLD_LIMIT, NumpyEngine

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}
IDS = np.random.default_rng(5).integers(0, 15, 23)
SIZES = [(), (3,), (7,), (0,), (4, 2, 0), (7, 4, 4, 1, 0, 0)]


def model(models, dtype=np.float32, sizes=(3,), **fields):
    policy = "skim" if sizes else "full"
    return models.loaded(dtype=dtype, policy=policy, skim_sizes=list(sizes), **fields)


def assert_equal(ours, truth, tolerance):
    assert np.array_equal(ours.decisions, truth.decisions)
    assert ours.skim_rate == truth.skim_rate
    for name in ("probabilities", "scores", "hidden", "memory", "logits"):
        a, b = getattr(ours, name), getattr(truth, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (3, True)])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_engine_equals_reference(shared_models, cell_type, sizes, small_input, layers, bidirectional, dtype):
    config, weights = model(
        shared_models,
        dtype,
        sizes,
        cell_type=cell_type,
        small_input=small_input,
        num_hidden_layers=layers,
        bidirectional=bidirectional,
        pooling=["last", "mean", "max"][layers % 3],
    )
    for threshold in (0.3, 0.5, 1.0):
        truth = reference.read_text(config, weights, IDS, threshold)
        for fold_limit in (FOLD_LIMIT, 0):
            engine = NumpyEngine(config, weights, threshold, fold_limit=fold_limit)
            # Twice, because what one text leaves in the buffers must not reach the next.
            for _ in range(2):
                assert_equal(engine.read(IDS), truth, 20 * TOLERANCE[dtype])


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_labels_of_tokens(shared_models, layers, bidirectional):
    config, weights = model(
        shared_models,
        np.float64,
        architectures=["SkimRNNForTokenClassification"],
        id2label={"0": "O", "1": "X", "2": "Y"},
        num_hidden_layers=layers,
        bidirectional=bidirectional,
        pooling="max",
    )
    for ids, fold_limit in itertools.product((IDS, IDS[:1], IDS[:0]), (FOLD_LIMIT, 0)):
        reading = NumpyEngine(config, weights, 0.5, fold_limit=fold_limit).read(ids)
        assert reading.logits.shape == (len(ids), 3)
        assert_equal(reading, reference.read_text(config, weights, ids), 1e-12)


@pytest.mark.parametrize("hidden_size", [1, 2, 63, 100])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_odd_sizes(shared_models, cell_type, hidden_size):
    config, weights = model(
        shared_models, np.float64, (hidden_size - 1,), cell_type=cell_type, hidden_size=hidden_size
    )
    truth = reference.read_text(config, weights, IDS)
    assert_equal(NumpyEngine(config, weights, 0.5).read(IDS), truth, 1e-12)


@pytest.mark.parametrize("length", [0, 1, 2])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("layers", [1, 2])
def test_short_texts(models, length, pooling, layers):
    config, weights = model(models, pooling=pooling, num_hidden_layers=layers, bidirectional=True)
    truth = reference.read_text(config, weights, IDS[:length])
    for fold_limit in (FOLD_LIMIT, 0):
        assert_equal(NumpyEngine(config, weights, 0.5, fold_limit=fold_limit).read(IDS[:length]), truth, 1e-6)


def test_no_tokens_give_the_classifier_zeros(models):
    config, weights = model(models, pooling="max")
    reading = NumpyEngine(config, weights, 0.5).read([])
    assert np.array_equal(reading.logits, weights.classifier_bias)
    assert (reading.decisions.shape, reading.probabilities.shape) == ((0, 1), (0, 1, 2))
    assert reading.skim_rate == 0.0


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("sizes", [(3,), (4, 0), ()])
def test_chunks_of_a_long_text_leave_no_seam(models, monkeypatch, pooling, sizes):
    config, weights = model(
        models, np.float64, sizes, pooling=pooling, num_hidden_layers=2, bidirectional=True
    )
    truth = reference.read_text(config, weights, IDS)
    for chunk, fold_limit in itertools.product((1, 2, 7, 23), (FOLD_LIMIT, 0)):
        monkeypatch.setattr(engine_module, "CHUNK", chunk)
        assert_equal(NumpyEngine(config, weights, 0.5, fold_limit=fold_limit).read(IDS), truth, 1e-12)


def test_one_model_in_many_threads(models):
    config, weights = model(models, sizes=(4, 2))
    engine = NumpyEngine(config, weights, 0.5)
    texts = [np.random.default_rng(seed).integers(0, 15, 300) for seed in range(8)]
    alone = [engine.read(text).logits for text in texts]
    together = [[] for _ in texts]

    def work(number):
        for _ in range(5):
            together[number].append(engine.read(texts[number]).logits)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, results in zip(alone, together, strict=True):
        assert len(results) == 5
        assert all(np.array_equal(result, expected) for result in results)


def test_results_do_not_change_when_the_next_text_is_read(models):
    config, weights = model(models)
    engine = NumpyEngine(config, weights, 0.5)
    reading = engine.read(IDS)
    before = [np.copy(value) for value in (reading.decisions, reading.scores, reading.hidden, reading.memory)]
    engine.read(IDS[::-1])
    after = [reading.decisions, reading.scores, reading.hidden, reading.memory]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_extreme_logits(models):
    config, weights = model(models)
    for bias, threshold, rate in (
        ([0, 1e30], 0.999999, 1.0),
        ([1e30, 0], 0.0, 0.0),  # a probability that is zero in float32 is not above zero
        ([50, 0], 0.0, 1.0),
        ([0, 1e30], 1.0, 0.0),
    ):
        reader = replace(weights.readers[0], decision_bias=np.array(bias, np.float32))
        reading = NumpyEngine(config, replace(weights, readers=(reader,)), threshold).read(IDS)
        assert reading.skim_rate == rate
        assert np.isfinite(reading.probabilities).all()
        np.testing.assert_allclose(reading.probabilities.sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "ids", [[-1], [15], [[1, 2]], [1.5], ["a"], 3, [True, False], np.array([2**40])], ids=str
)
def test_ids_that_are_not_rows_of_the_table_are_refused(models, ids):
    config, weights = model(models)
    with pytest.raises(ValueError, match=r"token ids|Token ids must be from 0 to 14"):
        NumpyEngine(config, weights, 0.5).read(ids)
