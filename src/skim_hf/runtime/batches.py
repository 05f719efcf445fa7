"""Several texts at once: checking them, and cutting them into blocks that are worth a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from skim_hf.runtime.protocols import Encoder
from skim_hf.runtime.text import check_text

ResultT = TypeVar("ResultT")

LARGEST_BLOCK = 64
"""Texts per task at most: enough to make its own cost small, few enough for threads to end together."""


def check_texts(texts: Any, encoder: Encoder | None = None) -> list[Any]:
    """One text, or one sequence of features, or several as a list.

    Args:
        texts: What came.
        encoder: Of the model that is to read them; None for texts.

    Raises:
        TypeError: Not texts; names the position of what is none.
        ValueError: Features that are none of this model's.
    """
    if encoder.is_one(texts) if encoder else isinstance(texts, str):
        return [encoder.check(texts) if encoder else texts]
    check_iterable(texts, encoder)
    check = encoder.check if encoder else _check_text
    return [check(text, f" at position {position}") for position, text in enumerate(texts)]


def check_iterable(texts: object, encoder: Encoder | None = None) -> None:
    """Refuses what does not hold several texts.

    Raises:
        TypeError: Not an iterable, or one that is not of texts.
        ValueError: The same, for a model of features.
    """
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        (encoder.check if encoder else _check_text)(texts)


def _check_text(text: Any, where: str = "") -> str:
    check_text(text, where)
    checked: str = text
    return checked


def blocks(texts: list[Any], threads: int) -> list[list[Any]]:
    """Cuts texts into pieces of equal length, a few for every thread."""
    size = min(LARGEST_BLOCK, max(1, -(-len(texts) // (4 * threads))))
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def batches(texts: Iterable[Any], size: int, encoder: Encoder) -> Iterator[list[Any]]:
    """Cuts an iterable of any length into lists of `size` texts, looking no further than one list.

    Args:
        texts: Texts, or sequences of features.
        size: How many go into a list.
        encoder: Of the model that is to read them.

    Raises:
        TypeError: An item is not a text; names its position.
        ValueError: An item holds no features of this model.
    """
    iterator, position = iter(texts), 0
    while batch := list(islice(iterator, size)):
        yield [encoder.check(text, f" at position {at}") for at, text in enumerate(batch, position)]
        position += len(batch)


def with_progress(results: Iterator[ResultT], total: int | None) -> Iterator[ResultT]:
    """Passes results on, and shows how many there were.

    Args:
        results: One per text.
        total: How many there will be; None if nobody knows.
    """
    # Imported here, because most programs show no progress.
    from huggingface_hub.utils.tqdm import tqdm

    yield from tqdm(results, desc="Reading", unit=" texts", total=total)  # type: ignore[no-untyped-call]
