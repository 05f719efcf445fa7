"""What a result file must hold, block by block, and what is wrong when it does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from skim_hf.runtime.config_fields import is_share

Block = dict[str, Any]
"""One part of a result file, as JSON holds it."""

_SHOWN = 80


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        what: Its name, the end of a sentence that begins "must be".
        fits: Whether a value is of the kind.
    """

    what: str
    fits: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    # JSON can spell halves of characters, which no file can hold.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_number(value: Any) -> bool:
    # Compared, since an integer can be too large for a float; NaN compares with nothing.
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and -math.inf < value < math.inf


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(item, list) and _is_plain(item) for item in value)
    return value is None or isinstance(value, bool) or _is_number(value) or _is_text(value)


@dataclass(frozen=True)
class Several:
    """A list.

    Attributes:
        of: Schema of its entries.
        least: How many there must be.
    """

    of: Any
    least: int = 1


TEXT = Kind("a text", _is_text)
COUNT = Kind("an integer of at least 0", lambda value: type(value) is int and value >= 0)
NUMBER = Kind("a finite number", _is_number)
TIME = Kind("a finite number of at least 0", lambda value: _is_number(value) and value >= 0)
SHARE = Kind("a number in [0, 1]", is_share)
SETTING = Kind("a text, a number, true, false, null, or a list of such", _is_plain)
ANYTHING = Kind("anything", lambda value: True)

# Schemas: a Kind, a Several, or {"key": schema} for an object, where "key?" may be missing, and "*" stands
# for any number of keys of any name and "+" for at least one.
_MACHINE = {"processor": TEXT, "cores": COUNT, "system": TEXT, "python": TEXT, "versions": {"*": TEXT}}
_ORIGIN = {"machine": _MACHINE, "command": TEXT}
_DATA = {"name": TEXT, "source?": TEXT, "hub_id?": TEXT, "language?": TEXT}
_READING = {
    "skim_rate_macro?": SHARE,
    "skim_rate_micro?": SHARE,
    "flop_ratio_paper?": TIME,
    "macs_ratio?": TIME,
    "visited_rate?": SHARE,
    "jumps_per_text?": TIME,
}
_POINT = {"threshold": SHARE, "metrics": {"+": NUMBER}, "read": SHARE, "macs_ratio?": TIME, "median_us": TIME}
_CURVE = {
    "split": TEXT,
    "texts": COUNT,
    "timed_texts": COUNT,
    "backend": TEXT,
    "dtype": TEXT,
    "points": Several(_POINT),
    **_ORIGIN,
}
_TIMES = {
    "median_us": TIME,
    "p99_us": TIME,
    "min_us": TIME,
    "turns": COUNT,
    "times_faster_than?": {"*": TIME},
}

_READ = Several({"token": TEXT, "start": COUNT, "end": COUNT}, least=0)
_FOUND = {"question": TEXT, "context": TEXT, "answer": TEXT, "score": NUMBER, "start": COUNT, "end": COUNT}
# How answers were sought.
_ANSWERS = {
    "max_length": COUNT,
    "doc_stride": COUNT,
    "max_answer_length": COUNT,
    "null_threshold?": NUMBER,
}

BLOCKS: dict[str, Any] = {
    "model": {"architecture": TEXT, "parameters": COUNT, "bytes": {"+": COUNT}, "license?": TEXT},
    "training": {
        "data": _DATA,
        "splits": {"+": COUNT},
        "recipe": {"*": SETTING},
        "seed": COUNT,
        "seconds?": TIME,
        **_ORIGIN,
    },
    "evaluation": {
        "data": _DATA,
        "split": TEXT,
        "texts": COUNT,
        "tokens?": COUNT,
        "threshold": SHARE,
        "backend?": TEXT,
        "dtype?": TEXT,
        "metrics": {"+": NUMBER},
        **_READING,
        "jump_every?": COUNT,
        "jump_limit?": COUNT,
        "layer_skim_rates?": {"+": SHARE},
        "answers?": _ANSWERS,
        "dense?": {"what": TEXT, "metrics": {"+": NUMBER}},
        "curve?": _CURVE,
        **_ORIGIN,
    },
    "latency": {
        "what": TEXT,
        "backend": TEXT,
        "dtype": TEXT,
        "threads": COUNT,
        "texts": COUNT,
        "rounds": COUNT,
        "words_per_text": TIME,
        "tokens_per_text": TIME,
        "contestants": {"adaptive": _TIMES, "dense?": _TIMES},
        **_ORIGIN,
    },
    "example": {
        "text": TEXT,
        "label": TEXT,
        "score": NUMBER,
        "read": _READ,
        "widget?": Several(TEXT),
    },
    "answer": {**_FOUND, "read": _READ},
    "predictions": {
        "threshold": SHARE,
        "backend": TEXT,
        "dtype": TEXT,
        "texts?": Several({"text": TEXT, "label": TEXT, "score": NUMBER, "read": COUNT, "tokens": COUNT}),
        "questions?": Several(_FOUND),
        "options?": {"*": SETTING},
    },
}
"""The schema of every block; a file may leave out any but `model`."""


def check(value: Any, schema: Any, place: str) -> None:
    """Holds a value against a schema.

    Args:
        value: What JSON gave.
        schema: A `Kind`, a `Several` or an object of schemas.
        place: Where the value stands, for the error.

    Raises:
        ValueError: The value does not fit; names the place, what was expected and what came.
    """
    if isinstance(schema, Kind):
        if not schema.fits(value):
            raise ValueError(f"{place} must be {schema.what}; got {_shown(value)}.")
    elif isinstance(schema, Several):
        if not isinstance(value, list) or len(value) < schema.least:
            raise ValueError(
                f"{place} must be a list of {schema.least} or more entries; got {_shown(value)}."
            )
        for number, entry in enumerate(value):
            check(entry, schema.of, f"{place}[{number}]")
    else:
        _check_object(value, schema, place)


def _check_object(value: Any, schema: dict[str, Any], place: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place} must be an object; got {_shown(value)}.")
    others = schema.get("*", schema.get("+"))
    named = {key.rstrip("?"): part for key, part in schema.items() if key not in ("*", "+")}
    missing = [key for key in named if key in schema and key not in value]
    if missing or (not value and "+" in schema):
        raise ValueError(f"{place} lacks {', '.join(missing) or 'entries'}; it must hold {_keys(named)}.")
    for key, entry in value.items():
        check(key, TEXT, f"a key of {place}")
        part = named.get(key, others)
        if part is None:
            raise ValueError(f"{place} has the unknown key {_shown(key)}; it may hold {_keys(named)}.")
        check(entry, part, f"{place}.{key}")


def _keys(named: dict[str, Any]) -> str:
    return ", ".join(named) or "at least one entry"


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
