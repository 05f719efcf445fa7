"""What the C kernels' models of the other readers are made of, and arguments and states that lie."""

import numpy as np
import pytest

runtime = pytest.importorskip(
    "skim_hf.native._runtime", reason="skim_hf was installed without its C extension"
)

OF_READER, OF_UNITS, OF_GATE, OF_COIN, OF_CLOCK = range(5)
LANES = 4


def ones(*shape):
    return np.ones(shape, np.float32)


class Spec:
    """A tanh model of V = 5, d = 3 and two labels, by the portable kernels; tests change what they like."""

    def __init__(self, chooser=OF_READER, jumps=(0, 0, 0), layers=1, directions=1):
        self.sizes = [2, 3, layers, directions, 2 if chooser else 1, 5, 2, 0, 0, False, 2, 1.0, 0.0]
        self.rules = [chooser, 0.5, 0.5, *jumps]
        self.embedding, self.classifier, self.bias = None, ones(2, 3 * directions), ones(2)
        self.cells = [(3, 3, ones(3, LANES), None, ones(5, LANES), None, None)]
        self.units = self.gate = self.jump = self.initial = None
        if chooser == OF_UNITS:
            self.cells = []
            self.units = [ones(3, 3), None, ones(5, 3), None, None, ones(3), ones(5, LANES), None, None]
        if chooser == OF_GATE:
            self.gate = (ones(3), -3.0)
        if jumps[0]:
            self.jump = (ones(jumps[1] + 1, 3), np.arange(jumps[1] + 1, dtype=np.float32))

    @property
    def parts(self):
        return (self.units and tuple(self.units), self.gate, self.jump, self.initial)

    def build(self):
        reader = (0, tuple(self.cells), None, self.parts)
        readers = (reader,) * (self.sizes[2] * self.sizes[3])
        arguments = (tuple(self.sizes), self.embedding, readers, self.classifier, self.bias)
        return runtime.Model("portable", False, *arguments, tuple(self.rules))


READERS = [
    (OF_READER, (2, 3, 4)),
    (OF_UNITS, (0, 0, 0)),
    (OF_UNITS, (2, 3, 4)),
    (OF_GATE, (0, 0, 0)),
    (OF_GATE, (2, 3, 4)),
    (OF_COIN, (0, 0, 0)),
    (OF_CLOCK, (1, 1, 0)),
]


def read(model, length=20):
    decisions, units, jumps = (
        np.zeros((length, 1), np.int64),
        np.zeros((length, 1), np.int64),
        np.zeros(1, int),
    )
    model.read(np.zeros(length, np.int32), decisions, None, None, None, None, units, jumps)
    return decisions[:, 0].tolist(), units[:, 0].tolist(), jumps.tolist()


@pytest.mark.parametrize(("chooser", "jumps"), READERS)
def test_the_arguments_of_the_tests_below_are_right_otherwise(chooser, jumps):
    model = Spec(chooser, jumps).build()
    decisions, units, found = read(model)
    assert decisions[0] == 0
    assert model.counts()[0] == decisions.count(0)
    assert model.units() == [sum(units)]
    assert model.jumps() == found
    assert bool(jumps[0]) == (-1 in decisions)
    assert bool(units[0]) == (chooser == OF_UNITS)


def test_jumps_go_where_they_say_and_end_in_time():
    # The head always wants its largest jump: two tokens, then three on from the second of them.
    decisions, _, jumps = read(Spec(jumps=(2, 3, 4)).build())
    assert [at for at, choice in enumerate(decisions) if choice == 0] == [0, 1, 4, 5, 8, 9, 12, 13, 16, 17]
    assert jumps == [4]


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, -1),
        (0, 5),
        (1, -0.1),
        (1, 1.0),
        (1, float("nan")),
        (2, float("nan")),
        (3, -1),
        (3, 0),
        (4, 0),
        (4, -1),
        (4, 1 << 40),
        (5, -1),
    ],
)
@pytest.mark.parametrize("chooser", [OF_READER, OF_GATE])
def test_impossible_rules_are_refused(chooser, index, value):
    spec = Spec(chooser, (2, 3, 4))
    spec.rules[index] = value
    with pytest.raises(ValueError, match="contradict"):
        spec.build()


@pytest.mark.parametrize("chooser", range(5))
@pytest.mark.parametrize("other", range(5))
def test_parts_of_another_reader_are_refused(chooser, other):
    spec = Spec(chooser)
    spec.rules[0] = other
    if chooser == other or {chooser, other} == {OF_COIN, OF_CLOCK}:
        spec.build()
    else:
        with pytest.raises(ValueError, match=r"contradict"):
            spec.build()


@pytest.mark.parametrize(("chooser", "jumps"), [(OF_GATE, (0, 0, 0)), (OF_READER, (2, 3, 4))])
def test_one_pointer_cannot_serve_two_directions_of_a_stack(chooser, jumps):
    with pytest.raises(ValueError, match="contradict"):
        Spec(chooser, jumps, layers=2, directions=2).build()


