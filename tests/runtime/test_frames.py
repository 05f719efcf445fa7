"""The runtime on sequences of continuous features: no tokenizer, arrays in the place of texts."""

import pickle

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.frames import FrameEncoder

from .readers import FEATURES, JUMPS, POLICIES, TOKENS

GENERATOR = np.random.default_rng(3)
SEQUENCES = [GENERATOR.standard_normal((length, 5)) for length in (17, 1, 0, 40)]
NAMES = {"id2label": {"0": "low", "1": "high"}}


def saved(models, **fields):
    folder = models.folder(**{**FEATURES, **NAMES, **fields})
    (folder / "tokenizer.json").unlink()
    return folder


@pytest.fixture
def clf(models):
    return SkimRuntime.from_pretrained(saved(models, policy="skip"), backend="numpy")


def test_a_folder_without_a_tokenizer_is_whole(models):
    clf = SkimRuntime.from_pretrained(saved(models))
    assert clf.config.input_size == 5
    folder = models.folder()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks tokenizer\.json"):
        SkimRuntime.from_pretrained(folder)


def test_arrays_stand_for_texts(clf):
    one = clf(SEQUENCES[0])
    assert one["label"] in ("low", "high")
    several = clf(SEQUENCES)
    assert (several[0], len(several)) == (one, 4)
    assert clf(np.stack([SEQUENCES[0], SEQUENCES[0]])) == [one, one]
    assert list(clf.predict_iter(iter(SEQUENCES), batch_size=2)) == several
    assert clf.predict(SEQUENCES) == [result["label"] for result in several]
    assert clf.predict_proba(SEQUENCES[0]).shape == (1, 2)
    assert clf.predict_proba(SEQUENCES).argmax(1).tolist() == [
        clf.labels.index(x) for x in clf.predict(SEQUENCES)
    ]
    assert clf([SEQUENCES[0].tolist()]) == [one]
    assert pickle.loads(pickle.dumps(clf))(SEQUENCES) == several


def test_what_texts_have_frames_have_too(clf):
    counted = clf.count_operations(SEQUENCES)
    assert counted.texts == 4
    assert clf.parity(SEQUENCES).label_agreement == 1
    threshold = clf.calibrate(SEQUENCES, 0.6)
    assert clf.with_threshold(threshold).read_ids(SEQUENCES[3]).skim_rate >= 0.4
    trace = clf.trace(SEQUENCES[0])
    assert [(token.start, token.end) for token in trace.tokens] == [(place, place + 1) for place in range(17)]
    assert (trace.to_text(), trace.label) == ("", clf.predict(SEQUENCES[0]))


def test_labels_of_frames(models):
    clf = SkimRuntime.from_pretrained(saved(models, **TOKENS, policy="selective"))
    found = clf(SEQUENCES[0])
    labels = clf.predict(SEQUENCES[0])
    assert [(entity["index"], entity["entity"]) for entity in found] == [
        (place, label) for place, label in enumerate(labels) if label != "O"
    ]
    session = clf.stream()
    pieces = [session.feed(SEQUENCES[0][:5]), session.feed(SEQUENCES[0][5:]), session.result()]
    assert [entity for piece in pieces for entity in piece] == found


@pytest.mark.parametrize("jumps", ["no jumps", "jumps"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_stream_of_frames_says_what_one_shot_says(models, policy, jumps):
    clf = SkimRuntime.from_pretrained(saved(models, **POLICIES[policy], **JUMPS[jumps]))
    session, frames = clf.stream(), SEQUENCES[3]
    for frame in frames[:20]:
        session.feed(frame[None])
    other = clf.stream()
    other.restore(session.snapshot())
    assert other.feed(frames[20:]) == clf(frames)
    reading = clf.read_ids(frames)
    assert (other.tokens, other.read) == (40, np.count_nonzero(reading.decisions == 0))
    assert other.skim_rate == pytest.approx(reading.skim_rate)


def test_only_the_first_frames(models):
    folder = saved(models)
    whole, cut = SkimRuntime.from_pretrained(folder), SkimRuntime.from_pretrained(folder, max_tokens=6)
    assert cut(SEQUENCES[3]) == whole(SEQUENCES[3][:6])
    session = cut.stream()
    assert session.feed(SEQUENCES[3][:4]) == whole(SEQUENCES[3][:4])
    assert session.feed(SEQUENCES[3][4:]) == whole(SEQUENCES[3][:6])


def with_nan(place):
    frames = SEQUENCES[0].copy()
    frames[place, 2] = np.nan
    return frames


WRONG = [
    ("a text", TypeError, r"frames of features, arrays of shape \[frames, 5\], not words; got str"),
    (["a text"], TypeError, "got str at position 0"),
    (np.zeros((3, 4)), ValueError, r"shape \[frames, 5\] \(input_size=5\); got float64 of shape \[3, 4\]"),
    ([SEQUENCES[0], np.zeros(5)], ValueError, r"got float64 of shape \[5\] at position 1"),
    (np.zeros(5), ValueError, r"got float64 of shape \[5\]"),
    (with_nan(3), ValueError, "frame 3 holds NaN or infinity"),
    (
        [SEQUENCES[0], np.full((2, 5), 1e300)],
        ValueError,
        "frame 0 at position 1 holds NaN or infinity in float32",
    ),
    (3, ValueError, r"shape \[frames, 5\]"),
    ([SEQUENCES[0], [["a"] * 5]], ValueError, "at position 1"),
]


@pytest.mark.parametrize(("inputs", "error", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_frames_are_named(clf, inputs, error, message):
    for call in (clf, clf.predict, clf.predict_proba, clf.count_operations):
        with pytest.raises(error, match=message):
            call(inputs)


def test_a_stream_refuses_wrong_frames_and_goes_on(clf):
    session = clf.stream()
    session.feed(SEQUENCES[3][:9])
    before = session.snapshot()
    for wrong in ("text", np.zeros((2, 4)), with_nan(1)):
        with pytest.raises((TypeError, ValueError), match=r"frame"):
            session.feed(wrong)
    assert session.snapshot() == before
    assert session.feed(SEQUENCES[3][9:]) == clf(SEQUENCES[3])


def test_a_model_of_words_says_what_it_reads(models):
    clf = SkimRuntime.from_pretrained(models.folder())
    for wrong in (SEQUENCES[0], [SEQUENCES[0]]):
        with pytest.raises(TypeError, match="reads words; frames of features go to a model with input_size"):
            clf(wrong)


def test_what_is_not_read_may_be_anything(clf):
    """`read_ids` looks at nothing but what the model reads, as an engine does."""
    frames = SEQUENCES[3].copy()
    reading = clf.read_ids(frames)
    frames[reading.decisions[:, 0] != 0] = np.nan
    assert np.isnan(frames).any()
    assert np.array_equal(clf.read_ids(frames).logits, reading.logits)
    engine = NumpyEngine(clf.config, clf._model.weights, 0.5)
    assert np.array_equal(engine.read(SEQUENCES[3]).logits, reading.logits)


def test_frames_of_an_encoder_are_float32():
    encoder = FrameEncoder(5)
    assert encoder.ids([], limit=3).shape == (0, 5)
    assert encoder.ids(np.ones((4, 5), int), limit=3).dtype == np.float32
