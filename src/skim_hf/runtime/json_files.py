"""JSON files of a saved model: objects, read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skim_hf.runtime.hub_cache import remedy


def read_object(path: Path) -> dict[str, Any]:
    """Reads a file that holds a JSON object.

    Raises:
        ValueError: The file is not JSON in UTF-8, holds something else than an object, a key twice, or a
            number that is infinite or none.
    """
    try:
        values = json.loads(
            path.read_bytes().decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_doubles,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}). {remedy(path)}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object; got {type(values).__name__}.")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, and no value of a model may be infinite or not a number")


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it holds the key {double!r} twice in one object")
    return values
