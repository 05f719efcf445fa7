"""Marks in a document, between which scripts write."""

from __future__ import annotations


def replace_between(text: str, start: str, end: str, content: str) -> str:
    """Replaces what stands between two marks, which stay."""
    before, found_start, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise ValueError(f"The document must hold the marks {start} and {end}, in this order.")
    return f"{before}{start}\n{content}\n{end}{after}"
