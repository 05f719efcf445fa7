"""Reports of a command: tables for people, one line of JSON for programs."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skim_hf.cli.output import is_terminal, json_line, one_line, shows_colours, write_lines

if TYPE_CHECKING:
    from rich.table import Table


def wants_json(form: str | None) -> bool:
    """Whether a report is to be JSON: as asked for, or by what reads it."""
    return not is_terminal(sys.stdout) if form is None else form == "json"


def write_json_report(report: Mapping[str, Any]) -> None:
    """Writes a report as one line of JSON."""
    write_lines([json_line(report)])


def write_tables(*tables: Table) -> None:
    """Writes tables, as wide as the terminal and in its colours if it has any."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=shutil.get_terminal_size().columns,
        force_terminal=shows_colours(),
        markup=False,
        emoji=False,
        highlight=False,
    )
    for table in tables:
        console.print(table)
    write_lines([console.file.getvalue().rstrip("\n")])  # type: ignore[attr-defined]


def facts(title: str, values: Mapping[str, str]) -> Table:
    """A table of names and values."""
    return grid(title, (), [list(item) for item in values.items()])


def grid(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table; columns of numbers are those whose head begins with a blank.

    Args:
        title: Above the table.
        heads: Names of the columns; none for a table without a header.
        rows: As many cells each.
    """
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=bool(heads))
    for head in heads or [""] * len(rows[0]):
        table.add_column(head.strip(), justify="right" if head.startswith(" ") else "left")
    for row in rows:
        table.add_row(*map(one_line, row))
    return table


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"
