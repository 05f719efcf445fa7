"""Several texts at once: checking them, and cutting them into blocks that are worth a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from skim_hf.runtime.text import check_text

ResultT = TypeVar("ResultT")

LARGEST_BLOCK = 64
"""Texts per task at most: enough to make its own cost small, few enough for threads to end together."""


def check_texts(texts: str | Iterable[str]) -> list[str]:
    """One text or several as a list.

    Raises:
        TypeError: Not texts; names the position of what is none.
    """
    if isinstance(texts, str):
        return [texts]
    check_iterable(texts)
    result = list(texts)
    for position, text in enumerate(result):
        check_text(text, f" at position {position}")
    return result


def check_iterable(texts: object) -> None:
    """Refuses what does not hold several texts.

    Raises:
        TypeError: Not an iterable, or one that is not of texts.
    """
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        check_text(texts)


def blocks(texts: list[str], threads: int) -> list[list[str]]:
    """Cuts texts into pieces of equal length, a few for every thread."""
    size = min(LARGEST_BLOCK, max(1, -(-len(texts) // (4 * threads))))
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Cuts an iterable of any length into lists of `size` texts, looking no further than one list.

    Raises:
        TypeError: An item is not a text; names its position.
    """
    iterator, position = iter(texts), 0
    while batch := list(islice(iterator, size)):
        for text in batch:
            check_text(text, f" at position {position}")
            position += 1
        yield batch


def with_progress(results: Iterator[ResultT], total: int | None) -> Iterator[ResultT]:
    """Passes results on, and shows how many there were.

    Args:
        results: One per text.
        total: How many there will be; None if nobody knows.
    """
    # Imported here, because most programs show no progress.
    from huggingface_hub.utils.tqdm import tqdm

    yield from tqdm(results, desc="Reading", unit=" texts", total=total)  # type: ignore[no-untyped-call]
