from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.runtime.characters import character_ids
from skim_hf.runtime.splitting import split

TEXTS = st.text(alphabet=st.characters() | st.sampled_from("aA '\u0130\ud800\U0001f600e\u0301"), max_size=30)


@given(TEXTS, st.integers(1, 20), st.integers(3, 2000))
def test_ids_are_those_of_the_characters_in_the_text(text, width, rows):
    offsets = [(start, end) for _, start, end in split(text)]
    ids = character_ids(text, offsets, width=width, rows=rows)
    assert ids.shape == (len(offsets), width)
    for row, (start, end) in zip(ids.tolist(), offsets, strict=True):
        wanted = [min(ord(char) + 1, rows - 1) for char in text[start:end]][:width]
        assert row == wanted + [0] * (width - len(wanted))


def test_tokens_without_characters_are_padding():
    assert character_ids("", [(0, 0)], width=2, rows=9).tolist() == [[0, 0]]
    assert character_ids("ab", [(0, 0), (1, 2)], width=2, rows=258).tolist() == [[0, 0], [99, 0]]
    assert character_ids("ab", np.zeros((0, 2)), width=2, rows=258).shape == (0, 2)


@pytest.mark.parametrize(("width", "rows"), [(0, 258), (4, 2)])
def test_numbers_out_of_range_are_refused(width, rows):
    with pytest.raises(ValueError, match=f"got {width} and {rows}"):
        character_ids("a", [(0, 1)], width=width, rows=rows)
