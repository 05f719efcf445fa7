"""A progress bar, where one is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

ItemT = TypeVar("ItemT")


def with_bar(items: Iterable[ItemT], label: str, unit: str, *, shown: bool) -> Iterable[ItemT]:
    """Passes items on, and shows on stderr how many there were.

    Args:
        items: What is worked on.
        label: In front of the bar.
        unit: Of the items, with a blank before it.
        shown: Whether to show anything.
    """
    if not shown:
        return items
    # Imported here, because most programs show no progress.
    from huggingface_hub.utils.tqdm import tqdm

    bar: Iterable[ItemT] = tqdm(items, desc=label, unit=unit, leave=False)  # type: ignore[no-untyped-call]
    return bar
