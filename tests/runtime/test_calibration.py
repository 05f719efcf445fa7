"""From a budget to a threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.calibration import STEPS, find_threshold

TEXTS = ["a good film , not dull .", "the film was very , very bad", "", "fine , a fine film . not good"]


def read_share(clf, texts):
    traces = [trace for trace in map(clf.trace, texts) if trace.tokens]
    read = sum(round((1 - trace.skim_rate) * len(trace.tokens)) for trace in traces)
    return read / sum(len(trace.tokens) for trace in traces)


@given(budget=st.floats(0, 0.999), steepness=st.floats(0.5, 5))
def test_the_search_comes_close_to_a_smooth_share(budget, steepness):
    found = find_threshold(lambda threshold: threshold**steepness, budget)
    assert found**steepness <= budget
    assert budget - found**steepness < 0.01


@given(seed=st.integers(0, 2**32 - 1), budget=st.floats(0, 1))
def test_a_share_that_jumps_up_and_down_never_passes_the_budget(seed, budget):
    generator, seen = np.random.default_rng(seed), {0.0: 0.0, 1.0: 1.0}
    found = find_threshold(lambda threshold: seen.setdefault(threshold, generator.random()), budget)
    assert seen[found] == max(share for share in seen.values() if share <= budget)
    assert len(seen) <= STEPS + 2


def test_a_whole_budget_reads_everything_and_needs_no_search():
    assert find_threshold(lambda threshold: pytest.fail("read"), 1.0) == 1.0


def test_a_budget_that_nothing_keeps():
    with pytest.raises(ValueError, match=r"No threshold keeps the budget of 5.0%: .* reads 30.0%"):
        find_threshold(lambda threshold: 0.3 + 0.7 * threshold, 0.05)


@pytest.mark.parametrize("fields", [{}, {"num_hidden_layers": 2}, {"skim_sizes": [4, 2, 0]}])
@pytest.mark.parametrize("budget", [0, 0.2, 0.5, 0.8, 1])
def test_calibration_keeps_the_budget(shared_models, budget, fields):
    clf = SkimRuntime.from_pretrained(shared_models.folder(**fields), backend="numpy")
    threshold = clf.calibrate(TEXTS, budget)
    ids = [clf.encode(text) for text in TEXTS]

    def share(threshold):
        decisions = [clf.with_threshold(threshold).read_ids(row).decisions for row in ids]
        return (np.concatenate(decisions) == 0).mean()

    assert share(threshold) <= budget
    # No other threshold on a grid reads more within the budget, up to what the search cannot see.
    grid = [share(t) for t in np.linspace(0, 1, 101)]
    assert share(threshold) >= max(s for s in grid if s <= budget) - 0.1


def test_a_budget_at_load(folder):
    clf = SkimRuntime.from_pretrained(folder, budget=0.5, calibration_texts=iter(TEXTS), threads=2)
    assert clf.threshold == SkimRuntime.from_pretrained(folder).calibrate(TEXTS, 0.5)
    assert read_share(clf, TEXTS) <= 0.5


def test_one_text_may_calibrate(folder):
    clf = SkimRuntime.from_pretrained(folder)
    assert clf.calibrate(TEXTS[0], 0.5) == clf.calibrate([TEXTS[0]], 0.5)


def test_a_plain_reader_cannot_be_calibrated(models):
    clf = SkimRuntime.from_pretrained(models.folder(policy="full"))
    with pytest.raises(ValueError, match="policy 'full'"):
        clf.calibrate(TEXTS, 0.5)


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_texts_without_words_cannot_calibrate(folder, texts):
    with pytest.raises(ValueError, match="Expected texts with words"):
        SkimRuntime.from_pretrained(folder).calibrate(texts, 0.5)
