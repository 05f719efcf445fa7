"""The C kernels of the runtime by themselves: layout, functions, and arguments that lie."""

import gc
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest

runtime = pytest.importorskip(
    "skim_hf.native._runtime", reason="skim_hf was installed without its C extension"
)

KINDS = {"lstm": (0, 4), "gru": (1, 3), "tanh": (2, 1)}


def is_available(name):
    try:
        return bool(runtime.kernels(name))
    except ValueError:
        return False


@pytest.fixture(params=filter(is_available, ["portable", "neon", "neon_dot", "avx2", "avx512"]))
def kernels(request):
    return request.param


def test_portable_kernels_are_everywhere_and_the_best_are_the_default():
    assert runtime.kernels("portable") == ("portable", 4)
    name, lanes = runtime.kernels("")
    assert (name, lanes) in {("portable", 4), ("neon", 4), ("neon_dot", 4), ("avx2", 8), ("avx512", 16)}
    with pytest.raises(ValueError, match="no kernels named 'sse9'"):
        runtime.kernels("sse9")
    with pytest.raises(TypeError):
        runtime.kernels(3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("size", [1, 3, 4, 7, 8, 15, 16, 17, 33, 100, 200])
def test_every_column_has_one_place(kind, lanes, size):
    number, gates = KINDS[kind]
    order = np.frombuffer(runtime.order(number, size, lanes), np.int32)
    assert len(order) % lanes == 0
    assert sorted(order[order >= 0]) == list(range(gates * size))
    # Padding costs less than the columns of one block, and nothing where blocks are whole.
    assert len(order) - gates * size < gates * lanes
    assert size % lanes or len(order) == gates * size
    # The gates of a whole block are side by side.
    for block, gate in itertools.product(range(size // lanes), range(gates)):
        at = (block * gates + gate) * lanes
        assert order[at : at + lanes].tolist() == list(
            range(gate * size + block * lanes, gate * size + (block + 1) * lanes)
        )


@pytest.mark.parametrize(
    "arguments", [(3, 5, 4), (-1, 5, 4), (0, 0, 4), (0, 5, 0), (0, 1 << 40, 4), (0, 5, 1 << 40)]
)
def test_an_impossible_order_is_refused(arguments):
    with pytest.raises(ValueError, match="out of range"):
        runtime.order(*arguments)


def functions(kernels, x, fast):
    tanh, sigmoid = np.empty_like(x), np.empty_like(x)
    runtime.math(kernels, fast, x, tanh, sigmoid)
    return tanh.astype(np.float64), sigmoid.astype(np.float64)


@pytest.mark.parametrize(("fast", "absolute", "relative"), [(False, 2e-7, 3e-7), (True, 4e-6, 2.5e-5)])
def test_the_stated_error_of_tanh_and_sigmoid(kernels, fast, absolute, relative):
    small = np.geomspace(1e-30, 10, 4_000)
    x = np.concatenate([np.linspace(-30, 30, 400_000), small, -small, [0.0, -0.0, 1e30, -1e30, 87, -87]])
    x = np.resize(x.astype(np.float32), (len(x) + 15) // 16 * 16)
    tanh, sigmoid = functions(kernels, x, fast)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(sigmoid, 0.5 + 0.5 * np.tanh(exact / 2), rtol=0, atol=absolute)
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=0, atol=absolute)
    # Near zero, too, where a state begins.
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=relative, atol=0)


def test_functions_pass_not_a_number_on_and_saturate(kernels):
    x = np.full(16, np.nan, np.float32)
    x[1], x[2] = np.inf, -np.inf
    tanh, sigmoid = functions(kernels, x, False)
    assert np.isnan(tanh[[0, 3, 15]]).all()
    assert np.isnan(sigmoid[[0, 3, 15]]).all()
    np.testing.assert_allclose(tanh[1:3], [1, -1], atol=1e-7)
    np.testing.assert_allclose(sigmoid[1:3], [1, 0], atol=1e-7)


def arguments():
    """A plain tanh model: V = 5, d = 3, two labels, its input products in a table of four columns."""
    ones = np.ones
    sizes = [2, 3, 1, 1, 1, 5, 2, 0, 0, False, 2, 1.0, 0.0]
    order = np.frombuffer(runtime.order(2, 3, 4), np.int32)
    recurrent = ones((3, len(order)), np.float32)
    table = ones((5, len(order)), np.float32)
    cell = [3, 3, recurrent, None, table, None, None]
    return sizes, cell, [0, None, None], ones((2, 3), np.float32), ones(2, np.float32)


def build(sizes, cell, reader, classifier, bias):
    readers = ((reader[0], (tuple(cell),) if reader[1] is None else reader[1], reader[2]),)
    return runtime.Model("portable", False, tuple(sizes), None, readers, classifier, bias)


def test_the_arguments_of_the_tests_below_are_right_otherwise():
    model = build(*arguments())
    logits = np.zeros(2, np.float32)
    model.read(np.array([0], np.int32), None, None, None, None, logits)
    # Gates are multiplied by 2 / ln 2 beforehand, so a column of 1 is tanh(ln 2 / 2) = 1/3.
    np.testing.assert_allclose(logits, 2, rtol=1e-6)
    assert model.counts() == [1]


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 3),
        (0, -1),
        (1, 0),
        (1, 1 << 40),
        (2, 0),
        (2, 2),
        (3, 3),
        (3, 0),
        (4, 0),
        (4, 2),
        (5, 0),
        (5, 6),
        (7, 3),
        (8, 3),
        (8, -1),
        (10, 0),
        (10, 3),
        (2, 1 << 62),
        (5, 1 << 62),
        (6, 1 << 62),
        (10, 1 << 62),
    ],
)
def test_sizes_that_contradict_the_arrays_are_refused(index, value):
    values = arguments()
    values[0][index] = value
    with pytest.raises(ValueError, match=r"contradict|must have|Padding"):
        build(*values)


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 0),
        (0, 4),
        (1, 0),
        (1, 4),
        (1, 2),
        (2, np.ones(3, np.float32)),
        (3, np.ones(3, np.float32)),
        (4, None),
        (4, np.ones(19, np.float32)),
    ],
)
def test_a_cell_that_contradicts_its_model_is_refused(index, value):
    values = arguments()
    values[1][index] = value
    with pytest.raises(ValueError, match=r"contradicts|must have"):
        build(*values)


