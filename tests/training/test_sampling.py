from __future__ import annotations

import random

import datasets
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.training.sampling import (
    BATCHES_PER_SORT,
    LengthGroupedSampler,
    LongestFirstSampler,
    grouped_order,
    text_lengths,
)


@given(st.lists(st.integers(0, 50), max_size=300), st.integers(1, 9), st.integers(0, 3))
def test_every_row_comes_once(lengths, batch_size, seed):
    assert sorted(grouped_order(lengths, batch_size, seed)) == list(range(len(lengths)))


def test_batches_hold_texts_of_like_length():
    source = random.Random(0)
    lengths = [source.randint(1, 1000) for _ in range(7 * BATCHES_PER_SORT)]
    order = grouped_order(lengths, 7, seed=3)
    batches = [[lengths[row] for row in order[i : i + 7]] for i in range(0, len(order), 7)]
    spread = sum(max(batch) - min(batch) for batch in batches) / len(batches)
    assert spread < 1000 / BATCHES_PER_SORT * 2
    # Whole batches are shuffled, so their lengths follow no trend.
    tops = [max(batch) for batch in batches]
    assert tops != sorted(tops)
    assert tops != sorted(tops, reverse=True)


def test_the_order_depends_on_seed_and_epoch_alone():
    lengths = list(range(40))
    first, second = (LengthGroupedSampler(lengths, batch_size=4, seed=5) for _ in range(2))
    torch.manual_seed(0)
    orders = []
    for epoch in range(3):
        first.set_epoch(epoch)
        orders.append(list(first))
        torch.rand(3)
    second.set_epoch(2)
    assert list(second) == orders[2]
    assert len({tuple(order) for order in orders}) == 3
    assert len(first) == 40


def test_evaluation_reads_the_longest_texts_first():
    assert list(LongestFirstSampler([3, 9, 1, 9])) == [1, 3, 0, 2]


def test_lengths_are_counted_or_taken_from_their_column():
    rows = datasets.Dataset.from_dict({"input_ids": [[1, 2], [], [3]], "length": [7, 8, 9]})
    assert text_lengths(rows) == [7, 8, 9]
    assert text_lengths(rows.remove_columns("length")) == [2, 0, 1]
    assert text_lengths(rows.remove_columns("length").select([2, 0])) == [1, 2]
    assert text_lengths([{"input_ids": [1]}, {"input_ids": [1, 2]}]) == [1, 2]
    assert text_lengths([{"inputs_embeds": torch.zeros(3, 5)}]) == [3]
    assert text_lengths([]) == []


def test_nothing_to_count_is_refused():
    with pytest.raises(ValueError, match=r"Grouping by length.*has text.*random"):
        text_lengths(datasets.Dataset.from_dict({"text": ["a"]}))
