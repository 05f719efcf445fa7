"""Batches of texts of like length, in an order that a resumed run repeats exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import datasets
import pyarrow.compute as pc
import torch
from torch.utils.data import Sampler

# Texts are sorted among this many batches at a time: near equal lengths, yet other company every epoch.
BATCHES_PER_SORT = 50


# What is counted where no column holds the lengths: token ids, or continuous features.
INPUT_NAMES = ("input_ids", "inputs_embeds")


def text_lengths(dataset: Any, *, length_column: str = "length") -> list[int]:
    """Number of tokens of every row.

    Args:
        dataset: A `datasets.Dataset`, or any sized dataset of mappings, perhaps with the attribute `lengths`.
        length_column: Column that holds the lengths; without it the tokens are counted.

    Returns:
        One integer per row, in row order.

    Raises:
        ValueError: There is nothing to count.
    """
    if len(dataset) == 0:
        return []
    if hasattr(dataset, "lengths"):
        return list(dataset.lengths)
    is_table = isinstance(dataset, datasets.Dataset)
    columns = dataset.column_names if is_table else list(dataset[0])
    if is_table and length_column in columns:
        return list(dataset[length_column])
    input_name = next((name for name in INPUT_NAMES if name in columns), None)
    if input_name is None:
        raise ValueError(
            f"Grouping by length needs a column {', '.join((length_column, *INPUT_NAMES))}; the dataset has "
            f"{', '.join(columns)}. Tokenize it first, or set train_sampling_strategy='random'."
        )
    if not is_table:
        return [len(dataset[row][input_name]) for row in range(len(dataset))]
    # Arrow knows the length of a list without building it in Python.
    table = dataset.select_columns(input_name).with_format("arrow")[:]
    return pc.list_value_length(table[input_name]).to_pylist()


def grouped_order(lengths: Sequence[int], batch_size: int, seed: int) -> list[int]:
    """Shuffled row numbers in which every `batch_size` neighbours are of like length.

    Args:
        lengths: Number of tokens of every row.
        batch_size: Rows per batch.
        seed: Seed of the shuffle; the same seed gives the same order.

    Returns:
        A permutation of the row numbers. Whole batches come in random order, the rest comes last.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(lengths), generator=generator).tolist()
    whole = len(rows) - len(rows) % batch_size
    rows, rest = rows[:whole], rows[whole:]
    span = batch_size * BATCHES_PER_SORT
    batches: list[list[int]] = []
    for start in range(0, whole, span):
        part = sorted(rows[start : start + span], key=lengths.__getitem__)
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    # Sorted neighbours would make the length of the batches drift up and down during the epoch.
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [row for batch in order for row in batches[batch]] + rest


class LengthGroupedSampler(Sampler[int]):
    """Yields row numbers grouped by length, in an order given by the seed and the epoch alone.

    The sampler of transformers draws its order from the global random state, so that a run
    resumed in the middle of an epoch goes on with other batches.

    Args:
        lengths: Number of tokens of every row.
        batch_size: Rows per batch, over all processes.
        seed: Seed of the order; each epoch adds its number.
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        """Stores the lengths; see the class for the arguments."""
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Selects the order of an epoch; the data loader calls this.

        Args:
            epoch: Number of the epoch, from 0.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yields every row number once."""
        return iter(grouped_order(self.lengths, self.batch_size, self.seed + self.epoch))


class LongestFirstSampler(Sampler[int]):
    """Yields row numbers from the longest text to the shortest: fewest padded steps, nothing random.

    Args:
        lengths: Number of tokens of every row.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        """Stores the lengths; see the class for the argument."""
        self.lengths = lengths

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yields every row number once."""
        return iter(sorted(range(len(self.lengths)), key=self.lengths.__getitem__, reverse=True))
