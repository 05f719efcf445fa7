"""Where a model reads."""

import pytest

from skim_hf.results import where_read
from skim_hf.runtime import SkimRuntime

from ..runtime.conftest import folder, shared_models  # noqa: F401, fixtures


def test_every_token_has_its_tenth(folder):  # noqa: F811
    clf = SkimRuntime.from_pretrained(folder)
    texts = ["a good film, very dull", "", "the film was bad " * 6]
    found = where_read(clf, texts, words=2)
    decisions = [[token.is_read for token in clf.trace(text).tokens] for text in texts]
    assert found["tokens"] == sum(map(len, decisions)) == 30
    assert found["read"] == pytest.approx(sum(map(sum, decisions)) / 30)
    # 24 tokens: the first three of them, and the first of 6, are in the first tenth.
    first = [decisions[0][0], *decisions[2][:3]]
    assert found["tenths"][0] == sum(first) / len(first)
    # 24 tokens and not one of the 6 are in the second.
    assert found["tenths"][2] == sum(decisions[2][5:8]) / 3
    assert len(found["words"]) == 2
    assert found["words"][0]["read"] >= found["words"][1]["read"]
    assert all(word["read"] <= word["seen"] for word in found["words"])


def test_short_texts_leave_tenths_open(folder):  # noqa: F811
    clf = SkimRuntime.from_pretrained(folder).with_threshold(1.0)
    assert where_read(clf, ["a film"])["tenths"] == [1.0, *[None] * 4, 1.0, *[None] * 4]


def test_no_words_are_refused(folder):  # noqa: F811
    with pytest.raises(ValueError, match="at least one text with words"):
        where_read(SkimRuntime.from_pretrained(folder), ["", " "])
