"""How fast a training is, without what it stops for."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Throughput(TrainerCallback):
    """Counts rows and the time from step to step, that of evaluations and checkpoints not included.

    Attributes:
        seconds: Spent on steps, their data included.
        rows: Trained on in this process, told by `add`.
    """

    def __init__(self) -> None:
        self.seconds, self.rows, self._since = 0.0, 0, 0.0

    def add(self, rows: int) -> None:
        """Counts the rows of a batch."""
        self.rows += rows

    def per_second(self) -> float:
        """Rows per second; 0 before the first step."""
        return self.rows / self.seconds if self.seconds else 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts from nothing."""
        self.seconds, self.rows, self._since = 0.0, 0, time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Takes the time of a step."""
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Forgets the time since the last step."""
        self._since = time.perf_counter()

    on_save = on_evaluate
