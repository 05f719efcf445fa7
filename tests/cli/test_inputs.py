"""Lines of streams, in whatever pieces they come."""

import io
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.cli.inputs import stream_batches, text_batches


class Pieces(io.BytesIO):
    """A stream that gives a list of pieces, one per call."""

    def __init__(self, pieces):
        super().__init__()
        self._pieces = iter(pieces)

    def read1(self, size=-1):
        return next(self._pieces, b"")


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))),
    cuts=st.lists(st.integers(0, 200)),
)
def test_pieces_do_not_matter(lines, cuts):
    content = "".join(f"{line}\n" for line in lines).encode()
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    # An empty piece would mean the end.
    pieces = [content[a:b] for a, b in pairwise(places) if a < b]
    batches = list(stream_batches(Pieces(pieces), "It", None))
    found = [text for batch in batches for text in batch]
    expected = [line.removesuffix("\r") for line in lines]
    if expected:
        expected[0] = expected[0].removeprefix("\ufeff")
    assert found == expected
    # As soon as it is there: every batch is what one piece completed.
    assert len(batches) <= len(pieces)
    assert all(batches)


@given(content=st.binary())
@pytest.mark.parametrize("column", [None, "text"])
def test_any_bytes_are_texts_or_a_wrong_line(content, column):
    try:
        is_right = all(
            isinstance(text, str)
            for batch in stream_batches(io.BytesIO(content), "It", column)
            for text in batch
        )
    except ValueError as error:
        is_right = str(error).startswith("It, ") or "It must hold" in str(error)
    assert is_right


def test_a_closed_standard_input_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ValueError, match="standard input is closed"):
        text_batches([], None, None)
