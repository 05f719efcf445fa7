import re
from html import unescape
from html.parser import HTMLParser

import pytest

from skim_hf.runtime.trace import ReadingTrace, TokenTrace


def trace_of(text, *tokens, label="positive", score=0.98765):
    entries = tuple(
        TokenTrace(text[start:end], start, end, decisions, 0.25) for start, end, decisions in tokens
    )
    return ReadingTrace(text, entries, 0.5, label, score)


def visible(text):
    return re.sub("\x1b\\[[0-9]*m", "", text)


class Parsed(HTMLParser):
    """The text, the marked texts, the titles and the tags of a piece of HTML, which must be balanced."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.marked, self.titles, self.tags = [], "", [], [], set()
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        self.titles += [value for name, value in attributes if name == "title"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        if "div" in self.open:
            self.text += data
        if "mark" in self.open:
            self.marked.append(data)


def test_read_words_are_bold_and_the_rest_is_dim():
    ansi = trace_of("A good film.", (0, 1, (1,)), (2, 6, (0,)), (7, 11, (1,))).to_ansi()
    assert visible(ansi) == "A good film."
    assert "\x1b[1mgood\x1b[0m" in ansi
    assert "\x1b[2mA\x1b[0m" in ansi
    assert ansi.count("\x1b[1m") == 1


def test_a_text_cannot_command_the_terminal():
    ansi = trace_of("a\x1b[2J\x07\r\n\tb\x9b", (0, 1, (0,)), (5, 6, (1,))).to_ansi()
    assert visible(ansi) == "a\ufffd[2J\ufffd\ufffd\n\tb\ufffd"


def test_html_marks_read_words_and_tells_probabilities():
    page = Parsed(trace_of("A good film.", (0, 1, (1,)), (2, 6, (0,)), (7, 11, (1,))).to_html())
    assert page.text == "A good film."
    assert page.marked == ["good"]
    assert page.titles == ["A: p(skim) 0.25", "good: p(skim) 0.25", "film: p(skim) 0.25"]


def test_html_escapes_everything():
    text = "<script>alert(\"1\")</script> & 'x'"
    trace = trace_of(text, (0, 8, (0,)), (8, 20, (1,)), label="<b>&\"'")
    for full_page in (False, True):
        html = trace.to_html(full_page=full_page)
        page = Parsed(html)
        assert page.text.strip() == text
        assert page.tags <= {
            "div",
            "style",
            "mark",
            "span",
            "html",
            "head",
            "meta",
            "title",
            "body",
            "h1",
            "p",
        }
        assert "<script" not in html
    assert unescape(trace.to_html(full_page=True)).count(trace.label) == 2


def test_a_page_is_a_whole_document():
    html = trace_of("A good film.", (2, 6, (0,))).to_html(full_page=True)
    assert html.startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in html
    assert "positive (0.988)" in html
    assert "50.0%" in html
    assert Parsed(html).marked == ["good"]


def test_a_notebook_shows_the_fragment():
    trace = trace_of("A good film.", (2, 6, (0,)))
    assert trace._repr_html_() == trace.to_html()


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_have_the_contrast_that_accessibility_asks_for():
    html = trace_of("a").to_html()
    pairs = re.findall("{color:#([0-9a-f]+);background:#([0-9a-f]+);", html)
    assert len(pairs) == 2
    for pair in pairs:
        dark, light = sorted(luminance(c if len(c) == 6 else "".join(2 * x for x in c)) for c in pair)
        assert (light + 0.05) / (dark + 0.05) >= 7


@pytest.mark.parametrize("text", ["", " ", "no tokens at all"])
def test_a_text_without_tokens(text):
    trace = trace_of(text)
    assert visible(trace.to_ansi()) == text
    assert Parsed(trace.to_html()).text == text


def test_tokens_without_a_place_or_on_one_character_do_not_repeat_the_text():
    trace = trace_of(
        "a 😀 b", (0, 0, (0,)), (0, 1, (1,)), (2, 3, (0,)), (2, 3, (1,)), (4, 5, (1,)), (0, 0, (0,))
    )
    assert visible(trace.to_ansi()) == "a 😀 b"
    assert Parsed(trace.to_html()).text == "a 😀 b"


def test_lone_surrogates_can_be_written_to_a_file():
    trace = trace_of("a \ud800 b", (2, 3, (0,)), label="\ud800")
    assert trace.to_ansi().encode("utf-8")
    assert trace.to_html(full_page=True).encode("utf-8")
    assert Parsed(trace.to_html()).text == "a \ufffd b"


@pytest.mark.parametrize(
    ("decisions", "decision", "share"),
    [
        ((0,), 0, 1),
        ((2,), 2, 0),
        ((0, 1), 0, 0.5),
        ((0, 1, 1), 1, 1 / 3),
        ((2, 1, 0, 1), 1, 0.25),
        ((2, 1), 1, 0),
    ],
)
def test_several_readers_vote(decisions, decision, share):
    token = TokenTrace("a", 0, 1, decisions, 0.5)
    assert token.decision == decision
    assert token.read_share == pytest.approx(share)
    assert token.is_read == (share >= 0.5)
