"""How every layer read a context, token by token."""

import numpy as np
import pytest

from skim_hf import SkimRuntime

from .question_models import CONTEXT, QUESTION, ask_torch, make_question


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces") / "model"
    return make_question(folder, reader="bidaf", skim_sizes=[3, 0]), folder


def test_a_trace_holds_what_every_reader_decided(saved):
    model, folder = saved
    qa = SkimRuntime.from_pretrained(folder)
    trace, (result, offsets) = qa.trace_answer(QUESTION, CONTEXT), ask_torch(model, QUESTION, CONTEXT)
    assert list(trace.layers) == ["encoder layer 1", "layer 1", "layer 2", "output layer"]
    assert [token.decisions for token in trace.tokens] == [tuple(row) for row in result.decisions[0].tolist()]
    assert [[token.start, token.end] for token in trace.tokens] == offsets.tolist()
    np.testing.assert_allclose(trace.probabilities, result.probabilities[0], atol=1e-4)
    rates = result.layer_skim_rates[0].reshape(-1, 2).mean(1).tolist()
    assert [layer.skim_rate for layer in trace.layers.values()] == pytest.approx(rates, abs=1e-6)
    assert trace.skim_rate == pytest.approx(float(result.skim_rate[0]), abs=1e-6)
    best = qa.answer(QUESTION, CONTEXT)
    assert (trace.answer.text, trace.answer.score) == (best["answer"], best["score"])
    read = next(token for token in trace.layers["layer 1"].tokens if token.is_read)
    assert f"[{CONTEXT[read.start : read.end]}]" in trace.layers["layer 1"].to_text()


def test_tokens_of_two_windows_are_those_of_the_one_around_them(saved):
    model, folder = saved
    qa = SkimRuntime.from_pretrained(folder)
    trace = qa.trace_answer(QUESTION, CONTEXT, max_length=9, doc_stride=3, null_answers=True)
    whole, _ = ask_torch(model, QUESTION, CONTEXT)
    expected = []
    length = whole.decisions.shape[1]
    firsts = list(range(0, length - 3, 5))
    for first in firsts:
        result, _ = ask_torch(model, QUESTION, CONTEXT, null=True, part=slice(first, first + 8))
        begin = first + 1 if first else 0
        end = first + 6 if first != firsts[-1] else length
        expected += result.decisions[0, 1:][begin - first : end - first].tolist()
    assert [list(token.decisions) for token in trace.tokens] == expected
    assert len(expected) == length


def test_renderings(saved):
    qa = SkimRuntime.from_pretrained(saved[1])
    trace = qa.trace_answer("Is <it> \x1b[31m good?", CONTEXT)
    for form in (trace.to_text(), trace.to_ansi()):
        assert form.count("skimmed") == 4
        assert "\x1b[31m" not in form
        assert f"Answer: {trace.answer.text}" in form
    page = trace.to_html(full_page=True)
    assert page.count("<h3>") == 4
    assert "&lt;it&gt;" in page
    assert page.startswith("<!DOCTYPE html>")
    assert trace._repr_html_() in page


def test_nothing_to_read(saved):
    trace = SkimRuntime.from_pretrained(saved[1]).trace_answer("", " ")
    assert trace.tokens == ()
    assert trace.skim_rate == 0
    assert trace.probabilities.shape == (0, 8, 3)
    assert "Answer: none." in trace.to_text()
