"""The readable equations of Skip RNN, SA-RNN, controls and jumps against oracles of their own."""

from dataclasses import replace

import numpy as np
import pytest

from skim_hf.runtime import reference
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.reference_policies import coin, control_reads
from skim_hf.runtime.weights import load_weights

CELLS = ["lstm", "gru", "tanh"]
IDS = np.random.default_rng(5).integers(0, 15, 61)
JUMPS = {"jump_every": 3, "jump_size": 4, "jump_limit": 5}


def change(weights, **fields):
    """The same model with other fields in every reader that has them."""
    readers = [
        replace(reader, **{name: new for name, new in fields.items() if getattr(reader, name) is not None})
        for reader in weights.readers
    ]
    return replace(weights, readers=tuple(readers))


def constant_gate(weights, bias):
    gate = weights.readers[-1].gate
    return change(weights, gate=gate._replace(weight=np.zeros_like(gate.weight), bias=np.full(1, bias)))


def read(config, weights, ids=IDS, threshold=0.5):
    return reference.read_text(config, weights, ids, threshold)


def plain(config):
    return replace(config, policy="full")


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell_type", CELLS)
def test_a_gate_that_always_opens_is_a_plain_reader(models, cell_type, layers):
    """Oracle K1."""
    config, weights = models.loaded(
        policy="skip", cell_type=cell_type, num_hidden_layers=layers, dtype=np.float64
    )
    reading = read(config, constant_gate(weights, 50.0))
    assert not reading.decisions.any()
    assert np.array_equal(reading.logits, read(plain(config), weights).logits)


@pytest.mark.parametrize(("bias", "gap"), [(1, 1), (0, 2), (-1, 2), (-2.5, 7), (-4, 28)])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_constant_gate_opens_at_constant_gaps(models, bias, gap, layers):
    """Oracle K2, with the strict rule for ties: at a bias of 0 every second token is read."""
    config, weights = models.loaded(policy="skip", num_hidden_layers=layers, dtype=np.float64)
    reading = read(config, constant_gate(weights, float(bias)))
    assert np.flatnonzero(reading.decisions[:, -1] == 0).tolist() == list(range(0, len(IDS), gap))
    assert (reading.decisions == reading.decisions[:, :1]).all()


def test_a_skip_depends_on_no_token_that_it_skips(models):
    """Oracles K4 and K7."""
    config, weights = models.loaded(policy="skip", dtype=np.float64)
    reading = read(config, weights)
    first = int(np.flatnonzero(reading.decisions)[0])
    changed = IDS.copy()
    changed[first] = (changed[first] + 1) % 15
    other = read(config, weights, changed)
    assert np.array_equal(reading.hidden, other.hidden)
    assert np.array_equal(reading.likelihoods, other.likelihoods)
    assert reading.decisions[0, 0] == 0


