import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.config import RuntimeConfig

pytestmark = pytest.mark.usefixtures("backend")

TEXTS = ["A good film.", "the film was very, very dull", "", "a", "zebra quagga"]


@pytest.fixture(scope="module")
def clf(folder, backend):
    return SkimRuntime.from_pretrained(folder)


def test_one_text_gives_one_prediction_and_a_list_a_list(clf):
    predictions = clf(TEXTS)
    assert predictions == [clf(text) for text in TEXTS]
    for prediction in predictions:
        assert set(prediction) == {"label", "score"}
        assert prediction["label"] in clf.labels == ("negative", "positive")
        assert type(prediction["score"]) is float
        assert 0.5 <= prediction["score"] <= 1


def test_several_texts_may_come_as_any_iterable(clf):
    assert clf(tuple(TEXTS)) == clf(iter(TEXTS)) == clf(np.array(TEXTS)) == clf(TEXTS)


def test_no_texts_give_no_results(clf):
    assert clf([]) == []
    assert clf.predict([]) == []
    assert clf.predict_proba([]).shape == (0, 2)
    assert clf.count_operations([]).total == 0


def test_predict_gives_label_names(clf):
    assert clf.predict(TEXTS) == [prediction["label"] for prediction in clf(TEXTS)]
    assert clf.predict(TEXTS[0]) == clf(TEXTS[0])["label"]


def test_predict_proba_gives_a_row_per_text(clf):
    rows = clf.predict_proba(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), 2)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    assert clf.predict_proba(TEXTS[0]).shape == (1, 2)
    assert rows.max(1).tolist() == [prediction["score"] for prediction in clf(TEXTS)]


def logits_model(models, logits, **values):
    """A model whose logits for the empty text are given: the classifier's bias."""

    def change(tensors):
        tensors["classifier.bias"][:] = logits

    names = {str(number): f"label {number}" for number in range(len(logits))}
    return SkimRuntime.from_pretrained(models.folder(change=change, id2label=names, **values))


@pytest.mark.parametrize(
    ("logits", "problem", "label", "score"),
    [
        ([0.0, 1.0, -1.0], None, 1, np.exp(1) / (np.exp(1) + 1 + np.exp(-1))),
        ([0.0, 1.0], "single_label_classification", 1, 1 / (1 + np.exp(-1))),
        ([200.0, -200.0], None, 0, 1.0),
        ([-1.0, -2.0], "multi_label_classification", 0, 1 / (1 + np.exp(1))),
        ([-1.0], None, 0, 1 / (1 + np.exp(1))),
        ([-3.5], "regression", 0, -3.5),
        ([-3.5, 2.5], "regression", 1, 2.5),
    ],
)
def test_scores_are_those_of_a_transformers_pipeline(models, logits, problem, label, score):
    prediction = logits_model(models, logits, problem_type=problem)("")
    assert prediction == {"label": f"label {label}", "score": pytest.approx(score, rel=1e-6)}


@pytest.mark.parametrize("text", ["", " ", "\n\t \u00a0"])
def test_a_text_without_words_has_a_defined_result(clf, text):
    assert clf(text) == clf("")
    trace = clf.trace(text)
    assert (trace.tokens, trace.skim_rate, trace.text) == ((), 0.0, text)
    assert {"label": trace.label, "score": trace.score} == clf("")


@pytest.mark.parametrize(
    "text",
    ["zebra quagga okapi", "🎬🍿👩‍👩‍👧", "e\u0301\u0327 \u0301", "a\ud800b", "\x00", "[PAD]", "\u200f"],
)
def test_unusual_texts_have_a_result(clf, text):
    trace = clf.trace(text)
    assert clf(text) == {"label": trace.label, "score": trace.score}
    assert np.isfinite(trace.score)
    assert all(0 <= token.start < token.end <= len(text) for token in trace.tokens)


def test_unknown_words_are_all_alike(clf):
    assert clf("zebra") == clf("quagga")


def test_a_million_words(models):
    # A model that copies its state at every word must say of any text what it says of none.
    clf = SkimRuntime.from_pretrained(models.folder(skim_sizes=[0]), threshold=0)
    text = "film the zebra . " * 250_000
    assert clf(text) == clf("")
    reading = clf.read_ids(np.tile(clf.encode("film the zebra ."), 250_000))
    assert reading.decisions.shape == (1_000_000, 1)
    assert reading.skim_rate == 1


@pytest.mark.parametrize("wrong", [None, 3, 1.5, b"film", True, {"text": "film"}, np.float32(1)])
def test_what_is_not_text_is_refused(clf, wrong):
    kind = type(wrong).__name__
    for method in (clf, clf.predict, clf.predict_proba, clf.count_operations, clf.trace, clf.encode):
        with pytest.raises(TypeError, match=f"Expected text .*got {kind}"):
            method(wrong)


