"""Threads, generators and processes: the same results, in order, without reading far ahead."""

import gc
import multiprocessing
import pickle
import sys
import threading

import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.workers import AHEAD, Workers

pytestmark = pytest.mark.usefixtures("backend")

TEXTS = [f"{'very ' * (n % 7)}good {'film , ' * (n % 5)}{'not dull ' * (n % 3)}" for n in range(150)]


@pytest.fixture(scope="module")
def clf(folder, backend):
    return SkimRuntime.from_pretrained(folder)


@pytest.fixture(scope="module")
def threaded(folder, backend):
    return SkimRuntime.from_pretrained(folder, threads=3)


def test_results_do_not_depend_on_threads(clf, threaded):
    for texts in (TEXTS, TEXTS[:2], TEXTS[:1], []):
        assert threaded(texts) == clf(texts)
        assert threaded.predict(texts) == clf.predict(texts)
        assert threaded.predict_proba(texts).tobytes() == clf.predict_proba(texts).tobytes()


def test_many_threads_share_a_runtime_that_has_threads(clf, threaded):
    expected, found = clf(TEXTS), []
    threads = [threading.Thread(target=lambda: found.append(threaded(TEXTS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_there_are_no_threads_before_there_is_work(folder):
    clf = SkimRuntime.from_pretrained(folder, threads=5)
    before = threading.active_count()
    clf("a film")
    assert threading.active_count() == before
    clf(TEXTS)
    assert before < threading.active_count() <= before + 5
    del clf
    gc.collect()


@pytest.mark.parametrize("threads", [1, 3])
def test_items_are_taken_only_a_few_ahead(threads):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    for position, result in enumerate(Workers(threads).map(lambda number: -number, items())):
        assert result == -position
        assert len(taken) <= position + AHEAD * threads
    assert len(taken) == 100


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_out_in_its_turn(threads):
    results = Workers(threads).map(lambda number: 1 / number, [2, 1, 0, 1])
    assert [next(results), next(results)] == [0.5, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_an_iterator_gives_the_results_in_order(clf, threaded, batch_size):
    for runtime in (clf, threaded):
        assert list(runtime.predict_iter(iter(TEXTS), batch_size=batch_size)) == clf(TEXTS)
    assert list(clf.predict_iter([])) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_an_endless_iterable_is_read_as_results_are_taken(folder, threads):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield "a good film"

    results = SkimRuntime.from_pretrained(folder, threads=threads).predict_iter(endless(), batch_size=4)
    assert taken == 0
    assert [next(results) for _ in range(10)] == [next(results)] * 10
    assert taken <= 12 + 4 * AHEAD * threads
    results.close()


def test_progress_is_shown_when_asked_for(clf, capsys):
    assert list(clf.predict_iter(TEXTS[:3])) == clf(TEXTS[:3])
    assert capsys.readouterr().err == ""
    assert list(clf.predict_iter(TEXTS[:3], progress=True)) == clf(TEXTS[:3])
    shown = capsys.readouterr().err
    assert "Reading" in shown
    assert "3/3" in shown


def test_what_is_no_iterable_of_texts_is_refused_at_once(clf):
    for wrong in ("film", b"film", 3, {"text": 1}):
        with pytest.raises(TypeError, match="Expected"):
            clf.predict_iter(wrong)
    with pytest.raises(ValueError, match="batch_size must be"):
        clf.predict_iter(TEXTS, batch_size=0)


def test_what_is_no_text_is_refused_with_its_position_when_it_comes(clf):
    results = clf.predict_iter([*TEXTS[:5], None], batch_size=2)
    assert [next(results) for _ in range(4)] == clf(TEXTS[:4])
    with pytest.raises(TypeError, match="got NoneType at position 5"):
        next(results)


METHODS = [name for name in ("fork", "spawn") if name in multiprocessing.get_all_start_methods()]


def in_child(clf, queue):
    queue.put(clf(TEXTS))


@pytest.mark.skipif(sys.platform != "linux", reason="forking is safe to test on Linux only")
def test_a_forked_process_has_threads_of_its_own(clf, folder):
    threaded = SkimRuntime.from_pretrained(folder, threads=2)
    expected = threaded(TEXTS)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(threaded, queue))
    child.start()
    assert queue.get(timeout=60) == expected == clf(TEXTS)
    child.join(60)
    assert child.exitcode == 0
    assert threaded(TEXTS) == expected


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_path", [False, True])
def test_pools_of_processes(clf, folder, method, by_path):
    threaded = SkimRuntime.from_pretrained(folder, threads=2)
    threaded(TEXTS)
    runtime = threaded.by_path() if by_path else threaded
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(runtime.predict, [TEXTS[:70], TEXTS[70:]]) == [
            clf.predict(TEXTS[:70]),
            clf.predict(TEXTS[70:]),
        ]


def test_a_pickle_by_path_is_small_and_says_when_the_folder_is_gone(models):
    folder = models.folder()
    clf = SkimRuntime.from_pretrained(folder, threshold=0.3, threads=2, max_tokens=9).by_path()
    small, whole = pickle.dumps(clf), pickle.dumps(SkimRuntime.from_pretrained(folder))
    assert len(small) < 700 < len(whole)
    copy = pickle.loads(small)
    assert copy.options == clf.options
    assert copy(TEXTS) == clf(TEXTS)
    assert len(pickle.dumps(copy.with_threshold(0.1))) < 700
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks model\.safetensors"):
        pickle.loads(small)


def test_a_pickle_of_bytes_has_no_folder(clf):
    copy = pickle.loads(pickle.dumps(clf))
    assert copy(TEXTS) == clf(TEXTS)
    with pytest.raises(ValueError, match="came out of a pickle"):
        copy.by_path()
