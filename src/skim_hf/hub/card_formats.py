"""How a card writes numbers and texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_SCORES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "exact_match": "exact match",
    "f1": "F1",
    "has_answer_exact_match": "exact match where there is an answer",
    "has_answer_f1": "F1 where there is an answer",
    "no_answer_exact_match": "exact match where there is none",
    "no_answer_f1": "F1 where there is none",
    "mse": "mean squared error",
    "mae": "mean absolute error",
}
_SHARES = ("accuracy", "macro_f1")
# As the official evaluators of question answering count.
_PERCENT = ("exact_match", "f1")
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
# What makes a list of a line that begins with it.
_BULLET = re.compile(r"^(?:\d+[.)]|[-+])(?= |$)")


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share:.1%}"


def times(ratio: float) -> str:
    """How many times as much."""
    return f"{ratio:.1f}x"


def microseconds(value: float) -> str:
    """A time as one reads it."""
    return f"{value:,.0f} \u00b5s" if value < 10_000 else f"{value / 1000:,.1f} ms"


def megabytes(count: int) -> str:
    """A size of a file as one reads it."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def one_line(text: str) -> str:
    """A text with its white space, line breaks of all kinds included, turned into blanks."""
    return " ".join(text.split())


def plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BULLET.sub(lambda bullet: f"{bullet[0][:-1]}\\{bullet[0][-1]}", _SPECIAL.sub(r"\\\1", text))


def code(text: str) -> str:
    """A text between backticks, on one line, also within a table."""
    return f"`{one_line(text).replace('`', chr(39)).replace('|', '/')}`"


def literal(text: str) -> str:
    """A text as Python writes it, on one line."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def score_title(name: str) -> str:
    """What a score is called."""
    return _SCORES.get(name, name)


def score_value(name: str, value: float) -> str:
    """A score as one reads it."""
    if name.endswith(_PERCENT) and name not in _SHARES:
        return f"{value:.1f}"
    return percent(value) if name in _SHARES else f"{value:.4g}"


FILTERS: dict[str, Callable[..., str]] = {"code": code, "literal": literal, "plain": plain}
"""What the template may apply to values."""
