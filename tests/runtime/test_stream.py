"""Texts that arrive in pieces, against the same texts at once: exactly the same results."""

import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.snapshot import pack

pytestmark = pytest.mark.usefixtures("backend")

TEXT = "The film,  was very (very) dull\nnot\u00a0good: a i\u0307 İ zebra\u0301 🎬film \ud800. [PAD] fine"
TOKEN = {
    "architectures": ["SkimRNNForTokenClassification"],
    "id2label": {"0": "O", "1": "X", "2": "Y"},
    "seed": 3,
}
SHAPES = [
    {},
    {"policy": "full", "num_hidden_layers": 2, "pooling": "mean", "cell_type": "gru"},
    {"skim_sizes": [4, 2, 0], "num_hidden_layers": 2, "pooling": "max", "id2label": {"0": "stars"}},
    {"problem_type": "regression", "pooling": "mean", "cell_type": "tanh"},
    {"problem_type": "multi_label_classification"},
    TOKEN,
    {**TOKEN, "num_hidden_layers": 3, "skim_sizes": [4, 0]},
]


@pytest.fixture(scope="module", params=SHAPES, ids=range(len(SHAPES)))
def clf(request, shared_models, backend):
    return SkimRuntime.from_pretrained(shared_models.folder(**request.param))


@pytest.fixture(scope="module")
def plain(shared_models, backend):
    return SkimRuntime.from_pretrained(shared_models.folder())


@pytest.fixture(scope="module")
def tagger(shared_models, backend):
    return SkimRuntime.from_pretrained(shared_models.folder(**TOKEN))


def pieces_of(text, cuts):
    ends = [0, *sorted(cuts), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


def said(clf, session, pieces):
    """What a session says of a text in the end."""
    results = [session.feed(piece) for piece in pieces]
    if not clf.config.labels_tokens:
        assert not results or results[-1] == session.result()
        return session.result()
    return [entity for result in results for entity in result] + session.result()


CUTS = st.lists(st.integers(0, len(TEXT)), max_size=12)


@settings(deadline=None, max_examples=40)
@given(cuts=CUTS, max_tokens=st.none() | st.integers(1, 30))
def test_any_pieces_give_the_result_of_the_whole(clf, cuts, max_tokens):
    if max_tokens is not None:
        clf = SkimRuntime(clf._model, replace(clf.options, max_tokens=max_tokens))
    session = clf.stream()
    assert said(clf, session, pieces_of(TEXT, cuts)) == clf(TEXT)


@settings(deadline=None, max_examples=20)
@given(text=st.text(st.sampled_from("aeflimdug .,İ\ud800\n"), max_size=30), data=st.data())
def test_any_text_in_any_pieces(plain, tagger, text, data):
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    for clf in (plain, tagger):
        assert said(clf, clf.stream(), pieces_of(text, cuts)) == clf(text)


def test_every_running_result_is_that_of_the_text_so_far(clf):
    session, found = clf.stream(), []
    for position, char in enumerate(TEXT):
        result = session.feed(char)
        if clf.config.labels_tokens:
            found += result
            result = found + session.result()
        assert result == clf(TEXT[: position + 1])


def test_before_the_first_piece(clf):
    session = clf.stream()
    assert session.result() == clf("")
    assert session.feed("") == clf("")
    assert (session.tokens, session.read, session.skim_rate) == (0, 0, 0.0)


def test_tokens_and_reads_are_counted_once_a_word_is_complete(clf):
    session = clf.stream()
    session.feed("A good fil")
    assert session.tokens == 2
    session.result()
    session.feed("m ")
    assert session.tokens == 3
    decisions = clf.read_ids(clf.encode("A good film")).decisions
    assert session.read == (decisions == 0).sum()
    assert session.skim_rate == clf.trace("A good film").skim_rate


def test_an_entity_is_said_once_and_by_the_piece_that_completes_it(tagger):
    whole = tagger(TEXT)
    session, found = tagger.stream(), []
    for char in TEXT:
        found.append(session.feed(char))
    assert [entity for result in found for entity in result] + session.result() == whole
    assert session.result() == session.result()
    for position, entities in enumerate(found):
        assert all(entity["end"] <= position for entity in entities)


def test_a_labelling_session_forgets_what_is_done(tagger):
    session = tagger.stream()
    for _ in range(200):
        session.feed("zebra " * 5 + " " * 50)
        session.feed("film ")
        assert len("".join(session._pieces)) < 10
    assert session.tokens == 1200
    assert len(session.snapshot()) < len(tagger.stream().snapshot()) + 30


def test_memory_is_constant(plain):
    session = plain.stream()
    session.feed("a good film ")
    size = len(session.snapshot())
    for _ in range(50):
        session.feed("a very dull film " * 20)
    assert session.tokens == 4003
    assert len(session.snapshot()) <= size + 10


@settings(deadline=None, max_examples=25)
@given(cuts=CUTS, at=st.integers(0, len(TEXT)))
def test_a_restored_session_goes_on(clf, cuts, at):
    first, second = clf.stream(), clf.stream()
    before = [first.feed(piece) for piece in pieces_of(TEXT[:at], [c for c in cuts if c <= at])]
    second.feed("very bad ")  # forgotten
    second.restore(first.snapshot())
    first.feed("dull " * 3)  # changes nothing elsewhere
    rest = said(clf, second, pieces_of(TEXT[at:], [c - at for c in cuts if c > at]))
    assert (
        [entity for result in before for entity in result] + rest if clf.config.labels_tokens else rest
    ) == clf(TEXT)


def test_a_snapshot_is_the_whole_state(clf):
    session, other = clf.stream(), clf.stream()
    session.feed(TEXT[:20])
    snapshot = session.snapshot()
    assert session.snapshot() == snapshot
    other.restore(snapshot)
    assert other.snapshot() == snapshot
    assert (other.result(), other.tokens, other.read) == (session.result(), session.tokens, session.read)


@settings(deadline=None)
@given(data=st.data())
def test_damaged_snapshots_are_refused_and_change_nothing(plain, tagger, data):
    clf = data.draw(st.sampled_from([plain, tagger]))
    session = clf.stream()
    session.feed(TEXT[:17])
    whole = session.snapshot()
    position = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.none() | st.binary(min_size=1, max_size=9))
    damaged = whole[:position] + (b"" if damage is None else damage + whole[position + len(damage) :])
    if damaged == whole:
        return
    before = session.result()
    with pytest.raises(ValueError, match="snapshot"):
        session.restore(damaged)
    assert session.result() == before
    assert session.snapshot() == whole


