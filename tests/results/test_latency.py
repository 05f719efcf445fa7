"""Times of texts; what they are is not tested, only what they are of."""

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import ADAPTIVE, DENSE, measure_latency
from skim_hf.results.schema import BLOCKS, check


def test_runtimes_take_turns_on_every_text(clf, texts):
    found = measure_latency({ADAPTIVE: clf, DENSE: clf.with_threshold(1.0)}, texts, rounds=3)
    check(found, BLOCKS["latency"], "latency")
    assert (found["texts"], found["rounds"], found["threads"]) == (6, 3, 1)
    assert found["words_per_text"] == pytest.approx((3 + 6 + 1 + 0 + 3 + 2) / 6)
    assert found["tokens_per_text"] == pytest.approx((3 + 8 + 1 + 0 + 3 + 3) / 6)
    adaptive, dense = found["contestants"][ADAPTIVE], found["contestants"][DENSE]
    assert adaptive["turns"] == dense["turns"] == 18
    assert 0 < adaptive["min_us"] <= adaptive["median_us"] <= adaptive["p99_us"]
    ratio, inverse = adaptive["times_faster_than"][DENSE], dense["times_faster_than"][ADAPTIVE]
    assert ratio > 0
    assert inverse > 0


def test_one_runtime_is_compared_with_none(clf):
    found = measure_latency({ADAPTIVE: clf}, "a good film", rounds=1)
    check(found, BLOCKS["latency"], "latency")
    assert found["contestants"][ADAPTIVE]["times_faster_than"] == {}


def test_only_runtimes_of_one_kind_are_compared(clf, folder):
    others = {"backend": "numpy"} if clf.backend == "native" else {}
    if not others:
        pytest.skip("skim_hf was installed without its C extension")
    with pytest.raises(ValueError, match="got the backends native, numpy"):
        measure_latency({"a": clf, "b": SkimRuntime.from_pretrained(folder, **others)}, ["a"])
    with pytest.raises(ValueError, match="got the dtypes float32, int8"):
        measure_latency({"a": clf, "b": SkimRuntime.from_pretrained(folder, dtype="int8")}, ["a"])


@pytest.mark.parametrize(("names", "texts", "rounds"), [([], ["a"], 1), (["a"], [], 1), (["a"], ["a"], 0)])
def test_nothing_to_time_is_refused(clf, names, texts, rounds):
    with pytest.raises(ValueError, match="at least one runtime, one text and one round"):
        measure_latency(dict.fromkeys(names, clf), texts, rounds=rounds)
