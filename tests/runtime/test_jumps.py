"""Jump settings that change at inference, from options to pickles and snapshots."""

import pickle

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.config import RuntimeConfig

from .readers import JUMPS

TEXT = "a good film was not very dull , it was a very very fine film . " * 4


@pytest.fixture
def folder(models):
    return models.folder(policy="full", **JUMPS["jumps"])


def load(folder, **settings):
    return SkimRuntime.from_pretrained(folder, backend="numpy", **settings)


def test_settings_at_inference_replace_those_of_the_model(folder):
    own, other = load(folder), load(folder, jump_every=1, jump_limit=2)
    assert (own.config.jump_every, own.config.jump_limit) == (3, 5)
    assert (other.config.jump_every, other.config.jump_size, other.config.jump_limit) == (1, 4, 2)
    for clf, most in ((own, 18), (other, 3)):
        reading = clf.read_ids(clf.encode(TEXT))
        assert 0 < np.count_nonzero(reading.decisions == 0) <= most
    assert load(folder, jump_limit=0).read_ids(own.encode(TEXT)).jumps.tolist() == [0]


def test_a_twin_a_pickle_and_a_reloaded_folder_keep_them(folder):
    clf = load(folder, jump_limit=1)
    twins = [
        clf.with_threshold(1.0),
        pickle.loads(pickle.dumps(clf)),
        pickle.loads(pickle.dumps(clf.by_path())),
    ]
    assert all(twin.config.jump_limit == 1 for twin in twins)
    assert all(twin.predict_proba(TEXT).tobytes() == clf.predict_proba(TEXT).tobytes() for twin in twins)


def test_a_stream_goes_on_with_equal_settings_only(folder):
    clf = load(folder)
    session = clf.stream()
    session.feed(TEXT[:40])
    again = load(folder, jump_every=3, jump_limit=5).stream()
    again.restore(session.snapshot())
    assert again.feed(TEXT[40:]) == clf(TEXT)
    with pytest.raises(ValueError, match="made with jump_limit=5 instead of 4"):
        load(folder, jump_limit=4).stream().restore(session.snapshot())


def test_what_is_passed_over_was_not_read(folder):
    clf = load(folder)
    reading, session = clf.read_ids(clf.encode(TEXT)), clf.stream()
    session.feed(TEXT)
    assert (session.tokens, session.skim_rate) == (len(reading.decisions), reading.skim_rate)
    assert 0 < session.read < session.tokens


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jump_every": 0}, "jump_every must be an integer of at least 1; got 0"),
        ({"jump_limit": -1}, "jump_limit must be an integer of at least 0; got -1"),
        ({"jump_limit": 1.5}, "jump_limit must be an integer"),
        ({"jump_every": True}, "jump_every must be an integer"),
    ],
)
def test_impossible_settings_are_refused(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **settings)


def test_a_model_that_does_not_jump_has_no_such_settings(models):
    with pytest.raises(ValueError, match="this one has no jump head"):
        load(models.folder(), jump_limit=1)
    config = RuntimeConfig.from_dict(models.values())
    assert config.with_jumps() is config