def test_a_snapshot_of_something_else_is_refused(shared_models, plain, tagger):
    snapshot = plain.stream().snapshot()
    other = SkimRuntime.from_pretrained(shared_models.folder(seed=1))
    for clf, message in (
        (other, "another model"),
        (tagger, "another model"),
        (plain.with_threshold(0.3), "threshold=0.5 instead of 0.3"),
        (SkimRuntime(plain._model, replace(plain.options, max_tokens=5)), "max_tokens=None instead of 5"),
    ):
        with pytest.raises(ValueError, match=message):
            clf.stream().restore(snapshot)
    plain.with_threshold(0.5).stream().restore(snapshot)
    pickle.loads(pickle.dumps(plain)).stream().restore(snapshot)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_snapshot_with_other_parts_is_refused(plain, count):
    session = plain.stream()
    with pytest.raises(ValueError, match=f"three parts; got {count}"):
        session.restore(pack(plain._snapshot_settings, [b""] * count))


def test_a_forged_number_of_tokens_leaves_no_room(folder):
    clf = SkimRuntime.from_pretrained(folder, max_tokens=2)
    more = SkimRuntime(clf._model, replace(clf.options, max_tokens=None)).stream()
    more.feed("a good film a good film ")
    session = clf.stream()
    session.restore(pack(clf._snapshot_settings, [more._splitter.save(), more._stream.save(), b""]))
    before = session.result()
    assert (session.tokens, session.feed("very dull "), session.tokens) == (6, before, 6)


def test_bidirectional_models_say_why_they_cannot(shared_models):
    clf = SkimRuntime.from_pretrained(shared_models.folder(bidirectional=True))
    with pytest.raises(ValueError, match=r"backward reader starts at the end.*call the runtime"):
        clf.stream()


@pytest.mark.parametrize("wrong", [None, 3, b"film", ["film"]])
def test_what_is_not_text_is_refused_and_changes_nothing(clf, wrong):
    session = clf.stream()
    session.feed(TEXT[:9])
    before = session.snapshot()
    with pytest.raises(TypeError, match="Expected text"):
        session.feed(wrong)
    assert session.snapshot() == before


def test_sessions_in_many_threads(clf):
    expected, found = clf(TEXT), []

    def work(step):
        for _ in range(3):
            found.append(said(clf, clf.stream(), pieces_of(TEXT, range(0, len(TEXT), step))))

    threads = [threading.Thread(target=work, args=(step,)) for step in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 18


def test_the_name_of_a_model_does_not_depend_on_the_process(plain, tmp_path):
    path = tmp_path / "clf.pickle"
    path.write_bytes(pickle.dumps(plain))
    code = (
        "import pickle, sys\n"
        "clf = pickle.loads(open(sys.argv[1], 'rb').read())\n"
        "print(clf._snapshot_settings['model'])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == plain._snapshot_settings["model"]
