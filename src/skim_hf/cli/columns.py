"""Rows that stand under each other although none of them knows those to come."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from skim_hf.cli.output import one_line

_GAP = "  "
_LEAST = 20  # columns for the last cell, however narrow the terminal


class Columns:
    """Lays cells out in columns of fixed width; the last one gets what is left of the terminal's.

    Args:
        heads: Names of the columns.
        widths: Columns of the terminal for all but the last one; a name makes its own wider.

    Example:
        >>> columns = Columns(["label", "text"], [8])
        >>> columns.line(["positive", "A good film."])
        'positive  A good film.'
    """

    def __init__(self, heads: Sequence[str], widths: Sequence[int]) -> None:
        self._widths = [max(cell_len(head), width) for head, width in zip(heads[:-1], widths, strict=True)]
        taken = sum(self._widths) + len(_GAP) * len(self._widths)
        self._rest = max(shutil.get_terminal_size().columns - taken, _LEAST)
        self.header = self.line(heads)

    def line(self, cells: Sequence[str]) -> str:
        """One row."""
        *cells, last = map(one_line, cells)
        fixed = [set_cell_size(cell, width) for cell, width in zip(cells, self._widths, strict=True)]
        if cell_len(last) > self._rest:
            last = set_cell_size(last, self._rest - 1) + "…"
        return _GAP.join([*fixed, last])
