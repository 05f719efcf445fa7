"""The engine in C against the NumPy engine, for every instruction set that this machine has."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")

from skim_hf.native import _runtime
from skim_hf.runtime import native
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.native import NativeEngine
from skim_hf.runtime.native_arrays import arrange

VOCABULARY = 15
MODELS = list(
    itertools.product(
        ("lstm", "gru", "tanh"), ((), (3,), (0,), (5, 2, 0)), ("own_slice", "full_h"), (7, 16, 37)
    )
)


def is_available(name):
    try:
        return bool(_runtime.kernels(name))
    except ValueError:
        return False


@pytest.fixture(params=filter(is_available, native.INSTRUCTIONS))
def instructions(request, monkeypatch):
    monkeypatch.setenv(native.SWITCH, request.param)
    assert native.kernels()[0] == request.param
    return request.param


def load(models, cell, sizes, small_input, width, **values):
    return models.loaded(
        cell_type=cell,
        hidden_size=width,
        skim_sizes=list(sizes),
        policy="skim" if sizes else "full",
        small_input=small_input,
        **values,
    )


def draw(length, seed=0):
    return np.random.default_rng(seed).integers(0, VOCABULARY, length)


def assert_equal(found, truth, atol=2e-5):
    np.testing.assert_array_equal(found.decisions, truth.decisions)
    for name in ("scores", "hidden", "memory", "logits"):
        one, other = getattr(found, name), getattr(truth, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.shape == other.shape
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(("cell", "sizes", "small_input", "width"), MODELS)
def test_equals_numpy(models, instructions, cell, sizes, small_input, width):
    config, weights = load(models, cell, sizes, small_input, width)
    ids = draw(41)
    assert_equal(
        NativeEngine(config, weights, 0.5, "float32").read(ids), NumpyEngine(config, weights, 0.5).read(ids)
    )


@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_stacked_bidirectional_and_pooled(models, instructions, cell, layers, bidirectional, pooling):
    more = {"num_hidden_layers": layers, "bidirectional": bidirectional, "pooling": pooling}
    config, weights = load(models, cell, (3, 0), "own_slice", 19, **more)
    for length in (0, 1, 300):
        ids = draw(length)
        truth = NumpyEngine(config, weights, 0.5).read(ids)
        assert_equal(NativeEngine(config, weights, 0.5, "float32").read(ids), truth)


@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("sizes", [(), (3,)])
def test_a_vocabulary_too_large_for_tables(models, instructions, cell, sizes):
    config, weights = load(models, cell, sizes, "own_slice", 21, embedding_size=35)
    arrays = arrange(config, weights, native.kernels()[1], fold_limit=0)
    model = _runtime.Model(instructions, *arrays.arguments(0.5))
    ids, logits = draw(60).astype(np.int32), np.zeros(2, np.float32)
    model.read(ids, None, None, None, None, logits)
    truth = NumpyEngine(config, weights, 0.5, fold_limit=0).read(ids)
    np.testing.assert_allclose(logits, truth.logits, atol=2e-5)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9, 1.0])
def test_the_threshold_moves_as_in_numpy_and_tables_are_shared(models, threshold):
    config, weights = load(models, "lstm", (3,), "own_slice", 16)
    engine = NativeEngine(config, weights, 0.5, "float32")
    moved = engine.with_threshold(threshold)
    assert_equal(moved.read(draw(60)), NumpyEngine(config, weights, threshold).read(draw(60)))
    assert moved._arrays is engine._arrays


def test_labels_for_every_token(models):
    more = {"architectures": ["SkimRNNForTokenClassification"], "num_hidden_layers": 2, "pooling": "mean"}
    config, weights = load(models, "gru", (3,), "own_slice", 16, **more)
    for length in (0, 300):
        truth = NumpyEngine(config, weights, 0.5).read(draw(length))
        assert truth.logits.shape == (length, 2)
        assert_equal(NativeEngine(config, weights, 0.5, "float32").read(draw(length)), truth)


@pytest.mark.parametrize("width", [33, 100])
@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
def test_int8_is_near_float32_and_the_same_on_every_processor(models, cell, width, monkeypatch):
    config, weights = load(models, cell, (4,), "full_h", width, num_hidden_layers=2)
    truth = NumpyEngine(config, weights, 1.0).read(draw(30))
    readings = []
    for name in native.INSTRUCTIONS:
        monkeypatch.setenv(native.SWITCH, name)
        if native.kernels()[0] == name:
            readings.append(NativeEngine(config, weights, 1.0, "int8").read(draw(30)))
    difference = np.abs(readings[0].hidden - truth.hidden)
    assert 0 < difference.mean() < 0.02
    for reading in readings[1:]:
        # Sums of bytes are exact everywhere; activations may round to another byte here and there.
        np.testing.assert_allclose(reading.hidden, readings[0].hidden, atol=0.02)
        assert np.abs(reading.hidden - readings[0].hidden).mean() < 0.3 * difference.mean()


@pytest.mark.parametrize("sizes", [(3,), (5, 0)])
def test_executed_branches_are_those_that_numpy_counts(models, sizes):
    config, weights = load(models, "lstm", sizes, "own_slice", 16, num_hidden_layers=2)
    engine, counter = NativeEngine(config, weights, 0.5, "float32"), OperationCounter()
    for seed in range(5):
        engine.read(draw(50, seed))
        NumpyEngine(config, weights, 0.5).read(draw(50, seed), counter)
    assert engine.counts.tolist() == counter.choices
    assert engine.counts.sum() == 5 * 50 * 2
    assert (engine.counts > 0).sum() > 2


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_pieces_give_the_bits_of_the_whole(models, instructions, pooling, dtype):
    config, weights = load(models, "lstm", (3,), "own_slice", 37, num_hidden_layers=2, pooling=pooling)
    engine, ids = NativeEngine(config, weights, 0.5, dtype), draw(700)
    whole = engine.read(ids)
    for cuts in ([], [1], [255, 256, 257], [3, 3, 300, 699], range(0, 700, 7)):
        stream = engine.open()
        for piece in np.split(ids, cuts):
            assert stream.feed(piece) is None
        assert stream.logits().tobytes() == whole.logits.tobytes()
        assert stream.tokens == 700
        assert stream.decisions.tolist() == [np.bincount(c, minlength=2).tolist() for c in whole.decisions.T]


def test_a_stream_goes_on_elsewhere(models):
    config, weights = load(models, "gru", (3,), "own_slice", 16, pooling="max")
    engine, ids = NativeEngine(config, weights, 0.5, "float32"), draw(50)
    stream = engine.open()
    empty = stream.save()
    stream.feed(ids[:20])
    saved, twin, other = stream.save(), stream.copy(), engine.open()
    stream.feed(ids[20:])
    twin.feed(ids[20:])
    other.load(saved)
    assert other.tokens == 20
    other.feed(ids[20:])
    assert stream.save() == twin.save() == other.save() != saved
    other.load(empty)
    assert (other.tokens, other.save()) == (0, empty)


def test_a_bidirectional_model_has_no_stream(models):
    config, weights = load(models, "lstm", (3,), "own_slice", 16, bidirectional=True)
    with pytest.raises(ValueError, match="bidirectional"):
        NativeEngine(config, weights, 0.5, "float32").open()


@pytest.mark.parametrize("ids", [[[1, 2]], [0.5], ["a"], [15], [-1], [1 << 40]])
def test_what_are_no_ids_is_refused_as_by_numpy(models, ids):
    config, weights = load(models, "tanh", (), "own_slice", 5)
    engine = NativeEngine(config, weights, 0.5, "float32")
    for read in (engine.read, engine.open().feed, NumpyEngine(config, weights, 0.5).read):
        with pytest.raises(ValueError, match=r"token ids|Token ids"):
            read(ids)


def test_absurd_weights_neither_crash_nor_hang(models):
    def change(tensors):
        for tensor in tensors.values():
            tensor *= np.float32(1e30)

    for cell in ("lstm", "gru", "tanh"):
        config, weights = load(models, cell, (3, 2), "own_slice", 21, change=change)
        with np.errstate(all="ignore"):
            for dtype in ("float32", "int8"):
                reading = NativeEngine(config, weights, 0.5, dtype).read(draw(50))
                assert reading.decisions.min() >= 0
                assert reading.decisions.max() <= 2


def test_many_threads_give_what_one_gives(models):
    config, weights = load(models, "lstm", (3,), "own_slice", 37)
    engine = NativeEngine(config, weights, 0.5, "float32")
    texts = [draw(length, length) for length in range(1, 200)]
    serial = [engine.read(text).logits.tobytes() for text in texts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert [reading.logits.tobytes() for reading in pool.map(engine.read, texts)] == serial


def test_a_model_too_large_for_the_kernels_is_declined(models):
    config, _ = load(models, "tanh", (), "own_slice", 5)
    assert native.declined(config, "float32") is None
    assert "hidden_size of 100000" in native.declined(replace(config, hidden_size=100_000), "int8")
    assert "70001 choices" in native.declined(replace(config, skim_sizes=(0,) * 70_000), "int8")


def test_kernels_that_a_processor_lacks_give_way_to_the_best(monkeypatch):
    monkeypatch.setenv(native.SWITCH, "sse9")
    assert native.kernels() == _runtime.kernels("")
