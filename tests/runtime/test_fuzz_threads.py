"""Many threads, forks and objects that die early: what one thread says is what all say."""

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.loading import SavedModel
from skim_hf.runtime.options import RuntimeOptions

pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")

RANDOM = np.random.default_rng(7)
UNITS = ["a ", "good ", "film", ", ", "n't", "very dull ", "\u0130", "\ud800", "\U0001f600", "unheard-of "]
LENGTHS = [0, 1, 2, 3, 5, 300, 7, 1, 2_000, 0, 11, 1, 9_000]
TEXTS = ["".join(RANDOM.choice(UNITS, length)) for length in LENGTHS]


@pytest.fixture(scope="module", params=["float32", "int8"])
def clf(request, shared_models):
    folder = shared_models.folder(hidden_size=37, skim_sizes=[5], num_hidden_layers=2, pooling="mean")
    return SkimRuntime.from_pretrained(folder, backend="native", dtype=request.param)


def work(clf, order):
    """Every way to read, in an order of its own; gives what was said in the order of the texts."""
    found = [None] * len(TEXTS)
    for number in order:
        text = TEXTS[number]
        session = clf.stream()
        session.feed(text[: len(text) // 2])
        found[number] = (
            clf(text),
            clf([text, text])[1],
            session.feed(text[len(text) // 2 :]),
            clf.read_ids(clf.encode(text)).logits.tobytes(),
        )
    return found


def test_many_threads_on_one_runtime_say_what_one_says(clf):
    serial = work(clf, range(len(TEXTS)))
    for results in serial:
        assert results[0] == results[1] == results[2]
    orders = [np.random.default_rng(seed).permutation(len(TEXTS)) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda order: work(clf, order), orders)) == [serial] * 8


def test_a_reading_that_needed_much_memory_does_not_keep_it(shared_models):
    # Longer than what is kept for the next call, so that the memory is freed and made again.
    clf = SkimRuntime.from_pretrained(shared_models.folder(bidirectional=True), backend="native")
    text = "".join(RANDOM.choice(UNITS, 90_000))
    assert len(clf.encode(text)) > 1 << 16
    expected = [clf(text), clf(TEXTS[5]), clf(text)]
    assert expected[0] == expected[2]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(clf, [text, TEXTS[5], text] * 2)) == expected * 2


def test_all_choices_of_all_threads_are_counted(shared_models):
    clf = SkimRuntime.from_pretrained(shared_models.folder(), backend="native")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(clf, TEXTS * 3))
    assert clf._backend.engine.counts.sum() == 3 * sum(len(clf.encode(text)) for text in TEXTS)


def test_two_runtimes_that_share_an_encoder(shared_models, clf):
    config, weights = shared_models.loaded(seed=5, cell_type="gru")
    other = SkimRuntime(SavedModel(config, weights, clf._model.encoder))
    expected = [clf(TEXTS), other(TEXTS)]
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda runtime: runtime(TEXTS), [clf, other] * 4)) == expected * 4


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_an_encoder_of_a_larger_model_is_refused(shared_models, clf, backend):
    config, weights = shared_models.loaded(vocab_size=9)
    other = SkimRuntime(SavedModel(config, weights, clf._model.encoder), RuntimeOptions(0.5, backend))
    with pytest.raises(ValueError, match=r"9 rows|from 0 to 8"):
        other(["bad", "very dull, not fine"])


@pytest.mark.skipif(sys.platform != "linux", reason="forking is safe to test on Linux only")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_in_the_middle_of_readings_reads_on(clf):
    expected = clf(TEXTS)
    session = clf.stream()
    session.feed(TEXTS[5])
    stop = threading.Event()

    def read():
        while not stop.is_set():
            clf(TEXTS)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes = []
    for _ in range(3):
        child = os.fork()
        if not child:
            # Nothing of pytest may run here, whatever happens.
            try:
                is_same = clf(TEXTS) == expected and session.feed("") == expected[5]
                os._exit(0 if is_same else 1)
            except BaseException:
                os._exit(2)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]


def test_streams_outlive_their_runtime(shared_models):
    folder = shared_models.folder(hidden_size=19, pooling="max")
    clf = SkimRuntime.from_pretrained(folder, backend="native")
    expected = clf(TEXTS[5])
    sessions = [clf.stream() for _ in range(3)]
    engine = clf._backend.engine
    streams = [engine.open() for _ in range(3)]
    ids = clf.encode(TEXTS[5])
    logits = engine.read(ids).logits.tobytes()
    del clf, engine
    gc.collect()
    for session, stream in zip(sessions, streams, strict=True):
        for at in range(0, len(TEXTS[5]), 37):
            session.feed(TEXTS[5][at : at + 37])
        assert session.result() == expected
        stream.feed(ids)
        twin = stream.copy()
        del stream
        assert twin.logits().tobytes() == logits


def test_a_runtime_dropped_in_the_middle_of_its_readings(shared_models):
    folder = shared_models.folder(hidden_size=37)
    expected = SkimRuntime.from_pretrained(folder, backend="native")(TEXTS)
    found = []

    def read(clf):
        found.append(clf(TEXTS))

    for _ in range(3):
        clf = SkimRuntime.from_pretrained(folder, backend="native")
        threads = [threading.Thread(target=read, args=(clf,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        del clf
        for thread in threads:
            thread.join()
        del threads
        gc.collect()
    assert found == [expected] * 9
