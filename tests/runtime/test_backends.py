"""Who runs a model, and what is said when it cannot be the native engine."""

import logging
import sys
from types import ModuleType

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.backends import NATIVE_MODULE, SWITCH, _say_that_numpy_is_slow
from skim_hf.runtime.engine import NumpyEngine

TEXTS = ["a good film", "very dull", ""]


@pytest.fixture(autouse=True)
def no_switch(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)


@pytest.fixture
def absent(monkeypatch):
    """An installation without the extension."""
    monkeypatch.setitem(sys.modules, NATIVE_MODULE, None)


@pytest.fixture
def native(monkeypatch):
    """A native engine in name, whose int8 is a little off."""

    class Engine(NumpyEngine):
        def __init__(self, config, weights, threshold, dtype):
            super().__init__(config, weights, threshold)
            if dtype == "int8":
                self._classifier = np.round(self._classifier * 8) / 8

    module = ModuleType(NATIVE_MODULE)
    module.NativeEngine = Engine
    module.reason = None
    module.declined = lambda config, dtype: module.reason
    monkeypatch.setitem(sys.modules, NATIVE_MODULE, module)
    return module


def test_numpy_serves_where_there_is_no_extension(folder, absent):
    clf = SkimRuntime.from_pretrained(folder)
    assert clf.backend == "numpy"
    assert "not installed with its C extension" in clf.backend_declined
    assert clf(TEXTS) == SkimRuntime.from_pretrained(folder, backend="numpy")(TEXTS)


@pytest.fixture
def said(caplog):
    """What was logged, in a process that has not said anything yet."""
    _say_that_numpy_is_slow.cache_clear()
    caplog.set_level(logging.WARNING, "skim_hf.runtime")
    yield caplog
    _say_that_numpy_is_slow.cache_clear()


def test_an_absent_extension_is_said_once_with_its_remedy(folder, absent, said):
    for _ in range(3):
        SkimRuntime.from_pretrained(folder)
    (record,) = said.records
    assert (record.name, record.levelname) == ("skim_hf.runtime", "WARNING")
    for part in ("many times slower", "C extension", "C compiler", "--no-binary", f"{SWITCH}=numpy"):
        assert part in record.getMessage()


@pytest.mark.parametrize("by", ["name", "environment"])
def test_nothing_is_said_where_numpy_was_asked_for(folder, absent, said, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv(SWITCH, "numpy")
    SkimRuntime.from_pretrained(folder, backend="numpy" if by == "name" else "auto")
    assert said.records == []


def test_nothing_is_said_of_a_model_that_the_extension_cannot_run(folder, native, said):
    native.reason = "it has no cells of that kind"
    SkimRuntime.from_pretrained(folder)
    assert said.records == []


def test_numpy_by_name_was_not_declined(folder, native):
    clf = SkimRuntime.from_pretrained(folder, backend="numpy")
    assert (clf.backend, clf.backend_declined) == ("numpy", None)


@pytest.mark.parametrize("backend", ["auto", "native"])
def test_the_extension_is_taken_if_it_is_there(folder, native, backend):
    clf = SkimRuntime.from_pretrained(folder, backend=backend)
    assert (clf.backend, clf.backend_declined) == ("native", None)
    assert isinstance(clf._backend.engine, native.NativeEngine)
    assert clf.with_threshold(0.3).backend == "native"


@pytest.mark.parametrize("wanted", [{"backend": "native"}, {"dtype": "int8"}])
def test_what_needs_an_absent_extension_says_how_to_get_it(tmp_path, absent, wanted):
    # Before anything is loaded: the folder holds nothing.
    with pytest.raises(ImportError, match=r"needs the C extension.*C compiler.*backend=\"numpy\""):
        SkimRuntime.from_pretrained(tmp_path, **wanted)


def test_a_model_that_the_extension_cannot_run(folder, native):
    native.reason = "it has no cells of that kind"
    clf = SkimRuntime.from_pretrained(folder)
    assert (clf.backend, clf.backend_declined) == ("numpy", native.reason)
    for wanted in ({"backend": "native"}, {"dtype": "int8"}):
        with pytest.raises(ValueError, match=r"no cells of that kind. Use backend=\"numpy\""):
            SkimRuntime.from_pretrained(folder, **wanted)


def test_int8_is_not_for_numpy(tmp_path, native):
    with pytest.raises(ValueError, match=r'needs the native engine.*"numpy"'):
        SkimRuntime.from_pretrained(tmp_path, backend="numpy", dtype="int8")


def test_the_environment_decides_where_the_caller_does_not(folder, native, monkeypatch):
    monkeypatch.setenv(SWITCH, "numpy")
    assert SkimRuntime.from_pretrained(folder).backend == "numpy"
    assert SkimRuntime.from_pretrained(folder, backend="native").backend == "native"
    monkeypatch.setenv(SWITCH, "cuda")
    with pytest.raises(ValueError, match=f"{SWITCH} must be one of auto, native, numpy; got 'cuda'"):
        SkimRuntime.from_pretrained(folder)


def test_the_environment_can_insist_on_the_extension(folder, absent, monkeypatch):
    monkeypatch.setenv(SWITCH, "native")
    with pytest.raises(ImportError, match="C extension"):
        SkimRuntime.from_pretrained(folder)


def test_operations_are_counted_by_numpy(folder, native):
    numpy, other = (SkimRuntime.from_pretrained(folder, backend=name) for name in ("numpy", "native"))
    other._backend = other._backend._replace(engine=object())
    assert other.count_operations(TEXTS) == numpy.count_operations(TEXTS)


def test_int8_is_refused_beyond_a_bound(folder, native):
    clf = SkimRuntime.from_pretrained(folder, dtype="int8", parity_texts=TEXTS, min_agreement=0.0)
    report = clf.parity(TEXTS)
    assert clf.options.dtype == "int8"
    assert 0 < report.largest_probability_change < 0.2
    with pytest.raises(ValueError, match=r"differ by at most 1e-06; got 3 texts.*dtype=\"float32\""):
        SkimRuntime.from_pretrained(folder, dtype="int8", parity_texts=TEXTS, max_probability_change=1e-6)


def test_a_pickle_goes_to_where_the_extension_is_not(folder, native, monkeypatch):
    import pickle

    data = pickle.dumps(SkimRuntime.from_pretrained(folder))
    monkeypatch.setitem(sys.modules, NATIVE_MODULE, None)
    assert pickle.loads(data).backend == "numpy"
