"""Multiply-adds of the engine, and the count of those really done.

All products of the engine go through `Products`. To count, the same engine code is bound to
`CountedProducts`, which adds the size of the very arrays that are multiplied at the moment they are
multiplied. Nothing is derived from decisions or formulas, so the totals are evidence that a branch
not chosen was not computed; and without a counter the loop calls NumPy directly and pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.reading import Reading
from skim_hf.runtime.weights import Array


@dataclass
class OperationCounter:
    """Multiply-adds of matrix products while reading texts; element-wise work is not counted.

    `executed + folded` equals `costs.macs` of the decisions taken, and `executed` alone equals it
    with `folded_input=True` for the readers whose input products are folded.

    Attributes:
        executed: Done: the products of the chosen cells and of the decisions.
        folded: Not done, because their result was looked up in a table made at load.
        choices: How often each reader made each choice, [R][k], the full read first; tokens that were
            passed over are in none.
        texts: Texts read.
        units: Units that each reader of policy `selective` updated, [R]; None for other policies.
        jumps: Jump decisions taken in each direction, [directions].
    """

    executed: int = 0
    folded: int = 0
    choices: list[list[int]] = field(default_factory=list)
    texts: int = 0
    units: list[int] | None = None
    jumps: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What the same decisions cost an engine without tables."""
        return self.executed + self.folded

    def add_text(self, reading: Reading, num_choices: int) -> None:
        """Adds the choices of one text.

        Args:
            reading: Of the text.
            num_choices: k.
        """
        self.texts += 1
        columns = (column[column >= 0] for column in reading.decisions.T)
        choices = [np.bincount(column, minlength=num_choices).tolist() for column in columns]
        old = self.choices or [[0] * num_choices for _ in choices]
        self.choices = [_sum(total, new) for total, new in zip(old, choices, strict=True)]
        if reading.units is not None:
            self.units = _sum(self.units, reading.units.sum(axis=0).tolist())
        if reading.jumps is not None:
            self.jumps = _sum(self.jumps, reading.jumps.tolist())


def _sum(totals: list[int] | None, new: list[int]) -> list[int]:
    return [a + b for a, b in zip(totals, new, strict=True)] if totals else new


UnitProduct = Callable[[NDArray[np.intp]], Array]


class Rows(Protocol):
    """Gives the input's share of a cell's gates, [G * m], for a token number."""

    def __getitem__(self, token: int, /) -> Array:
        """The share of one token; valid until the next call."""


class Products:
    """The engine's products, done by NumPy."""

    def bind(self, vector: Array, matrix: Array, out: Array) -> Callable[[], object]:
        """A call without arguments that multiplies arrays which stay where they are.

        Args:
            vector: [n].
            matrix: [n, m].
            out: [m], overwritten by every call.
        """
        # The method is faster than np.dot, by the look-up of overrides that the function does first.
        return partial(vector.dot, matrix, out)

    def multiply(self, left: Array, right: Array) -> Array:
        """[n, d] times [d, m], for a small m.

        Every row is rounded as if it were alone, which a library's matrix product does not promise: a
        text gives the same bits however it is cut into pieces.
        """
        return np.stack([(left * column).sum(axis=1) for column in right.T], axis=1)

    def bind_units(self, vector: Array, rows: Array) -> UnitProduct:
        """A call that multiplies some units' rows with a vector which stays where it is.

        Args:
            vector: [n].
            rows: [G, d, n].

        Returns:
            A function of [m] units' numbers that gives [G, m].
        """

        def product(units: NDArray[np.intp]) -> Array:
            picked = rows[:, units]
            result: Array = picked.reshape(-1, len(vector)).dot(vector).reshape(picked.shape[:2])
            return result

        return product

    def bind_diagonal(self, vector: Array, diagonal: Array, out: Array) -> Callable[[], object]:
        """A call that multiplies two vectors of [d], unit by unit."""
        return partial(np.multiply, vector, diagonal, out)

    def unit_rows(self, table: Array, input_width: int) -> Callable[[int, NDArray[np.intp]], Array]:
        """Some units' columns of a row of a table, [V, G, d]; see `rows`.

        Returns:
            A function of a token and [m] units' numbers that gives [G, m].
        """

        def look_up(token: int, units: NDArray[np.intp]) -> Array:
            found: Array = table[token][:, units]
            return found

        return look_up

    def rows(self, table: Array, input_width: int) -> Rows:
        """Rows of a table that stand for products with inputs of `input_width`."""
        return table

    def look_up(self, table: Array, tokens: NDArray[np.integer[Any]], input_width: int) -> Array:
        """Many rows of such a table at once."""
        found: Array = table[tokens]
        return found


class CountedProducts(Products):
    """The same products, each added to a counter when it is done.

    Args:
        counter: What to add to.
    """

    def __init__(self, counter: OperationCounter) -> None:
        self._counter = counter

    def bind(self, vector: Array, matrix: Array, out: Array) -> Callable[[], object]:
        """See `Products.bind`."""
        product = super().bind(vector, matrix, out)

        def counted() -> None:
            self._counter.executed += matrix.size
            product()

        return counted

    def multiply(self, left: Array, right: Array) -> Array:
        """See `Products.multiply`."""
        self._counter.executed += len(left) * right.size
        return super().multiply(left, right)

    def bind_units(self, vector: Array, rows: Array) -> UnitProduct:
        """See `Products.bind_units`."""
        product = super().bind_units(vector, rows)

        def counted(units: NDArray[np.intp]) -> Array:
            self._counter.executed += len(rows) * len(units) * len(vector)
            return product(units)

        return counted

    def bind_diagonal(self, vector: Array, diagonal: Array, out: Array) -> Callable[[], object]:
        """See `Products.bind_diagonal`."""
        product = super().bind_diagonal(vector, diagonal, out)

        def counted() -> None:
            self._counter.executed += diagonal.size
            product()

        return counted

    def unit_rows(self, table: Array, input_width: int) -> Callable[[int, NDArray[np.intp]], Array]:
        """See `Products.unit_rows`."""
        look_up = super().unit_rows(table, input_width)

        def counted(token: int, units: NDArray[np.intp]) -> Array:
            found = look_up(token, units)
            self._counter.folded += found.size * input_width
            return found

        return counted

    def rows(self, table: Array, input_width: int) -> Rows:
        """See `Products.rows`."""
        return _CountedRows(self._counter, table, input_width)

    def look_up(self, table: Array, tokens: NDArray[np.integer[Any]], input_width: int) -> Array:
        """See `Products.look_up`."""
        found = super().look_up(table, tokens, input_width)
        self._counter.folded += found.size * input_width
        return found


@dataclass(frozen=True)
class _CountedRows:
    counter: OperationCounter
    table: Array
    input_width: int

    def __getitem__(self, token: int, /) -> Array:
        row: Array = self.table[token]
        self.counter.folded += row.size * self.input_width
        return row
