"""The search for a threshold, which travels with the models, is that of the runtime."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.modeling.calibration_skim_rnn import check_calibration, find_threshold
from skim_hf.runtime import calibration as runtime
from skim_hf.runtime import options


def outcome(function, *args):
    try:
        return function(*args)
    except ValueError as error:
        return str(error)


@given(seed=st.integers(0, 2**32 - 1), budget=st.floats(0, 1))
def test_both_searches_end_alike(seed, budget):
    shares = np.random.default_rng(seed)
    seen = {}

    def share(threshold):
        return seen.setdefault(threshold, shares.random() * min(1.0, 2 * threshold + 0.1))

    assert outcome(find_threshold, share, budget) == outcome(runtime.find_threshold, share, budget)


@pytest.mark.parametrize(
    "budget", [None, 0, 0.25, 1, np.float32(0.5), -0.1, 1.1, True, "a lot", float("nan")]
)
@pytest.mark.parametrize("threshold", [None, 0.5])
@pytest.mark.parametrize("texts", [None, ["a"]])
def test_both_refuse_alike(texts, threshold, budget):
    ours = outcome(check_calibration, threshold, budget, texts)
    theirs = outcome(options.check_calibration, budget, threshold, texts)
    if theirs is None and budget is not None:
        theirs = outcome(options.check_budget, budget)
    assert ours == (theirs if isinstance(theirs, str) else None)
