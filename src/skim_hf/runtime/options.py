"""How a loaded model is to be run: the checked arguments of `SkimRuntime`."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skim_hf.runtime.config_fields import is_share

BACKENDS = ("auto", "native", "numpy")
DTYPES = ("float32", "int8")


@dataclass(frozen=True)
class RuntimeOptions:
    """Settings that do not change what the model is.

    Attributes:
        threshold: Skim above this probability, in [0, 1]; 1 reads everything.
        backend: `auto`, `native` or `numpy`.
        dtype: `float32`, or `int8` for recurrent weights and tables.
        max_tokens: How many tokens of a text are read; None reads all.
        threads: How many texts are read at the same time.
        jump_every: R of a model that jumps, tokens before each jump decision; None for the model's own.
        jump_limit: N, jumps allowed; None for the model's own.
    """

    threshold: float
    backend: str = "auto"
    dtype: str = "float32"
    max_tokens: int | None = None
    threads: int = 1
    jump_every: int | None = None
    jump_limit: int | None = None

    def __post_init__(self) -> None:
        """Checks all but the threshold, which `config.check_threshold` has seen.

        Raises:
            ValueError: An unknown name, or a number out of its range.
        """
        for name, value, allowed in (("backend", self.backend, BACKENDS), ("dtype", self.dtype, DTYPES)):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
        # Numbers of NumPy become plain ones, as snapshots hold them.
        object.__setattr__(self, "threads", check_count("threads", self.threads))
        for name, lowest in (("max_tokens", 1), ("jump_every", 1), ("jump_limit", 0)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_count(name, value, lowest))


def check_count(name: str, value: Any, lowest: int = 1) -> int:
    """Returns an integer of at least `lowest`.

    Raises:
        ValueError: Not such a number.
    """
    try:
        number = lowest - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = lowest - 1
    if number < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}; got {value!r}.")
    return int(number)


def check_budget(value: Any) -> float:
    """Returns a budget as a float.

    Raises:
        ValueError: Not a number in [0, 1].
    """
    if not is_share(value):
        raise ValueError(
            "budget must be a number in [0, 1]: the largest share of the tokens that may be read in full. "
            f"Got {value!r}."
        )
    return float(value)


def check_calibration(budget: object, threshold: float | None, texts: Iterable[str] | None) -> None:
    """Refuses a budget together with a threshold or without texts.

    Raises:
        ValueError: Such a combination.
    """
    if budget is not None and threshold is not None:
        raise ValueError(
            f"Expected threshold or budget; got both ({threshold!r} and {budget!r}). "
            "A budget is turned into a threshold."
        )
    if (budget is None) != (texts is None):
        raise ValueError(
            "A budget and the texts to find its threshold with go together: pass budget=... and "
            "calibration_texts=[...], some hundred like those to be read later."
        )
