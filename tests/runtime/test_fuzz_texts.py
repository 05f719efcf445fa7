"""Any text, whole and in pieces: the native engine says what NumPy says, and pieces what the whole says."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.snapshot import MAGIC
from skim_hf.runtime.text import TextEncoder

pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")

TAGS = {"architectures": ["SkimRNNForTokenClassification"], "id2label": {"0": "O", "1": "X", "2": "Y"}}
# Wide enough for products of bytes, and no whole number of vectors.
SHAPES = [
    {"hidden_size": 37, "skim_sizes": [5]},
    {
        "hidden_size": 33,
        "skim_sizes": [9, 2, 0],
        "cell_type": "gru",
        "num_hidden_layers": 2,
        "pooling": "max",
    },
    {"hidden_size": 41, "policy": "full", "cell_type": "tanh", "pooling": "mean", "id2label": {"0": "stars"}},
    {"hidden_size": 35, "skim_sizes": [3], "small_input": "full_h", **TAGS},
]
# fmt: off
PIECES = [
    "good ", "film", " The", "Very", " dull", "n't", "\u2019s", "'", "not ", ",", "...", "!!!!!!!!!", "a",
    "i\u0307", "\u0130", "\x00", "\n", "\ud800", "\udfff", "\ufffd", "e\u0301", "\u0301" * 40, "\u202e",
    "\u05d0\u05d1 ", "\u0627\u0644\u0641", "\u200f", "\U0001f468\u200d\U0001f469", "\u6f22\u5b57",
    "\U0010ffff", "[PAD]", "[UNK] ", "x" * 300, "good film " * 150,
]
# fmt: on
texts = st.text(st.characters(exclude_categories=()), max_size=50) | st.lists(
    st.sampled_from(PIECES), max_size=12
).map("".join)
# Numbers of two programs are compared, and near a threshold a rounding decides: always the same examples.
quick = settings(max_examples=60, deadline=None, derandomize=True)


class Runtimes:
    def __init__(self, folder):
        self.numpy = SkimRuntime.from_pretrained(folder, backend="numpy")
        self.native = SkimRuntime.from_pretrained(folder, backend="native")
        self.int8 = SkimRuntime.from_pretrained(folder, backend="native", dtype="int8")
        self.library = TextEncoder.load(folder / "tokenizer.json", 15, native=False)


@pytest.fixture(scope="module", params=SHAPES, ids=range(len(SHAPES)))
def runtimes(request, shared_models):
    return Runtimes(shared_models.folder(**request.param))


def pieces_of(text, cuts):
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


def said(clf, session, pieces):
    """What a session says of a text in the end."""
    results = [session.feed(piece) for piece in pieces]
    if not clf.config.labels_tokens:
        return session.result()
    return [entity for result in results for entity in result] + session.result()


@quick
@given(text=texts)
def test_native_says_what_numpy_says(runtimes, text):
    numpy, native = runtimes.numpy, runtimes.native
    ids = native.encode(text)
    np.testing.assert_array_equal(ids, runtimes.library.ids(text))
    truth, found = numpy.read_ids(ids), native.read_ids(ids)
    np.testing.assert_array_equal(found.decisions, truth.decisions)
    np.testing.assert_allclose(found.scores, truth.scores, atol=1e-4)
    np.testing.assert_allclose(native.predict_proba(text), numpy.predict_proba(text), atol=1e-5)
    assert native.predict(text) == numpy.predict(text)


@quick
@given(text=texts, cuts=st.lists(st.integers(0, 2000), max_size=8), data=st.data())
def test_pieces_and_snapshots_say_exactly_what_the_whole_says(runtimes, text, cuts, data):
    pieces = pieces_of(text, cuts)
    at = data.draw(st.integers(0, len(pieces)))
    for clf in (runtimes.native, runtimes.int8):
        whole = clf(text)
        assert said(clf, clf.stream(), pieces) == whole
        first, second = clf.stream(), clf.stream()
        before = [first.feed(piece) for piece in pieces[:at]]
        second.restore(first.snapshot())
        rest = said(clf, second, pieces[at:])
        given = [entity for result in before for entity in result] if clf.config.labels_tokens else None
        assert (rest if given is None else given + rest) == whole


def sealed(body):
    """A snapshot of any content with a right checksum."""
    return MAGIC + (1).to_bytes(2, "little") + hashlib.blake2b(body, digest_size=16).digest() + body


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_snapshot_damaged_before_it_was_sealed_is_refused_or_read_on_from(runtimes, data):
    for clf in (runtimes.numpy, runtimes.native, runtimes.int8):
        session = clf.stream()
        session.feed("A good film isn")
        whole, before = session.snapshot(), session.result()
        body = bytearray(whole[len(sealed(b"")) :])
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(body) - 1))
            # Mostly in the states, which are at the end.
            place = len(body) - 1 - place if data.draw(st.booleans()) else place
            body[place : place + 1] = data.draw(st.binary(max_size=3) | st.just(b"\xff"))
        try:
            session.restore(sealed(bytes(body)))
        except ValueError:
            assert session.snapshot() == whole
            assert session.result() == before
        else:
            with np.errstate(all="ignore"):
                session.feed("'t dull " * 20)
                session.result()


UNITS = ["x", "n", "n'", "e\u0301", "\u05d0", "\x00", "\ud800", "'", "\U0001f600", "\u0130"]


@pytest.mark.parametrize("runtimes", SHAPES[:1], indirect=True, ids=[0])
@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_a_word_of_ten_megabytes(runtimes, unit):
    text = unit * (10_000_003 // len(unit.encode("utf-8", "surrogatepass"))) + " film"
    if len(runtimes.native.encode(text)) > 1_000_000:
        text = text[-100_000:]
    numpy, native = runtimes.numpy, runtimes.native
    np.testing.assert_allclose(native.predict_proba(text), numpy.predict_proba(text), atol=1e-5)
    whole = native(text)
    assert said(native, native.stream(), pieces_of(text, range(0, len(text), 999_983))) == whole
