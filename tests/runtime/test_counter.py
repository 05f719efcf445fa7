"""Oracle C4: multiply-adds counted where they are done equal the closed form exactly."""

import numpy as np
import pytest

from skim_hf import costs
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.engine import FOLD_LIMIT, NumpyEngine

from .readers import FEATURES, READERS, fields_of, inputs_of

IDS = np.random.default_rng(5).integers(0, 15, 23)


def count(config, weights, texts, *, threshold=0.5, fold_limit=FOLD_LIMIT):
    counter = OperationCounter()
    engine = NumpyEngine(config, weights, threshold, fold_limit=fold_limit)
    return counter, [engine.read(text, counter) for text in texts]


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, True)])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", [[], [3], [7], [0], [4, 2, 0]])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_counts_equal_costs(shared_models, cell_type, sizes, small_input, layers, bidirectional):
    config, weights = shared_models.loaded(
        cell_type=cell_type,
        policy="skim" if sizes else "full",
        skim_sizes=sizes,
        small_input=small_input,
        num_hidden_layers=layers,
        bidirectional=bidirectional,
    )
    shapes = costs.reader_shapes(config)
    for fold_limit in (FOLD_LIMIT, 0):
        counter, readings = count(config, weights, [IDS, IDS[:4], []], fold_limit=fold_limit)
        decisions = np.concatenate([reading.decisions for reading in readings])
        choices = [np.bincount(column, minlength=len(sizes) + 1).tolist() for column in decisions.T]
        folded = [fold_limit > 0 and reader < config.num_directions for reader in range(config.num_readers)]
        executed = [costs.macs(s, n, folded_input=f) for s, n, f in zip(shapes, choices, folded, strict=True)]
        assert counter.choices == choices
        assert counter.texts == 3
        assert counter.executed == sum(executed)
        assert counter.total == sum(costs.macs(s, n) for s, n in zip(shapes, choices, strict=True))
        assert (counter.folded > 0) == (fold_limit > 0)


@pytest.mark.parametrize("features", [{}, FEATURES], ids=["words", "features"])
@pytest.mark.parametrize(("policy", "jumps", "stack"), READERS)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_counts_of_every_reader(shared_models, cell_type, policy, jumps, stack, features):
    fields = {**fields_of(policy, jumps, stack), **features, "cell_type": cell_type}
    config, weights = shared_models.loaded(**fields)
    texts = [inputs_of(config, length) for length in (23, 4, 0)]
    for fold_limit in (FOLD_LIMIT, 0):
        counter, readings = count(config, weights, texts, fold_limit=fold_limit)
        decisions = np.concatenate([reading.decisions for reading in readings])
        units = np.concatenate([reading.units for reading in readings]) if policy == "selective" else None
        counts = costs.ReadingCounts(
            [
                [int((column == choice).sum()) for choice in range(config.num_choices)]
                for column in decisions.T
            ],
            None if units is None else units.sum(axis=0).tolist(),
            sum(reading.jumps for reading in readings).tolist(),
        )
        assert (counter.choices, counter.units, counter.jumps) == (counts.choices, counts.units, counts.jumps)
        assert (sum(counter.jumps) > 0) == bool(fields.get("jump_limit"))
        is_folded = fold_limit > 0 and not features
        assert counter.executed == costs.model_macs(config, counts, folded_input=is_folded)
        assert counter.total == costs.model_macs(config, counts)


def test_a_skimmed_text_does_not_run_the_big_cell(models):
    """Oracle S14: the big cell of a skimmed text could not even run."""
    config, weights = models.loaded()
    weights.readers[0].decision_bias[:] = (-50, 50)
    weights.readers[0].cells[0].weight_hh[:] = np.nan
    counter, (reading,) = count(config, weights, [IDS])
    assert reading.skim_rate == 1
    assert np.isfinite(reading.logits).all()
    assert counter.executed == len(IDS) * (4 * 3 * 3 + 7)


def test_counting_changes_no_result(models):
    config, weights = models.loaded(skim_sizes=[4, 0], bidirectional=True, num_hidden_layers=2)
    _, (counted,) = count(config, weights, [IDS])
    plain = NumpyEngine(config, weights, 0.5).read(IDS)
    assert np.array_equal(counted.logits, plain.logits)
    assert np.array_equal(counted.scores, plain.scores)
