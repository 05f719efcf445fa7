"""An exponential moving average of the weights, which stands in for them wherever no step is being made."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

TRAINING_WEIGHTS = "training_weights.safetensors"
"""What a checkpoint keeps of the weights themselves, beside the average in its model."""


def decay_at(step: int, decay: float) -> float:
    """Decay of the average at a step: min(decay, (1 + n) / (10 + n)), so that the start is soon forgotten.

    Args:
        step: Number n of optimizer updates made so far, this one included.
        decay: The final decay.
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage(TrainerCallback):
    """Averages the weights: a_n = d_n a_(n-1) + (1 - d_n) w_n after step n, with d_n of `decay_at`.

    During a step the model has its own weights, and at any other time the average: evaluations, the choice of
    the best model, checkpoints and the trained model are those of the average. Weights that are not trained
    are left alone. `SkimTrainer` makes one where its arguments have an `ema_decay`; with another Trainer,
    `resume_from` has to be told the checkpoint.

    Args:
        decay: Above 0 and below 1, such as 0.999.

    Raises:
        ValueError: Another decay.
    """

    def __init__(self, decay: float) -> None:
        if not (math.isfinite(decay) and 0.0 < decay < 1.0):
            raise ValueError(f"The decay of an average must be above 0 and below 1; got {decay!r}.")
        self.decay = decay
        self._folder: Path | None = None
        # What the model does not have at the moment, by name: the average in a step, else the weights.
        self._others: dict[str, Tensor] = {}

    def resume_from(self, folder: str | os.PathLike[str]) -> None:
        """Names the checkpoint that the next training starts from.

        Raises:
            ValueError: It was saved without an average.
        """
        if not Path(folder, TRAINING_WEIGHTS).is_file():
            raise ValueError(
                f"{folder} has no {TRAINING_WEIGHTS}, which a training with ema_decay saves. Resume a run "
                "with the options that it was started with."
            )
        self._folder = Path(folder)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the average, or takes up that of the checkpoint, which the model has been loaded with."""
        trained = _trained(kwargs["model"])
        if self._folder is None:
            self._others = {name: weight.detach().clone() for name, weight in trained.items()}
            return
        saved = load_file(self._folder / TRAINING_WEIGHTS)
        self._folder = None
        self._others = {name: saved[name].to(weight.device, weight.dtype) for name, weight in trained.items()}

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Gives the model its weights."""
        self._exchange(kwargs["model"])

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Moves the average towards the new weights, and gives it to the model."""
        weights = [weight.detach() for weight in _trained(kwargs["model"]).values()]
        update = get_ema_multi_avg_fn(decay_at(state.global_step, self.decay))
        with torch.no_grad():
            update(list(self._others.values()), weights, None)
        self._exchange(kwargs["model"])

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keeps the weights in the checkpoint that was just saved."""
        folder = Path(str(args.output_dir), f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
        if args.should_save and folder.is_dir():
            save_file(
                {name: weight.contiguous() for name, weight in self._others.items()},
                folder / TRAINING_WEIGHTS,
            )

    def _exchange(self, model: nn.Module) -> None:
        """Swaps storages, so that no number is copied and the optimizer keeps its parameters."""
        for name, weight in _trained(model).items():
            weight.data, self._others[name] = self._others[name], weight.data


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