# What the tables make superfluous, at 3, 4, 7 and 8, is not looked at.
@pytest.mark.parametrize("index", [0, 1, 2, 5, 6])
def test_units_of_other_sizes_are_refused(index):
    spec = Spec(OF_UNITS)
    spec.units[index] = ones(7)
    with pytest.raises(ValueError, match=r"contradicts|must have"):
        spec.build()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gate", (ones(4), 0.0)),
        ("jump", (ones(3, 3), ones(4))),
        ("jump", (ones(4, 3), ones(3))),
        ("initial", ones(3)),
    ],
)
def test_parts_of_other_sizes_are_refused(name, wrong):
    spec = Spec(OF_GATE, (2, 3, 4))
    setattr(spec, name, wrong)
    with pytest.raises(ValueError, match="must have"):
        spec.build()


@pytest.mark.parametrize("name", ["gate", "jump", "rules"])
def test_parts_that_are_no_tuples_are_refused(name):
    spec = Spec(OF_GATE, (2, 3, 4))
    setattr(spec, name, ["text"] if name == "rules" else "text")
    with pytest.raises(TypeError):
        spec.build()


def test_results_of_other_sizes_are_refused():
    model, ids = Spec(OF_UNITS).build(), np.zeros(4, np.int32)
    for position in range(8):
        arrays = [None] * 8
        arrays[position] = np.zeros(11, np.float32)
        with pytest.raises(ValueError, match=r"must have \d+ elements"):
            model.read(ids, *arrays)
    with pytest.raises(TypeError):
        model.read(ids, *[None] * 9)


def test_a_model_of_frames_reads_whole_frames_and_no_text():
    spec = Spec()
    spec.sizes[5] = 0
    cell = (3, 3, ones(3, LANES), None, None, ones(2, LANES), ones(LANES))
    reader = (2, (cell,), None)
    model = runtime.Model("portable", False, tuple(spec.sizes), None, (reader,), spec.classifier, spec.bias)
    logits = np.zeros(2, np.float32)
    model.read(np.zeros((3, 2), np.float32), None, None, None, None, logits)
    assert model.counts() == [3]
    with pytest.raises(ValueError, match="Frames must have 2 numbers each"):
        model.read(np.zeros(3, np.float32), None, None, None, None, None)
    with pytest.raises(ValueError, match="Frames must have 2 numbers each"):
        model.open().feed(np.zeros(3, np.float32), None)
    words = runtime.Vocabulary(["a"], [1], 0)
    with pytest.raises(ValueError, match="reads no text"):
        model.classify(words, ("a",), None, np.zeros((1, 2), np.float32))
    for wrong in ((0, *reader[1:]), (2, Spec().cells, None)):
        with pytest.raises((ValueError, TypeError)):
            runtime.Model("portable", False, tuple(spec.sizes), None, (wrong,), spec.classifier, spec.bias)
    with pytest.raises(ValueError, match="contradict"):
        runtime.Model("portable", False, tuple(spec.sizes), ones(5, 2), (reader,), spec.classifier, spec.bias)


def test_a_model_without_layers_needs_something_to_pool():
    spec = Spec()
    spec.sizes[2], spec.sizes[7] = 0, 1

    def build(embedding, classifier, rules=None):
        arguments = (tuple(spec.sizes), embedding, (), classifier, spec.bias, rules)
        return runtime.Model("portable", False, *arguments)

    model, logits = build(ones(5, 2), ones(2, 2)), np.zeros(2, np.float32)
    model.read(np.zeros(3, np.int32), None, None, None, None, logits)
    assert logits.tolist() == [3, 3]
    assert model.counts() == []
    for arguments in (
        (None, ones(2, 2)),
        (ones(5, 2), ones(2, 3)),
        (ones(5, 2), ones(2, 2), (0, 0, 0, 1, 1, 1)),
    ):
        with pytest.raises(ValueError, match=r"contradict|must have"):
            build(*arguments)


def test_a_first_state_is_where_a_reading_begins():
    spec = Spec()
    spec.initial = np.array([[0.5, -0.25, 0.125], [0, 0, 0]], np.float32)
    model, hidden = spec.build(), np.zeros((1, 3), np.float32)
    for _ in range(2):
        model.read(np.zeros(0, np.int32), None, None, hidden, None, None)
        assert hidden.tolist() == [[0.5, -0.25, 0.125]]
        model.read(np.zeros(2, np.int32), None, None, hidden, None, None)
        assert hidden[0, 0] != 0.5


@pytest.mark.parametrize(("chooser", "jumps"), READERS)
def test_a_stream_refuses_impossible_states(chooser, jumps):
    model = Spec(chooser, jumps).build()
    stream = model.open()
    stream.feed(np.zeros(9, np.int32), None)
    saved = stream.save()
    for bad in (saved[:-1], saved + b"0", b""):
        with pytest.raises(ValueError, match="saved state must have"):
            stream.load(bad)
    # Whatever bytes are taken for a state, nothing is read or written where it should not be.
    generator, refused = np.random.default_rng(0), 0
    for _ in range(2000):
        changed = np.frombuffer(saved, np.uint8).copy()
        changed[generator.integers(0, len(saved))] = generator.integers(0, 256)
        other = model.open()
        try:
            other.load(changed.tobytes())
        except ValueError:
            refused += 1
        other.feed(np.zeros(20, np.int32), None)
        other.save()
    assert refused > 100
    assert stream.save() == saved
