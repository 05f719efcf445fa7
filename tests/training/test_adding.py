from __future__ import annotations

import numpy as np
import pytest

from skim_hf.training.adding import TARGET_VARIANCE, AddingTask


@pytest.mark.parametrize("length", [2, 3, 7, 50])
def test_two_numbers_are_marked_where_the_paper_says(length):
    rows = AddingTask(300, length, seed=5)
    frames = np.stack([rows[row]["inputs_embeds"] for row in range(300)])
    assert frames.shape == (300, length, 2)
    assert frames.dtype == np.float32
    assert np.abs(frames[:, :, 0]).max() <= 0.5
    assert (frames[:, :, 1].sum(1) == 2).all()
    first, second = np.nonzero(frames[:, :, 1])[1].reshape(-1, 2).T
    assert set(first) == set(range(max(1, length // 10)))
    assert set(second) == set(range(-(-length // 2), length))


def test_the_label_is_the_sum_of_the_marked_numbers():
    rows = AddingTask(4000, 10, seed=6)
    frames, label = rows[17]["inputs_embeds"], rows[17]["labels"]
    assert label == pytest.approx(frames[frames[:, 1] == 1, 0].sum())
    labels = [rows[row]["labels"] for row in range(4000)]
    assert np.var(labels) == pytest.approx(TARGET_VARIANCE, rel=0.1)


def test_a_row_depends_on_seed_and_number_alone():
    rows, again = AddingTask(1000, 6, seed=1), AddingTask(2000, 6, seed=1)
    forward = [rows[row]["inputs_embeds"] for row in (3, 700, 255, 256)]
    backward = [again[row]["inputs_embeds"] for row in (256, 255, 700, 3)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))
    assert not np.array_equal(AddingTask(1000, 6, seed=2)[3]["inputs_embeds"], forward[0])
    assert len({rows[row]["labels"] for row in range(1000)}) > 990


def test_what_is_not_there_is_refused():
    with pytest.raises(IndexError, match="from 0 to 2; got 3"):
        AddingTask(3)[3]
    with pytest.raises(ValueError, match="at least two frames; got 3 of 1"):
        AddingTask(3, 1)
