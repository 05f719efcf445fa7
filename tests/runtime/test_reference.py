"""The reference against hand-written sums and the oracles that need no other implementation."""

import math
from dataclasses import replace

import numpy as np
import pytest

from skim_hf.runtime import reference
from skim_hf.runtime.weights import CellWeights

CELLS = ["lstm", "gru", "tanh"]


def logistic(x):
    return 1 / (1 + math.exp(-x))


def one_unit(gates, seed=1):
    generator = np.random.default_rng(seed)
    return CellWeights(
        *(generator.standard_normal(shape) for shape in ((gates, 2), (gates, 1), gates, gates))
    )


def terms(cell, x, h):
    """The input's and the state's share of every gate, as plain numbers."""
    ours = [row[0] * x[0] + row[1] * x[1] + b for row, b in zip(cell.weight_ih, cell.bias_ih, strict=True)]
    theirs = [row[0] * h + b for row, b in zip(cell.weight_hh, cell.bias_hh, strict=True)]
    return ours, theirs


def test_an_lstm_unit_by_hand():
    cell, x, h, c = one_unit(4), [0.3, -1.2], 0.4, -0.7
    i, f, g, o = (a + b for a, b in zip(*terms(cell, x, h), strict=True))
    new_c = logistic(f) * c + logistic(i) * math.tanh(g)
    result = reference.lstm_step(cell, np.array(x), np.array([h]), (np.array([h]), np.array([c])))
    assert np.allclose(np.ravel(result), [logistic(o) * math.tanh(new_c), new_c], atol=1e-15)


def test_a_gru_unit_by_hand():
    cell, x, h = one_unit(3), [0.3, -1.2], 0.4
    (x_r, x_z, x_n), (h_r, h_z, h_n) = terms(cell, x, h)
    r, z = logistic(x_r + h_r), logistic(x_z + h_z)
    expected = (1 - z) * math.tanh(x_n + r * h_n) + z * h
    new_h, _ = reference.gru_step(cell, np.array(x), np.array([h]), (np.array([h]), np.zeros(1)))
    assert np.allclose(new_h, expected, atol=1e-15)


def test_a_tanh_unit_by_hand():
    cell, x, h = one_unit(1), [0.3, -1.2], 0.4
    ours, theirs = terms(cell, x, h)
    new_h, _ = reference.tanh_step(cell, np.array(x), np.array([h]), (np.array([h]), np.zeros(1)))
    assert np.allclose(new_h, math.tanh(ours[0] + theirs[0]), atol=1e-15)


def force(weights, *logits):
    """The same model with decisions that depend on nothing."""
    readers = [
        replace(
            reader,
            decision_weight=np.zeros_like(reader.decision_weight),
            decision_bias=np.array(logits, reader.decision_bias.dtype),
        )
        for reader in weights.readers
    ]
    return replace(weights, readers=tuple(readers))


def steps(config, weights, ids, threshold=0.5):
    track = reference.read_stack(config, list(weights.readers), weights.embedding[ids], threshold)
    return track.decisions[:, 0].tolist(), track.scores[:, 0], track.outputs, track.states[0]


IDS = np.random.default_rng(5).integers(0, 15, 23)


@pytest.mark.parametrize("cell_type", CELLS)
def test_skimming_everything_leaves_the_rest_of_the_state_alone(models, cell_type):
    """Oracle S2: the tail keeps its initial value, and the head is a recurrent network of its own."""
    config, weights = models.loaded(cell_type=cell_type, dtype=np.float64)
    weights = force(weights, 0.0, 1.0)
    choices, _, outputs, (h, c) = steps(config, weights, IDS)
    assert choices == [1] * len(IDS)
    assert not any(output[3:].any() for output in outputs)
    assert not c[3:].any()
    own = (np.zeros(3), np.zeros(3))
    for token, output in zip(IDS, outputs, strict=True):
        cell = weights.readers[0].cells[1]
        own = reference.STEPS[cell_type](cell, weights.embedding[token], own[0], own)
        assert np.array_equal(output[:3], own[0])
    assert np.array_equal(h[:3], own[0])


