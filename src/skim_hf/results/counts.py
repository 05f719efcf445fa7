"""How texts were read, in numbers that can be added up: choices, units, jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf import costs
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.reading import Reading


@dataclass(frozen=True)
class TextCounts:
    """How N texts were read by R readers (layers times directions) with k ways to process a token.

    Attributes:
        choices: [N, R, k], how many tokens took each choice, the full read first; those that a jump passed
            over took none.
        lengths: [N], tokens of each text, those included that jumps passed over.
        units: [N, R], units that were updated, all tokens of a text together; None unless the policy is
            selective.
        jumps: [N, directions], jump decisions that were taken; None for a model that does not jump.
    """

    choices: NDArray[np.int64]
    lengths: NDArray[np.int64]
    units: NDArray[np.int64] | None = None
    jumps: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, counts: TextCounts | Mapping[str, Any] | ArrayLike) -> TextCounts:
        """Takes counts in any form.

        Args:
            counts: [N, R, k] choices, which say everything of models that look at every token and update
                whole cells; or an object of `choices`, `lengths` and, where they apply, `units` and `jumps`,
                as `SkimTrainer` gathers it.

        Raises:
            ValueError: Shapes that do not fit each other, no text, or an unknown entry.
        """
        if isinstance(counts, TextCounts):
            return counts
        parts: dict[str, Any] = dict(counts) if isinstance(counts, Mapping) else {"choices": counts}
        unknown = parts.keys() - {"choices", "lengths", "units", "jumps"}
        if unknown or "choices" not in parts:
            raise ValueError(
                "Counts of a reading are choices and, where they apply, lengths, units and jumps; "
                f"got {', '.join(map(str, parts)) or 'none'}."
            )
        arrays = {name: np.asarray(part) for name, part in parts.items() if part is not None}
        choices = arrays["choices"]
        if choices.ndim != 3 or choices.shape[0] == 0:
            raise ValueError(
                "Choice counts must have the shape [texts, readers, choices] with at least one text; "
                f"got {list(choices.shape)}."
            )
        arrays.setdefault("lengths", choices.sum(axis=2).max(axis=1, initial=0))
        _check_shapes(arrays)
        return cls(**arrays)

    @classmethod
    def of_readings(cls, readings: Sequence[Reading], config: RuntimeConfig) -> TextCounts:
        """Counts what a runtime did.

        Args:
            readings: Of at least one text.
            config: Of the model.
        """
        none = np.zeros(config.num_directions, np.int64)
        parts: dict[str, Any] = {
            "choices": [_choices(reading.decisions, config.num_choices) for reading in readings],
            "lengths": [len(reading.decisions) for reading in readings],
        }
        units = [reading.units.sum(axis=0) for reading in readings if reading.units is not None]
        if config.policy == "selective":
            parts["units"] = units
        if config.jumps:
            parts["jumps"] = [none if reading.jumps is None else reading.jumps for reading in readings]
        return cls.of(parts)

    @property
    def tokens(self) -> int:
        """Tokens of all texts."""
        return int(self.lengths.sum())

    def read(self, config: Any = None) -> NDArray[Any]:
        """How many tokens each reader read, [N, R]; of a selective one in shares of its units.

        Args:
            config: Of the model, an object or the dictionary of `config.json`; needed with units.

        Raises:
            ValueError: Units, and no configuration.
        """
        if self.units is None:
            return self.choices[:, :, 0]
        if config is None:
            raise ValueError(
                "The configuration is needed for the share of units that were updated: pass it with the "
                "counts."
            )
        return self.units / costs.reader_shapes(config)[0].hidden_size

    def totals(self) -> costs.ReadingCounts:
        """All texts together, as `costs` takes them."""
        return costs.ReadingCounts(
            choices=self.choices.sum(axis=0).tolist(),
            units=None if self.units is None else self.units.sum(axis=0).tolist(),
            jumps=() if self.jumps is None else self.jumps.sum(axis=0).tolist(),
            tokens=self.tokens,
        )


def _choices(decisions: NDArray[np.int64], num_choices: int) -> NDArray[np.int64]:
    """How often [T, R] decisions took each of k choices, [R, k]; -1 is none of them."""
    counts: NDArray[np.int64] = (decisions[:, :, None] == np.arange(num_choices)).sum(axis=0, dtype=np.int64)
    return counts


def _check_shapes(arrays: Mapping[str, NDArray[Any]]) -> None:
    texts, readers, _ = arrays["choices"].shape
    allowed: dict[str, list[tuple[int, ...]]] = {
        "lengths": [(texts,)],
        "units": [(texts, readers)],
        "jumps": [(texts, 1), (texts, 2)],
    }
    for name, shapes in allowed.items():
        if name in arrays and arrays[name].shape not in shapes:
            raise ValueError(
                f"Expected {name} of the shape {list(shapes[-1])} beside choices of the shape "
                f"{list(arrays['choices'].shape)}; got {list(arrays[name].shape)}."
            )
    if (arrays["choices"].sum(axis=2) > arrays["lengths"][:, None]).any():
        raise ValueError("A text cannot have had more of its tokens read than it has: see the lengths.")