def test_the_threshold_of_skips_reads_all_or_nothing_at_its_ends(models):
    config, weights = models.loaded(policy="skip")
    assert read(config, weights, threshold=1).skim_rate == 0
    skipped = read(config, weights, threshold=0)
    assert skipped.skim_rate == 1
    assert np.array_equal(skipped.hidden[0], weights.readers[0].initial_state[0])
    rates = [read(config, weights, threshold=threshold).skim_rate for threshold in (0.2, 0.5, 0.8)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("cell_type", CELLS)
def test_masks_of_all_and_of_no_units(models, cell_type):
    """Oracles A1 and A2."""
    config, weights = models.loaded(policy="selective", cell_type=cell_type, dtype=np.float64)
    everything, nothing = (
        change(weights, coordinator=weights.readers[0].coordinator._replace(bias=np.full(7, bias)))
        for bias in (99.0, -99.0)
    )
    reading = read(config, everything)
    assert np.array_equal(reading.logits, read(plain(config), weights).logits)
    assert (reading.skim_rate, reading.units.min()) == (0, 7)
    reading = read(config, nothing)
    assert not reading.hidden.any()
    assert (reading.skim_rate, reading.decisions.min()) == (1, 1)


@pytest.mark.parametrize("cell_type", CELLS)
def test_units_that_are_not_selected_keep_their_bits(models, cell_type):
    """Oracle A3, and that a unit sees its own value and no other's."""
    config, weights = models.loaded(policy="selective", cell_type=cell_type)
    reader = weights.readers[0]
    track = reference.read_stack(config, [reader], weights.embedding[IDS], 0.5)
    assert 0 < track.units.sum() < track.units.size * 7
    before = np.concatenate([np.zeros((1, 7), np.float32), track.outputs[:-1]])
    for x, old, new, units in zip(weights.embedding[IDS], before, track.outputs, track.units, strict=True):
        likely = reader.coordinator.weight @ x + reader.coordinator.bias + reader.own * old > 0
        assert units[0] == likely.sum()
        assert np.array_equal(new[~likely], old[~likely])


def test_coins_are_those_of_splitmix64():
    """The first numbers of the published generator for a seed of 0."""
    numbers = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert [coin(position) for position in range(4)] == [(number >> 11) / 2**53 for number in numbers]


@pytest.mark.parametrize("policy", ["random", "periodic"])
def test_controls_read_their_share(models, policy):
    """Oracle K8."""
    values = models.values(policy=policy)
    nothing = RuntimeConfig.from_dict({**values, "skip_rate": 0.0})
    assert all(control_reads(nothing, position) for position in range(99))
    for rate in (0.25, 0.46, 0.9):
        config = RuntimeConfig.from_dict({**values, "skip_rate": rate})
        reads = [control_reads(config, position) for position in range(10_000)]
        assert abs(sum(reads) / 10_000 - (1 - rate)) < (0.02 if policy == "random" else 1e-3)
        assert policy == "random" or reads[0]


def forced(weights, choice):
    """The same model, whose jump head has made up its mind."""
    head = weights.readers[-1].jump
    bias = np.eye(len(head.bias), dtype=head.bias.dtype)[choice]
    return change(weights, jump=head._replace(weight=np.zeros_like(head.weight), bias=bias))


def test_forced_jumps(models):
    """Oracles J1 to J3 and J5."""
    config, weights = models.loaded(policy="full", dtype=np.float64, **JUMPS)
    bare = replace(config, jump_every=None, jump_size=None, jump_limit=None)
    one = read(config.with_jumps(limit=99), forced(weights, 1))
    assert np.array_equal(one.logits, read(bare, weights).logits)
    assert one.jumps.tolist() == [20]
    stop = read(config, forced(weights, 0))
    assert np.array_equal(stop.logits, read(bare, weights, IDS[:3]).logits)
    assert (stop.decisions[:3].max(), stop.decisions[3:].max(), stop.jumps.tolist()) == (0, -1, [1])
    far = read(config, forced(weights, 4))
    visited = np.array([0, 1, 2, 6, 7, 8, 12, 13, 14, 18, 19, 20, 24, 25, 26, 30, 31, 32])
    assert np.flatnonzero(far.decisions == 0).tolist() == visited.tolist()
    assert np.array_equal(far.logits, read(bare, weights, IDS[visited]).logits)
    assert far.jumps.tolist() == [5]
    assert far.skim_rate == 1 - 18 / 61


def test_no_jump_is_decided_on_where_nothing_follows(models):
    config, weights = models.loaded(policy="full", **JUMPS)
    for length, jumps in ((0, 0), (2, 0), (3, 0), (4, 1), (6, 1), (7, 2)):
        assert read(config, forced(weights, 1), IDS[:length]).jumps.tolist() == [jumps]


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooled_vectors_without_layers(models, pooling):
    config, weights = models.loaded(policy="full", num_hidden_layers=0, pooling=pooling, dtype=np.float64)
    vectors = weights.embedding[IDS]
    pooled = vectors.mean(0) if pooling == "mean" else vectors.max(0)
    reading = read(config, weights)
    np.testing.assert_allclose(
        reading.logits, weights.classifier_weight @ pooled + weights.classifier_bias, atol=1e-14
    )
    assert reading.decisions.shape == (61, 0)
    assert reading.skim_rate == 0


def test_features_are_what_the_first_layer_reads(models):
    config, weights = models.loaded(policy="skim", vocab_size=None, input_size=5, dtype=np.float64)
    words, table = models.loaded(policy="skim", dtype=np.float64)
    same = replace(table, readers=weights.readers, classifier_weight=weights.classifier_weight)
    same = replace(same, classifier_bias=weights.classifier_bias)
    frames = table.embedding[IDS]
    assert np.array_equal(read(config, weights, frames).logits, read(words, same).logits)


def test_baselines_are_not_read(models):
    folder = models.folder(policy="skim", **JUMPS)
    config = RuntimeConfig.load(folder / "config.json")
    expected = load_weights(folder / "model.safetensors", config).digest
    tensors = models.tensors(config)
    for name in ("policy", "jump"):
        tensors[f"layers.0.readers.0.{name}.baseline.weight"] = np.full((1, 7), np.nan, np.float32)
        tensors[f"layers.0.readers.0.{name}.baseline.bias"] = np.zeros(1, np.float32)
    models.save_tensors(folder / "model.safetensors", tensors)
    assert load_weights(folder / "model.safetensors", config).digest == expected