@pytest.mark.parametrize("cell_type", CELLS)
def test_a_size_of_zero_copies_the_state(models, cell_type):
    """Oracle S3."""
    config, weights = models.loaded(cell_type=cell_type, skim_sizes=[0])
    _, _, outputs, _ = steps(config, force(weights, 0.0, 1.0), IDS)
    assert not np.array(outputs).any()
    choices, _, outputs, _ = steps(config, weights, IDS)
    assert 0 < sum(choices) < len(IDS)
    for position, choice in enumerate(choices):
        before = outputs[position - 1] if position else np.zeros(7, np.float32)
        assert np.array_equal(outputs[position], before) == bool(choice)


@pytest.mark.parametrize("cell_type", CELLS)
def test_a_full_h_cell_with_no_weight_on_the_tail_is_an_own_slice_cell(models, cell_type):
    """Oracle S4."""
    wide_config, wide = models.loaded(cell_type=cell_type, small_input="full_h", dtype=np.float64)
    config, narrow = models.loaded(cell_type=cell_type, dtype=np.float64)
    cell = wide.readers[0].cells[1]
    cell.weight_hh[:, 3:] = 0
    own = replace(cell, weight_hh=cell.weight_hh[:, :3])
    reader = replace(wide.readers[0], cells=(wide.readers[0].cells[0], own))
    narrow = replace(wide, readers=(reader,))
    a, b = reference.read_text(wide_config, wide, IDS), reference.read_text(config, narrow, IDS)
    assert 0 < a.skim_rate < 1
    assert np.allclose(a.hidden, b.hidden, atol=1e-14)
    assert np.array_equal(a.decisions, b.decisions)


def test_the_threshold_is_a_dial(models):
    """Oracle S9: 1 reads everything, 0 skims everything, and both say the same of the first token."""
    config, weights = models.loaded()
    rates = [reference.read_text(config, weights, IDS, threshold).skim_rate for threshold in (0, 0.5, 1)]
    assert rates[0] == 1
    assert rates[2] == 0
    p_skim = reference.read_text(config, weights, IDS, 1).probabilities[0, 0, 1]
    assert reference.read_text(config, weights, IDS, float(p_skim) - 1e-4).decisions[0, 0] == 1
    assert reference.read_text(config, weights, IDS, float(p_skim) + 1e-4).decisions[0, 0] == 0


def test_two_equal_small_cells_are_one(models):
    """Oracle S11: the third size equal to the second, sharing its weights and half its probability."""
    config, weights = models.loaded(dtype=np.float64)
    reader = weights.readers[0]
    double = replace(
        reader,
        cells=(*reader.cells, reader.cells[1]),
        decision_weight=reader.decision_weight[[0, 1, 1]],
        decision_bias=reader.decision_bias[[0, 1, 1]] - np.log([1, 2, 2]),
    )
    a = reference.read_text(config, weights, IDS)
    b = reference.read_text(replace(config, skim_sizes=(3, 3)), replace(weights, readers=(double,)), IDS)
    assert np.array_equal(a.decisions > 0, b.decisions > 0)
    assert np.allclose(a.logits, b.logits, atol=1e-13)
    assert np.allclose(a.probabilities[..., 0], b.probabilities[..., 0], atol=1e-13)


def test_a_decision_sees_its_token_and_the_state_before_it_only(models):
    """Oracle S12."""
    config, weights = models.loaded(dtype=np.float64)
    _, scores, _, _ = steps(config, weights, IDS)
    changed = IDS.copy()
    changed[4] = (IDS[4] + 1) % 15
    _, others, _, _ = steps(config, weights, changed)
    assert np.array_equal(scores[:4], others[:4])
    assert not np.array_equal(scores[4], others[4])
