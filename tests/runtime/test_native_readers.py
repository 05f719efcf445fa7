"""The engine in C against the readable equations for every way of reading, and for every instruction set."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")

from skim_hf.native import _runtime
from skim_hf.runtime import SkimRuntime, native, reference
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.native import NativeEngine
from skim_hf.runtime.native_arrays import arrange

CELLS = ("lstm", "gru", "tanh")
JUMPS = {"jump_every": 3, "jump_size": 4, "jump_limit": 5}
POLICIES = {
    "full": {},
    "skim": {"skim_sizes": [3, 0]},
    "skip": {},
    "selective": {},
    "random": {"skip_rate": 0.4},
    "periodic": {"skip_rate": 0.3},
}
# Every policy by itself where it is not older than this module, and with jumps.
READERS = [
    (policy, jumps) for policy in POLICIES for jumps in ({}, JUMPS) if jumps or policy not in ("full", "skim")
]


def is_available(name):
    try:
        return bool(_runtime.kernels(name))
    except ValueError:
        return False


@pytest.fixture(params=filter(is_available, native.INSTRUCTIONS))
def instructions(request, monkeypatch):
    monkeypatch.setenv(native.SWITCH, request.param)
    return request.param


def draw(config, length=61, seed=5):
    """Ids, or frames."""
    generator = np.random.default_rng(seed)
    if config.vocab_size is None:
        return generator.standard_normal((length, config.input_width)).astype(np.float32)
    return generator.integers(0, config.vocab_size, length)


def open_often(tensors):
    """Gates that skip now and then, and heads that do not stop at once."""
    for name, tensor in tensors.items():
        if name.endswith("policy.gate.bias"):
            tensor -= 1.5
        if name.endswith("jump.head.bias"):
            tensor[0] -= 3


def load(models, policy, **more):
    return models.loaded(policy=policy, change=open_often, **{**POLICIES[policy], **more})


def assert_equal(found, truth, atol=2e-5):
    np.testing.assert_array_equal(found.decisions, truth.decisions)
    for name in ("scores", "hidden", "memory", "logits", "likelihoods"):
        one, other = getattr(found, name), getattr(truth, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.shape == other.shape, name
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4, err_msg=name)
    assert (found.units is None) == (truth.units is None)
    if truth.units is not None:
        np.testing.assert_array_equal(found.units, truth.units)
    assert found.jumps.tolist() == truth.jumps.tolist()


def truths(config, weights, threshold=0.5, lengths=(61, 1, 0)):
    """Texts, and how the equations read each: by far the slowest part of a comparison."""
    texts = [draw(config, length) for length in lengths]
    return [(text, reference.read_text(config, weights, text, threshold)) for text in texts]


def check(config, weights, threshold=0.5):
    engine = NativeEngine(config, weights, threshold, "float32")
    for text, truth in truths(config, weights, threshold):
        assert_equal(engine.read(text), truth)
    return engine


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_equations(models, monkeypatch, policy, jumps, cell):
    for layers, width, longest in ((1, 7, 300), (1, 16, 61), (3, 37, 61)):
        more = {"cell_type": cell, "hidden_size": width, "num_hidden_layers": layers}
        config, weights = load(models, policy, **more, **jumps)
        expected = truths(config, weights, lengths=(1, 0, longest))
        for instructions in filter(is_available, native.INSTRUCTIONS):
            monkeypatch.setenv(native.SWITCH, instructions)
            engine = NativeEngine(config, weights, 0.5, "float32")
            for text, truth in expected:
                assert_equal(engine.read(text), truth)


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling_counts_what_was_visited(models, policy, jumps, pooling, bidirectional):
    one_layer = bidirectional and (jumps or policy == "skip")
    more = {"pooling": pooling, "bidirectional": bidirectional, "num_hidden_layers": 1 if one_layer else 2}
    check(*load(models, policy, cell_type="gru", hidden_size=19, **more, **jumps))


@pytest.mark.parametrize(("policy", "jumps"), READERS)
def test_every_token_has_a_label(models, policy, jumps):
    more = {"architectures": ["SkimRNNForTokenClassification"], "num_hidden_layers": 2}
    check(*load(models, policy, hidden_size=19, **more, **jumps))


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 1.0])
def test_the_threshold_moves(models, policy, jumps, threshold):
    config, weights = load(models, policy, hidden_size=16, num_hidden_layers=2, **jumps)
    engine = check(config, weights, threshold)
    moved = engine.with_threshold(0.5)
    text = draw(config)
    assert_equal(moved.read(text), reference.read_text(config, weights, text, 0.5))
    assert moved._arrays is engine._arrays


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("jumps", [{}, JUMPS])
def test_frames_and_learned_first_states(models, policy, jumps):
    for layers, cell in itertools.product((1, 2), CELLS):
        more = {"cell_type": cell, "num_hidden_layers": layers, "learned_initial_state": True}
        check(
            *load(
                models, policy, vocab_size=None, input_size=6, hidden_size=18, pooling="mean", **more, **jumps
            )
        )


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_no_layers(models, features, pooling):
    inputs = {"vocab_size": None, "input_size": 6} if features else {}
    config, weights = load(models, "full", num_hidden_layers=0, pooling=pooling, **inputs)
    engine = check(config, weights)
    text = draw(config)
    stream = engine.open()
    stream.feed(text[:7])
    stream.load(stream.save())
    stream.feed(text[7:])
    assert stream.logits().tobytes() == engine.read(text).logits.tobytes()


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("layers", [1, 2])
def test_pieces_give_the_bits_of_the_whole(models, policy, jumps, pooling, layers):
    config, weights = load(models, policy, hidden_size=19, pooling=pooling, num_hidden_layers=layers, **jumps)
    engine = NativeEngine(config, weights, 0.5, "float32")
    text = draw(config, 700)
    whole = engine.read(text)
    for cuts in ([], [1], [255, 256, 257], [3, 3, 300, 699], range(0, 700, 7), range(700)):
        stream, other = engine.open(), engine.open()
        for piece in np.split(text, cuts):
            stream.feed(piece)
            other.load(stream.copy().save())
            stream, other = other, stream
        assert stream.logits().tobytes() == whole.logits.tobytes()
        assert stream.tokens == 700
        counts = [np.bincount(c[c >= 0], minlength=config.num_choices) for c in whole.decisions.T]
        np.testing.assert_array_equal(stream.decisions, counts)
        assert stream.jumps.tolist() == whole.jumps.tolist()
        if policy == "selective":
            np.testing.assert_array_equal(stream.units, whole.units.sum(axis=0))


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_not_read_is_not_looked_at(models, policy, jumps, cell):
    """Features that hold NaN where the reader does not read change nothing."""
    more = {"vocab_size": None, "input_size": 6, "cell_type": cell, "num_hidden_layers": 2}
    config, weights = load(models, policy, hidden_size=18, **more, **jumps)
    engine, text = NativeEngine(config, weights, 0.5, "float32"), draw(config, 200)
    truth = engine.read(text)
    # Skimming and single units depend on the token, so that only jumps pass over it unseen.
    sees_token = policy in ("skim", "selective")
    unread = (truth.decisions < 0 if sees_token else truth.decisions != 0).all(axis=1)
    if policy != "selective" or jumps:
        assert unread.any()
    text[unread] = np.nan
    assert engine.read(text).logits.tobytes() == truth.logits.tobytes()


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_vocabulary_too_large_for_tables(models, instructions, policy, jumps, cell):
    config, weights = load(models, policy, cell_type=cell, hidden_size=21, embedding_size=35, **jumps)
    arrays = arrange(config, weights, native.kernels()[1], fold_limit=0)
    assert arrays.embedding is not None
    model = _runtime.Model(instructions, *arrays.arguments(0.5))
    text, logits = draw(config).astype(np.int32), np.zeros(2, np.float32)
    model.read(text, None, None, None, None, logits)
    truth = reference.read_text(config, weights, text)
    np.testing.assert_allclose(logits, truth.logits, atol=2e-5)


@pytest.mark.parametrize(("policy", "jumps"), READERS)
@pytest.mark.parametrize("cell", CELLS)
def test_int8_is_near_float32(models, policy, jumps, cell):
    config, weights = load(models, policy, cell_type=cell, hidden_size=40, **jumps)
    # As far as no jump can go elsewhere.
    text = draw(config, JUMPS["jump_every"])
    truth = reference.read_text(config, weights, text)
    found = NativeEngine(config, weights, 0.5, "int8").read(text)
    np.testing.assert_array_equal(found.decisions, truth.decisions)
    np.testing.assert_allclose(found.hidden, truth.hidden, atol=0.05)


@pytest.mark.parametrize(("policy", "jumps"), READERS)
def test_counts_are_of_what_was_executed(models, policy, jumps):
    config, weights = load(models, policy, hidden_size=16, num_hidden_layers=2, **jumps)
    engine = NativeEngine(config, weights, 0.5, "float32")
    readings = [engine.read(draw(config, 50, seed)) for seed in range(5)]
    counter = OperationCounter()
    for seed in range(5):
        NumpyEngine(config, weights, 0.5).read(draw(config, 50, seed), counter)
    assert engine.counts.tolist() == counter.choices
    assert engine.jumps.tolist() == counter.jumps
    assert engine.units.tolist() == (counter.units or [0, 0])
    decisions = np.concatenate([reading.decisions for reading in readings])
    for reader, counts in enumerate(engine.counts):
        column = decisions[:, reader]
        assert counts.tolist() == np.bincount(column[column >= 0], minlength=config.num_choices).tolist()
    assert engine.counts.sum() == (decisions >= 0).sum() > 0
    assert engine.jumps.tolist() == sum(reading.jumps for reading in readings).tolist()
    assert engine.jumps.any() == bool(jumps)
    units = sum(reading.units.sum(axis=0) for reading in readings) if policy == "selective" else [0, 0]
    assert engine.units.tolist() == list(units)


def test_a_gap_of_a_gate_is_the_same_in_any_pieces_and_may_be_long(models):
    config, weights = load(models, "skip", hidden_size=7)
    gate = weights.readers[0].gate
    closed = gate._replace(weight=np.zeros_like(gate.weight), bias=np.full(1, -6.0, np.float32))
    weights = replace(weights, readers=(replace(weights.readers[0], gate=closed),))
    text = draw(config, 2000)
    engine = NativeEngine(config, weights, 0.5, "float32")
    reading = engine.read(text)
    np.testing.assert_array_equal(reading.decisions, reference.read_text(config, weights, text).decisions)
    assert 200 < np.diff(np.flatnonzero(reading.decisions[:, 0] == 0)).min() < 210


@pytest.mark.parametrize(("every", "limit"), [(1, 0), (1, 50), (7, 2), (100, 3), (1 << 70, 1 << 70)])
def test_jump_settings_change_at_inference(models, every, limit):
    config, weights = load(models, "full", hidden_size=16, num_hidden_layers=2, **JUMPS)
    reading = check(config.with_jumps(every, limit), weights).read(draw(config, 200))
    assert (reading.decisions >= 0).all(axis=1).sum() <= (limit + 1) * every


@pytest.mark.parametrize("frames", [[[1.0, 2.0]], [1.0, 2.0, 3.0], [["a", "b", "c"]], np.zeros((2, 3, 1))])
def test_what_are_no_frames_is_refused(models, frames):
    config, weights = load(models, "full", vocab_size=None, input_size=3)
    engine = NativeEngine(config, weights, 0.5, "float32")
    for read in (engine.read, engine.open().feed):
        with pytest.raises(ValueError, match="input_size=3"):
            read(frames)


@pytest.mark.parametrize(("policy", "jumps"), READERS)
def test_absurd_weights_neither_crash_nor_hang(models, policy, jumps):
    def change(tensors):
        for tensor in tensors.values():
            tensor *= np.float32(1e30)

    for cell in CELLS:
        config, weights = models.loaded(
            policy=policy, cell_type=cell, change=change, hidden_size=21, **{**POLICIES[policy], **jumps}
        )
        with np.errstate(all="ignore"):
            for dtype in ("float32", "int8"):
                reading = NativeEngine(config, weights, 0.5, dtype).read(draw(config, 50))
                assert reading.decisions.min() >= -1
                assert reading.decisions.max() < config.num_choices


def test_a_jump_too_large_for_the_kernels_is_declined(models):
    config, _ = load(models, "full", **JUMPS)
    assert native.declined(config, "float32") is None
    assert "jump_size of 2000000" in native.declined(replace(config, jump_size=2_000_000), "float32")


@pytest.mark.parametrize(("policy", "jumps"), READERS)
def test_strings_are_read_as_their_tokens_are(models, policy, jumps):
    runtime = SkimRuntime.from_pretrained(
        models.folder(policy=policy, **{**POLICIES[policy], **jumps}), backend="native"
    )
    texts = ["the film was very good , not bad", "dull", "", "a very very fine film . " * 30]
    expected = [runtime.read_ids(runtime.encode(text)).logits for text in texts]
    expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(runtime.predict_proba(texts), expected, atol=1e-6)
