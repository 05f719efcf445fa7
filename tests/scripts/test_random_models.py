"""The benchmark's models with random weights: their skim rate is what was asked for."""

import numpy as np
import pytest

from skim_hf import SkimRuntime


@pytest.fixture
def models(script, tmp_path):
    module = script("_random_models")
    tokens = module.draw_tokens(5000, 211, seed=3)
    module.write_models(tmp_path, 13, 2, tokens, 211, seed=5)
    return tmp_path, tokens


def test_the_threshold_is_the_share_that_is_read(models):
    folder, tokens = models
    for rate in (0.0, 0.5, 0.9, 0.99, 1.0):
        decisions = (
            SkimRuntime.from_pretrained(folder / "skim", threshold=1 - rate).read_ids(tokens).decisions
        )
        assert abs(decisions.mean() - rate) < 0.01, rate


def test_reading_everything_is_the_plain_model(models):
    folder, tokens = models
    plain = SkimRuntime.from_pretrained(folder / "plain").read_ids(tokens[:50])
    reading = SkimRuntime.from_pretrained(folder / "skim", threshold=1.0).read_ids(tokens[:50])
    np.testing.assert_allclose(reading.hidden, plain.hidden, atol=1e-6)
    skimming = SkimRuntime.from_pretrained(folder / "skim", threshold=0.1).read_ids(tokens[:50])
    assert np.abs(skimming.hidden - plain.hidden).max() > 0.01


def test_frequent_words_are_skimmed_first(script):
    logits = script("_random_models").skim_logits(np.array([2, 2, 2, 3, 3, 4]), 6)
    assert logits[2] > logits[3] > logits[4]
    assert np.isfinite(logits).all()


def test_words_are_as_frequent_as_in_a_language(script):
    tokens = script("_random_models").draw_tokens(20_000, 1000, seed=0)
    assert tokens.min() >= 2
    assert tokens.max() < 1000
    counts = np.bincount(tokens)
    assert counts[2] / counts[5] == pytest.approx(4, rel=0.15)
