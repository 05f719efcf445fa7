"""A stream of token ids against the whole text at once: the same bits, however it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime.engine import FOLD_LIMIT, NumpyEngine
from skim_hf.runtime.inputs import CHUNK

from .readers import FEATURES, JUMPS, POLICIES, TOKENS, inputs_of

IDS = np.random.default_rng(5).integers(0, 15, 23)
SHAPES = [
    {"policy": "full"},
    {"policy": "full", "num_hidden_layers": 2, "cell_type": "gru"},
    {"skim_sizes": [3], "pooling": "mean"},
    {"skim_sizes": [4, 2, 0], "num_hidden_layers": 3, "pooling": "max", "cell_type": "tanh"},
    {"skim_sizes": [3], "num_hidden_layers": 2, "pooling": "mean", "small_input": "full_h"},
    {"hidden_size": 1, "skim_sizes": [1, 0], "num_hidden_layers": 2, "pooling": "mean", "cell_type": "gru"},
    {"hidden_size": 63, "skim_sizes": [31], "num_hidden_layers": 2, "pooling": "max"},
    {"num_hidden_layers": 2, **TOKENS},
]
READERS = [
    {**POLICIES[policy], **JUMPS[jumps], **stack}
    for policy in POLICIES
    for jumps, stack in (
        ("no jumps", {"num_hidden_layers": 2, "learned_initial_state": True, "pooling": "mean"}),
        ("jumps", {"cell_type": "gru", **TOKENS}),
        ("every token", {"num_hidden_layers": 2, "pooling": "max", **FEATURES}),
    )
]
NO_LAYERS = {"policy": "full", "num_hidden_layers": 0, "pooling": "mean"}


def name_of(shape):
    return "-".join(str(value) for value in shape.values() if not isinstance(value, dict))


def engine_of(shared_models, shape, fold_limit=FOLD_LIMIT, threshold=0.5):
    config, weights = shared_models.loaded(**shape)
    return NumpyEngine(config, weights, threshold, fold_limit=fold_limit)


def feed_all(stream, ids, cuts):
    pieces = np.split(ids, sorted(cuts))
    found = [stream.feed(piece) for piece in pieces]
    return None if found[0] is None else np.concatenate(found)


def assert_same(stream, per_token, reading, choices):
    logits = stream.logits() if per_token is None else per_token
    assert logits.dtype == reading.logits.dtype
    assert logits.tobytes() == reading.logits.tobytes()
    assert stream.tokens == len(reading.decisions)
    visited = [column[column >= 0] for column in reading.decisions.T]
    assert stream.decisions.tolist() == [
        np.bincount(column, minlength=choices).tolist() for column in visited
    ]
    if reading.units is not None:
        assert stream.units.tolist() == reading.units.sum(axis=0).tolist()


@pytest.mark.parametrize("fold_limit", [FOLD_LIMIT, 0])
@pytest.mark.parametrize("shape", [*SHAPES, *READERS, NO_LAYERS], ids=name_of)
def test_any_pieces_give_the_bits_of_the_whole(shared_models, shape, fold_limit):
    engine = engine_of(shared_models, shape, fold_limit)
    choices, inputs = engine.config.num_choices, inputs_of(engine.config, len(IDS))

    @settings(max_examples=25, deadline=None)
    @given(length=st.integers(0, len(IDS)), cuts=st.lists(st.integers(0, len(IDS)), max_size=len(IDS)))
    def check(length, cuts):
        stream, ids = engine.open(), inputs[:length]
        assert_same(stream, feed_all(stream, ids, cuts), engine.read(ids), choices)

    check()


@pytest.mark.parametrize("shape", [*SHAPES, *READERS, NO_LAYERS], ids=name_of)
def test_a_long_text_token_by_token(shared_models, shape):
    engine = engine_of(shared_models, shape)
    ids = inputs_of(engine.config, CHUNK + 77)
    one, many = engine.open(), engine.open()
    reading = engine.read(ids)
    assert_same(one, feed_all(one, ids, range(1, len(ids))), reading, engine.config.num_choices)
    assert_same(many, many.feed(ids), reading, engine.config.num_choices)


@pytest.mark.parametrize("shape", [*SHAPES, *READERS, NO_LAYERS], ids=name_of)
def test_copies_and_saved_states_go_on_alone(shared_models, shape):
    engine = engine_of(shared_models, shape)
    stream, inputs = engine.open(), inputs_of(engine.config, 23)
    stream.feed(inputs[:9])
    twin, other = stream.copy(), engine.open()
    other.load(stream.save())
    assert other.save() == twin.save() == stream.save()
    stream.feed(inputs[::-1])
    whole, reading = engine.open(), engine.read(inputs)
    per_token = whole.feed(inputs)
    for resumed in (twin, other):
        rest = resumed.feed(inputs[9:])
        assert resumed.save() == whole.save() != stream.save()
        if rest is not None:
            assert rest.tobytes() == per_token[9:].tobytes() == reading.logits[9:].tobytes()


def test_streams_and_texts_do_not_disturb_each_other(shared_models):
    engine = engine_of(shared_models, {"num_hidden_layers": 2, "pooling": "mean"})
    first, second = engine.open(), engine.open()
    for position, token in enumerate(IDS):
        first.feed([token])
        engine.read(IDS[:position])
        second.feed([IDS[-1 - position]])
    assert first.logits().tobytes() == engine.read(IDS).logits.tobytes()
    assert second.logits().tobytes() == engine.read(IDS[::-1]).logits.tobytes()


def test_what_is_not_ids_changes_nothing(shared_models):
    stream = engine_of(shared_models, {}).open()
    stream.feed(IDS)
    before = stream.save()
    for wrong in ([15], [-1], [0.5], [[1]]):
        with pytest.raises(ValueError, match="oken ids"):
            stream.feed(wrong)
    assert stream.save() == before


@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[3], SHAPES[7]], ids=name_of)
def test_bytes_that_are_no_state_change_nothing(shared_models, shape):
    stream = engine_of(shared_models, shape).open()
    stream.feed(IDS)
    saved = stream.save()
    size = 8 * (5 + stream.decisions.size + len(stream.decisions))
    beyond = (2**63 - 1).to_bytes(8, "little") * (size // 8) + saved[size:]
    less = (len(IDS) - 1).to_bytes(8, "little") + saved[8:]
    damaged = (beyond, less, b"\xff" * len(saved), b"\xff" * 8 + saved[8:])
    for wrong in (b"", saved[:-1], saved + b"\0", *damaged):
        with pytest.raises(ValueError, match="stream of this model"):
            stream.load(wrong)
    assert stream.save() == saved


def test_another_threshold_shares_the_tables(shared_models):
    config, weights = shared_models.loaded(num_hidden_layers=2)
    engine = NumpyEngine(config, weights, 0.5)
    twin = engine.with_threshold(1.0)
    assert twin._readers is engine._readers
    before = engine.read(IDS)
    reading = twin.read(IDS)
    assert reading.skim_rate == 0 < before.skim_rate
    assert reading.logits.tobytes() == NumpyEngine(config, weights, 1.0).read(IDS).logits.tobytes()
    assert engine.read(IDS).logits.tobytes() == before.logits.tobytes()