@pytest.mark.parametrize("vocabulary", [1 << 28, 1 << 31, 1 << 60, 1 << 62])
def test_a_product_of_sizes_beyond_64_bits_is_no_small_array(vocabulary):
    sizes, cell, reader, classifier, bias = arguments()
    sizes[5], cell[4] = vocabulary, np.ones((0, 4), np.float32)
    with pytest.raises(ValueError, match=r"contradict|must have"):
        build(sizes, cell, reader, classifier, bias)
    with pytest.raises(ValueError, match=r"contradict|must have"):
        runtime.Model("portable", False, (*sizes[:6], 1 << 32, *sizes[7:]), cell[4], (), classifier, bias)


@pytest.mark.parametrize("width", [-1, 1, 3, 1 << 62])
@pytest.mark.parametrize("embedding", [None, np.ones((5, 2), np.float32)])
def test_a_width_that_is_not_that_of_what_is_read_is_refused(width, embedding):
    sizes, cell, _, classifier, bias = arguments()
    rows = np.ones((min(abs(width), 3), 4), np.float32)
    reader = (width, ((*cell[:4], None, rows, np.ones(4, np.float32)),), None)
    with pytest.raises(ValueError, match="reader contradicts its model"):
        runtime.Model("portable", False, tuple(sizes), embedding, (reader,), classifier, bias)


