import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime

WRONG = [
    ({"backend": "cuda"}, "backend must be one of auto, native, numpy; got 'cuda'"),
    ({"dtype": "float16"}, "dtype must be one of float32, int8; got 'float16'"),
    ({"threads": 0}, "threads must be an integer of at least 1; got 0"),
    ({"threads": 1.5}, "threads must be an integer"),
    ({"threads": True}, "threads must be an integer"),
    ({"max_tokens": 0}, "max_tokens must be an integer of at least 1; got 0"),
    ({"max_tokens": "5"}, "max_tokens must be an integer"),
    ({"budget": 1.5, "calibration_texts": ["a"]}, r"budget must be a number in \[0, 1\]"),
    ({"budget": float("nan"), "calibration_texts": ["a"]}, r"budget must be a number in \[0, 1\]"),
    ({"budget": 10**400, "calibration_texts": ["a"]}, r"budget must be a number in \[0, 1\]"),
    ({"threshold": 10**400}, r"threshold must be a number in \[0, 1\]"),
    ({"budget": True, "calibration_texts": ["a"]}, r"budget must be a number in \[0, 1\]"),
    ({"budget": 0.2}, "pass budget=.* and calibration_texts="),
    ({"calibration_texts": ["a"]}, "pass budget=.* and calibration_texts="),
    ({"budget": 0.2, "threshold": 0.5, "calibration_texts": ["a"]}, "threshold or budget; got both"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=str)
def test_impossible_settings_are_refused_before_anything_is_loaded(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        SkimRuntime.from_pretrained(tmp_path / "absent", **arguments)


def test_only_the_first_tokens_are_read(folder):
    clf, short = (SkimRuntime.from_pretrained(folder, max_tokens=n) for n in (None, np.int64(3)))
    text = "The film, a very good film"
    assert short.encode(text).tolist() == clf.encode(text)[:3].tolist()
    assert short(text) == clf("The film,") != clf(text)
    assert short([text, "a"]) == clf(["The film,", "a"])
    assert [token.token for token in short.trace(text).tokens] == ["the", "film", ","]
    assert short.count_operations(text) == clf.count_operations("The film,")


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_more_tokens_than_any_text_has_are_all(folder, backend):
    clf = SkimRuntime.from_pretrained(folder, backend=backend, max_tokens=10**30)
    text = "The film, a very good film"
    assert clf([text]) == SkimRuntime.from_pretrained(folder, backend=backend)([text])
    assert len(clf.encode(text)) == 7
    assert clf.stream().feed(text) == clf(text)


def test_settings_can_be_seen(folder):
    options = SkimRuntime.from_pretrained(folder, threads=2, max_tokens=7, threshold=0.25).options
    assert (options.threads, options.max_tokens, options.threshold) == (2, 7, 0.25)


def test_classes_are_the_labels_as_scikit_learn_keeps_them(folder):
    clf = SkimRuntime.from_pretrained(folder)
    texts = ["a good film", "very dull"]
    assert clf.classes_[clf.predict_proba(texts).argmax(1)].tolist() == clf.predict(texts)


def test_another_threshold_is_another_runtime(folder):
    clf = SkimRuntime.from_pretrained(folder, threshold=1, threads=2, max_tokens=4)
    other = clf.with_threshold(0)
    assert (clf.threshold, other.threshold) == (1, 0)
    assert (clf.trace("a film").skim_rate, other.trace("a film").skim_rate) == (0, 1)
    assert other("a film") == SkimRuntime.from_pretrained(folder, threshold=0)("a film")
    assert (other.options.threads, other.options.max_tokens) == (2, 4)
    with pytest.raises(ValueError, match="threshold must be a number"):
        clf.with_threshold(2)
