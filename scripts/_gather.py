"""Contestants of a benchmark that can be made here, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tqdm.auto import tqdm

MadeT = TypeVar("MadeT")


def gather(
    makers: dict[str, Callable[[], MadeT]], label: str = "Loading"
) -> tuple[dict[str, MadeT], dict[str, str]]:
    """Makes the contestants that can be made.

    Args:
        makers: By name. One raises ImportError if something is not installed here; any other error is a
            defect and passes.
        label: Of the progress bar.

    Returns:
        The contestants, and for each that is missing the reason.
    """
    made, missing = {}, {}
    bar = tqdm(makers.items(), desc=label, unit=" contestants", leave=False)
    for name, make in bar:
        bar.set_postfix_str(name)
        try:
            made[name] = make()
        except ImportError as error:
            missing[name] = str(error)
    return made, missing
