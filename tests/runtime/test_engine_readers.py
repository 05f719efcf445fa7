"""The fast engine against the reference for every policy, with and without jumps, on words and features."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from skim_hf.runtime import engine as engine_module
from skim_hf.runtime import reference
from skim_hf.runtime.engine import FOLD_LIMIT, NumpyEngine

from .readers import FEATURES, JUMPS, POLICIES, READERS, TOKENS, fields_of, inputs_of

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
FIELDS = ("likelihoods", "probabilities", "scores", "hidden", "memory", "logits")


def assert_equal(ours, truth, tolerance):
    assert np.array_equal(ours.decisions, truth.decisions)
    assert ours.skim_rate == truth.skim_rate
    for name in ("units", "jumps"):
        assert np.array_equal(getattr(ours, name), getattr(truth, name))
    for name in FIELDS:
        a, b = getattr(ours, name), getattr(truth, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype), name
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize(("policy", "jumps", "stack"), READERS)
def test_engine_equals_reference(shared_models, policy, jumps, stack, cell_type, dtype):
    number = READERS.index((policy, jumps, stack))
    fields = fields_of(policy, jumps, stack)
    fields |= {"cell_type": cell_type, "pooling": ["last", "mean", "max"][number % 3]}
    fields |= {"learned_initial_state": bool(number % 2)} | (FEATURES if number % 4 == 1 else {})
    config, weights = shared_models.loaded(dtype=dtype, **fields)
    inputs = inputs_of(config, 47)
    for threshold in (0.0, 0.4, 0.5, 1.0):
        truth = reference.read_text(config, weights, inputs, threshold)
        for fold_limit in (FOLD_LIMIT, 0):
            engine = NumpyEngine(config, weights, threshold, fold_limit=fold_limit)
            # Twice, because what one text leaves in the buffers must not reach the next.
            for _ in range(2):
                assert_equal(engine.read(inputs), truth, TOLERANCE[dtype])


@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("features", [{}, FEATURES], ids=["words", "features"])
@pytest.mark.parametrize(
    "head", [{"pooling": "last"}, {"pooling": "max"}, TOKENS], ids=["last", "max", "tokens"]
)
@pytest.mark.parametrize("jumps", ["no jumps", "jumps"])
@pytest.mark.parametrize("policy", POLICIES)
def test_short_texts_of_every_head(shared_models, policy, jumps, head, features, length):
    config, weights = shared_models.loaded(
        dtype=np.float64, **POLICIES[policy], **JUMPS[jumps], **head, **features, learned_initial_state=True
    )
    inputs = inputs_of(config, length)
    engine = NumpyEngine(config, weights, 0.5)
    assert_equal(engine.read(inputs), reference.read_text(config, weights, inputs), 1e-12)


@pytest.mark.parametrize("jumps", ["no jumps", "jumps"])
@pytest.mark.parametrize("policy", POLICIES)
def test_labels_of_tokens_that_are_not_read(shared_models, policy, jumps):
    """A token that was passed over gets its label from the state before it."""
    config, weights = shared_models.loaded(
        dtype=np.float64, **POLICIES[policy], **JUMPS[jumps], **TOKENS, num_hidden_layers=2
    )
    inputs = inputs_of(config, 47)
    reading = NumpyEngine(config, weights, 0.5).read(inputs)
    assert_equal(reading, reference.read_text(config, weights, inputs), 1e-12)
    passed = np.flatnonzero(reading.decisions[:, -1] < 0)
    assert (len(passed) > 0) == (jumps == "jumps")
    assert np.array_equal(reading.logits[passed], reading.logits[passed - 1])


@pytest.mark.parametrize("jumps", ["no jumps", "jumps"])
@pytest.mark.parametrize("policy", POLICIES)
def test_chunks_leave_no_seam(shared_models, monkeypatch, policy, jumps):
    config, weights = shared_models.loaded(
        **POLICIES[policy], **JUMPS[jumps], num_hidden_layers=2, pooling="mean"
    )
    inputs = inputs_of(config, 47)
    whole = NumpyEngine(config, weights, 0.5).read(inputs)
    for chunk in (1, 2, 7):
        monkeypatch.setattr(engine_module, "CHUNK", chunk)
        found = NumpyEngine(config, weights, 0.5).read(inputs)
        assert found.logits.tobytes() == whole.logits.tobytes()
        assert np.array_equal(found.decisions, whole.decisions)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("jumps", ["no jumps", "jumps"])
@pytest.mark.parametrize("policy", ["full", "skip", "random", "periodic"])
def test_inputs_that_are_not_read_are_never_touched(shared_models, policy, jumps, cell_type, bidirectional):
    """Oracles K3 and J4: NaN there changes nothing, in frames, in the embedding and in its tables."""
    fields = {**POLICIES[policy], **JUMPS[jumps], "cell_type": cell_type, "bidirectional": bidirectional}
    config, weights = shared_models.loaded(**fields, **FEATURES)
    frames = inputs_of(config, 47)
    whole = NumpyEngine(config, weights, 0.5).read(frames)
    unread = (whole.decisions != 0).all(axis=1)
    # Two directions of regular gaps of two lengths need not leave anything out.
    assert unread.any() or policy == "full" or (policy == "periodic" and bidirectional)
    frames[unread] = np.nan
    assert_equal(NumpyEngine(config, weights, 0.5).read(frames), whole, 0)
    words, table = shared_models.loaded(**fields, vocab_size=47)
    ids = np.arange(47)
    for fold_limit in (FOLD_LIMIT, 0):
        whole = NumpyEngine(words, table, 0.5, fold_limit=fold_limit).read(ids)
        embedding = table.embedding.copy()
        embedding[(whole.decisions != 0).all(axis=1)] = np.nan
        planted = NumpyEngine(words, replace(table, embedding=embedding), 0.5, fold_limit=fold_limit)
        assert_equal(planted.read(ids), whole, 0)


@pytest.mark.parametrize("policy", ["skim", "selective"])
def test_tokens_that_are_passed_over_are_never_touched(shared_models, policy):
    """Oracle J4 for the policies that look at every token under the pointer."""
    config, weights = shared_models.loaded(
        **POLICIES[policy], **JUMPS["jumps"], **FEATURES, num_hidden_layers=2
    )
    frames = inputs_of(config, 47)
    whole = NumpyEngine(config, weights, 0.5).read(frames)
    frames[whole.decisions[:, 0] < 0] = np.nan
    assert np.isnan(frames).any()
    assert_equal(NumpyEngine(config, weights, 0.5).read(frames), whole, 0)


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_rows_of_units_that_are_not_selected_are_never_touched(shared_models, cell_type):
    """Oracle A7: weights of units that no token selects may be NaN."""
    config, weights = shared_models.loaded(policy="selective", cell_type=cell_type)
    reader = weights.readers[0]
    reader.coordinator.bias[2:5] = -99
    whole = reference.read_text(config, weights, inputs_of(config, 47))
    gates = config.num_gates
    for rows in (reader.cells[0].weight_ih, reader.cells[0].weight_hh, reader.cells[0].bias_ih):
        rows.reshape(gates, 7, -1)[:, 2:5] = np.nan
    for fold_limit in (FOLD_LIMIT, 0):
        reading = NumpyEngine(config, weights, 0.5, fold_limit=fold_limit).read(inputs_of(config, 47))
        assert_equal(reading, whole, 1e-5)
    assert 0 < whole.units.sum() <= 4 * 47


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("head", [{}, TOKENS], ids=["text", "tokens"])
@pytest.mark.parametrize("features", [{}, FEATURES], ids=["words", "features"])
def test_no_layers(shared_models, pooling, head, features):
    config, weights = shared_models.loaded(
        policy="full", num_hidden_layers=0, pooling=pooling, dtype=np.float64, **head, **features
    )
    for length in (0, 1, 47):
        inputs = inputs_of(config, length)
        truth = reference.read_text(config, weights, inputs)
        assert_equal(NumpyEngine(config, weights, 0.5).read(inputs), truth, 1e-12)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros(5),
        np.zeros((3, 4)),
        np.zeros((1, 3, 5)),
        [["a"] * 5],
        np.zeros((2, 5), bool),
        "text",
        [1, 2],
        3,
    ],
    ids=str,
)
def test_what_is_not_frames_is_refused(shared_models, frames):
    config, weights = shared_models.loaded(**FEATURES)
    with pytest.raises(ValueError, match=r"shape \[frames, 5\] \(input_size=5\); got"):
        NumpyEngine(config, weights, 0.5).read(frames)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7])
def test_skips_follow_the_closed_form(shared_models, layers, threshold):
    """Oracle K2: between reads, the least number of additions that passes the bound."""
    config, weights = shared_models.loaded(policy="skip", num_hidden_layers=layers, dtype=np.float64)
    for bias in (1.0, 0.0, -1.0, -2.5, -4.0):
        gate = weights.readers[-1].gate
        gate.weight[:], gate.bias[:] = 0, bias
        reading = NumpyEngine(config, weights, threshold).read(inputs_of(config, 200))
        delta = 1 / (1 + np.exp(-bias))
        gap = next(n for n in itertools.count(1) if n * delta > 1 - threshold)
        assert np.flatnonzero(reading.decisions[:, 0] == 0).tolist() == list(range(0, 200, gap))