def test_bytes_are_not_used_where_their_sums_could_overflow(kernels):
    depth = 140_000
    lanes = runtime.kernels(kernels)[1]
    sizes, _, _, classifier, bias = arguments()
    sizes[5], sizes[6] = 1, depth
    order = np.frombuffer(runtime.order(2, 3, lanes), np.int32)
    weights = np.full((depth, len(order)), 1 / depth, np.float32)
    zeros = np.zeros((3, len(order)), np.float32)
    reader = (depth, ((3, 3, zeros, None, None, weights, zeros[0].copy()),), None)
    embedding = np.ones((1, depth), np.float32)
    model = runtime.Model(kernels, True, tuple(sizes), embedding, (reader,), classifier, bias)
    logits = np.zeros(2, np.float32)
    model.read(np.array([0], np.int32), None, None, None, None, logits)
    np.testing.assert_allclose(logits, 2, rtol=1e-3)


def test_memory_is_freed_by_what_allocated_it():
    # Python's debugging allocator adds bytes of its own around what it gives.
    test = f"{__file__}::test_the_arguments_of_the_tests_below_are_right_otherwise"
    command = [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_first_cell_and_bad_types_are_refused():
    sizes, cell, reader, classifier, bias = arguments()
    reader[1] = (None,)
    with pytest.raises(ValueError, match="must not be None"):
        build(sizes, cell, reader, classifier, bias)
    reader[1] = ("cell",)
    with pytest.raises(TypeError, match="cell must be a tuple; got str"):
        build(sizes, cell, reader, classifier, bias)
    with pytest.raises(TypeError, match="reader must be a tuple; got int"):
        runtime.Model("portable", False, tuple(sizes), None, (3,), classifier, bias)
    sizes[4], reader[1] = 2, (tuple(cell), None)
    with pytest.raises(TypeError, match="decision must be a tuple; got NoneType"):
        build(sizes, cell, reader, classifier, bias)
    with pytest.raises(TypeError):
        runtime.Model()
    with pytest.raises(TypeError, match="keywords"):
        runtime.Model(kernels="portable")
    with pytest.raises(ValueError, match=r"classifier must have 6 elements"):
        build(*arguments()[:3], np.ones(7, np.float32), bias)


@pytest.mark.parametrize("ids", [[5], [-1], [0, 1 << 30]])
def test_ids_beyond_the_vocabulary_are_refused(ids):
    model = build(*arguments())
    with pytest.raises(ValueError, match="Token ids must be from 0 to 4"):
        model.read(np.array(ids, np.int32), None, None, None, None, None)
    with pytest.raises(ValueError, match="Token ids must be from 0 to 4"):
        model.open().feed(np.array(ids, np.int32), None)


def test_ids_that_change_while_they_are_read_do_no_harm():
    model, ids = build(*arguments()), np.zeros(1_000_000, np.int32)
    thread = threading.Thread(target=lambda: model.read(ids, None, None, None, None, None))
    thread.start()
    while thread.is_alive():
        ids[:] = 1 << 30
    thread.join()
    # They were either refused, before the reading began, or read as they had been.
    assert model.counts() in ([0], [len(ids)])


@pytest.mark.parametrize("limit", [10**30, 1 << 63, None])
def test_a_limit_beyond_any_text_is_none(limit):
    model, words = build(*arguments()), runtime.Vocabulary(["a", "b"], [1, 2], 0)
    scores = np.zeros((1, 2), np.float32)
    model.classify(words, ("a b " * 5,), limit, scores)
    assert model.counts() == [10]
    with pytest.raises(ValueError, match="limit must be at least 0"):
        model.classify(words, ("a",), -1, scores)


def test_a_vocabulary_with_ids_beyond_the_model_is_refused():
    model, scores = build(*arguments()), np.zeros((1, 2), np.float32)
    for ids, unknown in (([0, 5], 0), ([5, 0], 0), ([0, 1], 5), ([0, (1 << 31) - 1], 0)):
        with pytest.raises(ValueError, match=f"ids up to {max(*ids, unknown)}, but the model has 5 rows"):
            model.classify(runtime.Vocabulary(["a", "b"], ids, unknown), ("a b c",), None, scores)
    assert model.counts() == [0]


def test_a_vocabulary_lives_as_long_as_its_last_reading():
    model, scores = build(*arguments()), np.zeros((1, 2), np.float32)
    for first in range(3):
        # Each is freed by its owner at once; the model still holds the last one.
        model.classify(runtime.Vocabulary(["a"], [first], 4), ("a a",), None, scores)
    splitter = runtime.Vocabulary(["a"], [3], 4).splitter()
    gc.collect()
    assert np.frombuffer(splitter.feed("a b ")[0], np.int32).tolist() == [3, 4]
    stream = build(*arguments()).open()
    gc.collect()
    stream.feed(np.array([0, 1], np.int32), None)
    assert (stream.tokens, stream.copy().tokens) == (2, 2)


def test_arrays_of_other_sizes_are_refused():
    model, ids = build(*arguments()), np.array([0, 1], np.int32)
    for position in range(5):
        arrays = [None] * 5
        arrays[position] = np.zeros(11, np.float32)
        with pytest.raises(ValueError, match=r"must have \d+ elements"):
            model.read(ids, *arrays)
    read_only = np.zeros(2, np.float32)
    read_only.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        model.read(ids, None, None, None, None, read_only)
    with pytest.raises(TypeError):
        model.read(ids)
    with pytest.raises(TypeError):
        model.classify(object(), ("text",), None, np.zeros((1, 2), np.float32))


def test_a_long_piece_leaves_other_threads_running_and_its_stream_alone():
    model = build(*arguments())
    stream, ids, logits = model.open(), np.zeros(8_000_000, np.int32), np.zeros(2, np.float32)
    empty, thread = stream.save(), threading.Thread(target=stream.feed, args=(ids, None))
    uses = [
        stream.save,
        stream.copy,
        stream.counts,
        lambda: stream.tokens,
        lambda: stream.load(empty),
        lambda: stream.logits(logits),
        lambda: stream.feed(ids[:1], None),
        lambda: stream.feed(ids[:1000], None),
    ]
    thread.start()
    is_busy = False
    while thread.is_alive() and not is_busy:
        try:
            stream.save()
        except RuntimeError:
            is_busy = True
    for use in uses:
        with pytest.raises(RuntimeError, match="Another thread is using this Stream"):
            use()
    thread.join()
    assert (stream.tokens, stream.counts()) == (len(ids), [len(ids)])
    stream.load(empty)
    stream.feed(ids[:7], None)
    assert (stream.tokens, stream.counts()) == (7, [7])


def test_a_stream_refuses_impossible_states():
    stream = build(*arguments()).open()
    stream.feed(np.array([0, 1, 2], np.int32), None)
    saved = stream.save()
    for bad in (saved[:-1], saved + b"0", b""):
        with pytest.raises(ValueError, match="saved state must have"):
            stream.load(bad)
    numbers = np.frombuffer(saved, np.uint8).copy()
    numbers[:4] = np.frombuffer(np.float32(np.nan).tobytes(), np.uint8)
    with pytest.raises(ValueError, match="impossible values"):
        stream.load(numbers.tobytes())
    with pytest.raises(ValueError, match="impossible values"):
        stream.load(saved[:-8] + (7).to_bytes(8, "little"))
    # Three states, two of them unused, the count, the sums and the number of tokens.
    most = ((1 << 63) - 1).to_bytes(8, "little")
    with pytest.raises(ValueError, match="impossible values"):
        stream.load(saved[:24] + most + saved[32:-8] + most)
    assert stream.save() == saved
    with pytest.raises(TypeError):
        type(stream)()