@pytest.mark.parametrize("wrong", [None, 3, b"film", ["film"], float("nan")])
def test_what_is_not_text_in_a_list_is_refused_with_its_position(clf, wrong):
    for method in (clf, clf.predict, clf.predict_proba, clf.count_operations):
        with pytest.raises(TypeError, match=f"got {type(wrong).__name__} at position 1"):
            method(["film", wrong])


def test_the_threshold_is_the_dial_between_reading_and_skimming(folder):
    rates = []
    for threshold in (0, 0.5, 1):
        clf = SkimRuntime.from_pretrained(folder, threshold=threshold)
        assert clf.threshold == threshold
        rates.append(clf.trace("a good film , not dull .").skim_rate)
    assert rates[0] == 1
    assert rates[2] == 0
    assert 0 < rates[1] < 1


def test_without_a_threshold_the_model_s_own_counts(models):
    assert SkimRuntime.from_pretrained(models.folder(skim_threshold=0.25)).threshold == 0.25


@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan"), float("inf"), "0.5", True])
def test_an_impossible_threshold_is_refused(folder, threshold):
    with pytest.raises(ValueError, match=r"threshold must be a number in \[0, 1\]"):
        SkimRuntime.from_pretrained(folder, threshold=threshold)


def test_a_threshold_may_be_a_numpy_number(folder):
    assert SkimRuntime.from_pretrained(folder, threshold=np.float32(0.25)).threshold == 0.25


def test_a_trace_tells_of_every_token(clf):
    text = "The film was very dull."
    trace, reading = clf.trace(text), clf.read_ids(clf.encode(text))
    assert [token.token for token in trace.tokens] == ["the", "film", "was", "very", "dull", "."]
    assert [text[token.start : token.end] for token in trace.tokens] == [
        "The",
        "film",
        "was",
        "very",
        "dull",
        ".",
    ]
    assert [token.decision for token in trace.tokens] == reading.decisions[:, 0].tolist()
    assert [token.p_skim for token in trace.tokens] == reading.probabilities[:, 0, 1].tolist()
    assert all((token.p_skim > 0.5) == (token.decision > 0) for token in trace.tokens)
    assert trace.skim_rate == reading.skim_rate
    assert {"label": trace.label, "score": trace.score} == clf(text)


def test_a_trace_of_several_readers_has_all_their_decisions(models):
    clf = SkimRuntime.from_pretrained(
        models.folder(num_hidden_layers=2, bidirectional=True, skim_sizes=[4, 0])
    )
    text = "a very good film"
    trace, reading = clf.trace(text), clf.read_ids(clf.encode(text))
    assert [token.decisions for token in trace.tokens] == [tuple(row) for row in reading.decisions.tolist()]
    shares = 1 - reading.probabilities[..., 0].mean(1)
    assert [token.p_skim for token in trace.tokens] == pytest.approx(shares.tolist(), abs=1e-6)


def test_a_plain_reader_reads_every_word(models):
    trace = SkimRuntime.from_pretrained(models.folder(policy="full")).trace("a good film")
    assert trace.skim_rate == 0
    assert [(token.decision, token.p_skim) for token in trace.tokens] == [(0, 0.0)] * 3


def test_operations_are_counted_over_texts(clf):
    counter = clf.count_operations(TEXTS)
    singles = [clf.count_operations(text) for text in TEXTS]
    assert counter.texts == len(TEXTS)
    assert counter.executed == sum(single.executed for single in singles) > 0
    assert counter.total == sum(single.total for single in singles)
    assert sum(counter.choices[0]) == sum(len(clf.encode(text)) for text in TEXTS)


def test_a_pickled_classifier_is_the_same(folder):
    clf = SkimRuntime.from_pretrained(folder, threshold=0.4)
    copy = pickle.loads(pickle.dumps(clf))
    assert copy.threshold == 0.4
    assert copy.config == clf.config
    assert copy([*TEXTS, "[PAD]"]) == clf([*TEXTS, "[PAD]"])


def test_threads_share_a_classifier(clf):
    expected = clf(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for predictions in pool.map(clf, [TEXTS] * 40):
            assert predictions == expected


def test_a_tokenizer_of_another_model_is_refused_at_load(models):
    folder = models.folder()
    models.tokenizer([*(f"word{number}" for number in range(20)), "[UNK]"]).save(
        str(folder / "tokenizer.json")
    )
    with pytest.raises(ValueError, match="do not belong together"):
        SkimRuntime.from_pretrained(folder)


def test_weights_of_another_model_are_refused_at_load(models):
    folder, other = models.folder(), models.folder(hidden_size=9)
    (other / "model.safetensors").replace(folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"has shape .* asks for"):
        SkimRuntime.from_pretrained(folder)


def test_a_changed_configuration_is_what_counts(models):
    folder = models.folder()
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "id2label": {"0": "no", "1": "yes"}}))
    clf = SkimRuntime.from_pretrained(str(folder))
    assert clf.labels == ("no", "yes")
    assert clf.config == RuntimeConfig.load(folder / "config.json")
