"""The fields of a `config.json`, read one by one; every error names the field and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

_JUMPS = ("jump_every", "jump_size", "jump_limit")


def get(values: Mapping[str, Any], name: str) -> Any:
    """A field that has to be there."""
    if name not in values:
        raise ValueError(f"{name} is missing. Save the model again with model.save_pretrained(folder).")
    return values[name]


def check_threshold(value: Any, name: str = "threshold") -> float:
    """Returns a skim threshold as a float.

    Raises:
        ValueError: Not a number in [0, 1].
    """
    if not is_share(value):
        raise ValueError(
            f"{name} must be a number in [0, 1]: skim above this probability; 1 reads everything. "
            f"Got {value!r}."
        )
    return float(value)


def is_share(value: Any) -> bool:
    """Whether a value is a number in [0, 1]."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    # Compared as it is: an integer can be too large for a float.
    return is_number and bool(0 <= value <= 1)


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; got {value!r}.")
    return value


def inputs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Words or features, never both."""
    if get(values, "vocab_size") is None:
        return {"vocab_size": None, "input_size": integer(values, "input_size", 1)}
    if values.get("input_size") is not None:
        raise ValueError(
            "Expected vocab_size (words) or input_size with vocab_size null (continuous features); got both, "
            f"{values['vocab_size']!r} and {values['input_size']!r}."
        )
    return {"vocab_size": integer(values, "vocab_size", 1), "input_size": None}


def skip_rate(values: Mapping[str, Any]) -> float:
    """A share below 1; absent from files of models that skip nothing."""
    rate = values.get("skip_rate", 0.5)
    if not is_share(rate) or rate == 1:
        raise ValueError(f"skip_rate must be a number of at least 0 and below 1; got {rate!r}.")
    return float(rate)


def initial_state(values: Mapping[str, Any], policy: str) -> bool:
    """Whether states are learned; left to the policy where the file does not say."""
    found = values.get("learned_initial_state")
    return policy == "skip" if found is None else flag("learned_initial_state", found)


def jump_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """R, K and N: all of them or none."""
    settings = {name: values.get(name) for name in _JUMPS}
    absent = [name for name, value in settings.items() if value is None]
    if len(absent) == len(_JUMPS):
        return settings
    if absent:
        raise ValueError(
            "jump_every, jump_size and jump_limit go together: give all of them or none; "
            f"{', '.join(absent)} is missing."
        )
    return {name: integer(settings, name, lowest) for name, lowest in zip(_JUMPS, (1, 1, 0), strict=True)}


def integer(values: Mapping[str, Any], name: str, lowest: int) -> int:
    """An integer of at least `lowest`."""
    value = get(values, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}; got {value!r}.")
    return value


def choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    """One of the names allowed."""
    value = get(values, name)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
    return str(value)


def skim_sizes(values: Mapping[str, Any], policy: str, hidden_size: int) -> tuple[int, ...]:
    """Sizes of the small cells, which policy `skim` alone has."""
    sizes = get(values, "skim_sizes")
    rule = f"integers from large to small, each from 0 to hidden_size={hidden_size}"
    if not isinstance(sizes, list) or any(type(size) is not int for size in sizes):
        raise ValueError(f"skim_sizes must be a list of {rule}; got {sizes!r}.")
    if sizes != sorted(sizes, reverse=True) or any(not 0 <= size <= hidden_size for size in sizes):
        raise ValueError(f"skim_sizes must be {rule}; got {sizes!r}.")
    if (policy == "skim") != bool(sizes):
        raise ValueError(
            "skim_sizes are those of policy='skim': not empty for 'skim', and empty for every other policy; "
            f"got {sizes!r} for {policy!r}."
        )
    return tuple(sizes)


def labels(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the labels, by id."""
    # transformers leaves out what equals its own default, two labels without names.
    names = values.get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"id2label must map the ids '0', '1', ... to label names; got {names!r}.")
    ids = [str(number) for number in range(len(names))]
    if set(names) != set(ids):
        raise ValueError(f"id2label must have the ids 0 to {len(names) - 1}; got {sorted(names)!r}.")
    return tuple(names[number] for number in ids)
