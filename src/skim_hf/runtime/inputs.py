"""Where a reader's input products come from: a table, or the inputs themselves.

Both sources give, for a chunk of inputs, numbers by which the steps fetch the input's share of their
gates, and the input's share of all decisions of the chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.counter import Products, Rows
from skim_hf.runtime.prepare import InputShare
from skim_hf.runtime.weights import Array

CHUNK = 1024
"""Most tokens that are read in one go; bounds the memory of buffers."""

UnitRows = Callable[[int, NDArray[np.intp]], Array]
"""Gives the share of some units' gates, [G, m], for a token number and [m] units' numbers."""


class FoldedInputs:
    """Token ids, whose products were looked up in advance for the whole vocabulary."""

    def __init__(self, products: Products) -> None:
        self._products = products

    def rows(self, share: InputShare) -> Rows:
        """The share of a cell, by token id."""
        return self._products.rows(_table(share), share.width)

    def units(self, share: InputShare, weights: Array | None, num_gates: int) -> UnitRows:
        """The share of single units of the big cell, by token id."""
        table = _table(share)
        return self._products.unit_rows(table.reshape(len(table), num_gates, -1), share.width)

    def load(self, inputs: NDArray[np.int64]) -> Sequence[int]:
        """Takes a chunk of ids, [n]; returns the numbers for `rows`."""
        tokens: list[int] = inputs.tolist()
        return tokens

    def decisions(self, share: InputShare, inputs: NDArray[np.int64]) -> Array:
        """[n, k - 1], the share of the decisions of a chunk."""
        return self._products.look_up(_table(share), inputs, share.width)


def _table(share: InputShare) -> Array:
    if share.table is None:
        raise ValueError("Expected input products folded into a table; ComputedInputs serves the others.")
    return share.table


class ComputedInputs:
    """Vectors, whose products are done when, and only if, a cell is chosen to see them."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._cells: list[_ComputedRows | _ComputedUnits] = []

    def rows(self, share: InputShare) -> Rows:
        """The share of a cell, by position in the chunk."""
        cell = _ComputedRows(share, self._products)
        self._cells.append(cell)
        return cell

    def units(self, share: InputShare, weights: Array | None, num_gates: int) -> UnitRows:
        """The share of single units of the big cell, by position in the chunk.

        Args:
            share: Of the cell.
            weights: [G, d, d_x].
            num_gates: G.
        """
        if weights is None:
            raise ValueError("Expected the rows of the input's weights; FoldedInputs needs none.")
        rows = _ComputedUnits(share.bias.reshape(num_gates, -1), weights, self._products)
        self._cells.append(rows)
        return rows

    def load(self, inputs: Array) -> Sequence[int]:
        """Takes a chunk of vectors, [n, d_x]; returns the numbers for `rows`."""
        for cell in self._cells:
            cell.load(inputs)
        return range(len(inputs))

    def decisions(self, share: InputShare, inputs: Array) -> Array:
        """[n, k - 1], the share of the decisions of a chunk: every token is decided on."""
        result: Array = self._products.multiply(inputs, share.weights) + share.bias
        return result


class _ComputedRows:
    """One product per token that is asked for, never one for many: see `Products.multiply`."""

    def __init__(self, share: InputShare, products: Products) -> None:
        self._vector = np.empty(share.width, share.bias.dtype)
        self._row = np.empty_like(share.bias)
        self._bias = share.bias
        self._product = products.bind(self._vector, share.weights, self._row)

    def load(self, inputs: Array) -> None:
        self._inputs = inputs

    def __getitem__(self, token: int, /) -> Array:
        self._vector[:] = self._inputs[token]
        self._product()
        return np.add(self._row, self._bias, self._row)


class _ComputedUnits:
    """Products of the rows of selected units, and of no others."""

    def __init__(self, bias: Array, weights: Array, products: Products) -> None:
        self._vector, self._bias = np.empty(weights.shape[-1], bias.dtype), bias
        self._product = products.bind_units(self._vector, weights)

    def load(self, inputs: Array) -> None:
        self._inputs = inputs

    def __call__(self, token: int, units: NDArray[np.intp]) -> Array:
        self._vector[:] = self._inputs[token]
        result: Array = self._product(units) + self._bias[:, units]
        return result
