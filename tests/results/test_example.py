"""One text as a model read it."""

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import describe_example
from skim_hf.results.schema import BLOCKS, check


def test_an_example_says_what_the_trace_says(clf):
    text = "A bad Film, a bad one!"
    found = describe_example(clf, text, widget=iter(["good"]))
    check(found, BLOCKS["example"], "example")
    trace = clf.trace(text)
    assert (found["label"], found["score"], found["widget"]) == (trace.label, trace.score, ["good"])
    assert 0 < len(found["read"]) < len(trace.tokens)
    assert [word["token"] for word in found["read"]] == [word.token for word in trace.tokens if word.is_read]
    assert all(text[word["start"] : word["end"]].lower() == word["token"] for word in found["read"])
    assert "widget" not in describe_example(clf, text)


def test_labels_of_tokens_have_no_example(make_folder):
    with pytest.raises(ValueError, match="labels every token"):
        describe_example(SkimRuntime.from_pretrained(make_folder(tokens=True)), "a good film")
