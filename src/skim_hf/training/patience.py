"""The end of a training that no longer gets better."""

from __future__ import annotations

from typing import Any

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments


class Patience(EarlyStoppingCallback):
    """`EarlyStoppingCallback` that a resumed run continues where the interrupted one was.

    Args:
        evaluations: So many without a better one end the training.
    """

    def __init__(self, evaluations: int) -> None:
        super().__init__(evaluations)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Counts the evaluations since the best one in the log, which checkpoints keep."""
        super().on_train_begin(args, state, control, **kwargs)
        name, best = (
            f"eval_{str(args.metric_for_best_model).removeprefix('eval_')}",
            state.best_global_step or 0,
        )
        later = [line for line in state.log_history if name in line and line["step"] > best]
        self.early_stopping_patience_counter = len(later)
