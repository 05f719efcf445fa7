"""What a reader is to a comparison, and those that compare_readers.py compares, with the recipe of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLAIN, SKIM, SKIP = "plain", "skim", "skip"


@dataclass(frozen=True)
class Reader:
    """One way of reading, and how it is trained.

    Attributes:
        title: Its name in the table.
        options: Of run_classification.py, beside those that all readers share.
        starts_from: A reader whose weights, of the same seed, it starts from; None for fresh ones.
        like: For a control the reader that it is measured against; None for the others.
        matched: What makes a control as costly as that reader: `rate` gives it the share of tokens that were
            not read, `width` a smaller state, `length` the last tokens of a text alone.
    """

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    starts_from: str | None = None
    like: str | None = None
    matched: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Readers that have to be there before this one is trained."""
        return tuple(name for name in (self.starts_from, self.like) if name is not None)


def learns(reader: Reader, shared: Mapping[str, Any]) -> bool:
    """Whether a reader learns from a teacher, and from the texts that the teacher labelled.

    Args:
        reader: The reader.
        shared: Options that all readers share, but for their own.
    """
    return {**shared, **reader.options}.get("teacher_column") is not None


_SKIM = {"policy": "skim", "skim_sizes": 10, "gamma": 0.01}
_JUMP = {"jump_every": 30, "jump_size": 20, "jump_limit": 8, "reinforce_weight": 0.1}

READERS: dict[str, Reader] = {
    PLAIN: Reader("plain LSTM", {"policy": "full"}),
    SKIM: Reader("Skim-LSTM, d' = 10", _SKIM),
    "skim_0": Reader("Skim-LSTM, d' = 0", {**_SKIM, "skim_sizes": 0}),
    "skim_20_5_0": Reader("Skim-LSTM, d' = 20, 5, 0", {**_SKIM, "skim_sizes": [20, 5, 0]}),
    "skim_straight_through": Reader(
        "Skim-LSTM, straight-through", {**_SKIM, "estimator": "straight_through"}
    ),
    # With a larger weight decisions stay undecided, and reading by the likelier choice is another reading.
    "skim_reinforce": Reader(
        "Skim-LSTM, REINFORCE", {**_SKIM, "estimator": "reinforce", "reinforce_weight": 1e-3}
    ),
    SKIP: Reader("Skip-LSTM", {"policy": "skip", "gamma": 6e-5}),
    "selective": Reader("selective LSTM (SA-RNN)", {"policy": "selective", "gamma": 2e-4}),
    "jump": Reader("LSTM-Jump", {"policy": "full", **_JUMP}, starts_from=PLAIN),
    "jump_skim": Reader("LSTM-Jump that skims", {**_SKIM, **_JUMP}, starts_from=SKIM),
    "random": Reader("random skipping", {"policy": "random"}, like=SKIP, matched="rate"),
    "periodic": Reader("periodic skipping", {"policy": "periodic"}, like=SKIP, matched="rate"),
    "small": Reader("small plain LSTM", {"policy": "full"}, like=SKIM, matched="width"),
    "truncated": Reader("plain LSTM, end of the text", {"policy": "full"}, like=SKIM, matched="length"),
    "mean": Reader("mean of the word vectors", {"policy": "full", "num_hidden_layers": 0, "pooling": "mean"}),
    "max": Reader(
        "maximum of the word vectors", {"policy": "full", "num_hidden_layers": 0, "pooling": "max"}
    ),
}
"""By name, those first that others need."""


def with_needs(names: list[str], readers: Mapping[str, Reader] = READERS) -> list[str]:
    """The readers and all that they need, in the order of those that there are.

    The plain reader is always among them, because the others are measured against it.

    Args:
        names: Of the wanted readers.
        readers: All that there are, by name.

    Raises:
        ValueError: An unknown reader.
    """
    unknown = [name for name in names if name not in readers]
    if unknown:
        raise ValueError(f"Expected readers among {', '.join(readers)}; got {', '.join(unknown)}.")
    wanted = {PLAIN, *names}
    for name in reversed(list(readers)):
        if name in wanted:
            wanted.update(readers[name].needs)
    return [name for name in readers if name in wanted]
