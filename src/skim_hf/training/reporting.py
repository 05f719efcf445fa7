"""What a training knows of a model, written beside the weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import Trainer
from transformers.trainer_utils import has_length

from skim_hf.results import ModelResults, from_training

logger = logging.getLogger(__name__)

# What of the arguments and of the configuration makes the weights what they become.
_ARGUMENTS = (
    *("num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "optim", "max_grad_norm"),
    *("train_sampling_strategy", "bf16", "fp16"),
    *("temperature_start", "temperature_floor", "temperature_rate", "budget_warmup_steps"),
)
_IF_GIVEN = (
    *("ema_decay", "teacher_weight", "word_dropout", "adversarial_epsilon"),
    "early_stopping_patience",
)
_FIELDS = ("budget_type", "budget_weight", "budget_target", "estimator", "dropout")
_FIELDS_OF_POLICY = {
    "skip": ("skip_gradient",),
    "selective": ("slope",),
    "random": ("skip_rate",),
    "periodic": ("skip_rate",),
}
_JUMPS = ("jump_every", "jump_size", "jump_limit")
_REINFORCE = ("num_rollouts", "reinforce_weight")


class ReportingTrainer(Trainer):
    """A Trainer that writes `results.json` with the model: data, recipe, seed and validation scores.

    Args:
        *args: As of `transformers.Trainer`.
        data: Name of the data set and, if known, `source`, `hub_id` and `language`.
        **kwargs: As of `transformers.Trainer`.
    """

    def __init__(self, *args: Any, data: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self._data = {"name": "unnamed data"} if data is None else dict(data)
        self._validated: dict[int, dict[str, float]] = {}
        super().__init__(*args, **kwargs)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains as `transformers.Trainer` does."""
        self._validated.clear()
        return super().train(*args, **kwargs)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Evaluates as `transformers.Trainer` does, and remembers the scores of its own evaluation data."""
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        if eval_dataset is None and metric_key_prefix == "eval":
            self._validated[self._step_of_weights()] = metrics
        return metrics

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Saves the model with its results; checkpoints get theirs where they are pushed."""
        super().save_model(output_dir, _internal_call=True)
        if self.args.push_to_hub or not _internal_call:
            self.save_results(output_dir)
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub(commit_message="Model save", revision=self.args.hub_revision)

    def save_results(self, output_dir: str | None = None) -> None:
        """Writes what is known of a saved model to its `results.json`.

        A file that is there and of the same weights may know more: it only gets the blocks that it lacks.

        Args:
            output_dir: Where the model was saved just now; the folder of the arguments if None.
        """
        if not self.args.should_save:
            return
        folder = Path(output_dir or str(self.args.output_dir))
        try:
            results = self._results(folder)
        except (FileNotFoundError, ValueError) as error:
            # The model is saved, which is what matters; a push will say the same as an error.
            logger.warning("No results were written: %s", error)
            return
        try:
            present = ModelResults.load(folder)
        except (FileNotFoundError, ValueError):
            present = results
        if present.weights == results.weights:
            training = present.training or results.training
            results = replace(present, training=training, evaluation=present.evaluation or results.evaluation)
        results.save(folder)

    def _results(self, folder: Path) -> ModelResults:
        arguments, config = self.args.to_dict(), self.accelerator.unwrap_model(self.model).config
        splits = {"train": _size(self.train_dataset), "validation": _size(self.eval_dataset)}
        return from_training(
            folder,
            data=self._data,
            splits={name: size for name, size in splits.items() if size},
            recipe={
                **{name: arguments[name] for name in _ARGUMENTS},
                **{name: arguments[name] for name in _IF_GIVEN if arguments.get(name)},
                **{name: getattr(config, name) for name in _fields(config)},
            },
            seed=self.args.seed,
            metrics=self._validated.get(self._step_of_weights()) if splits["validation"] else None,
        )

    def _step_of_weights(self) -> int:
        """The step after which the weights were what they are now."""
        best = self.state.best_global_step
        if self.args.load_best_model_at_end and best is not None and not self.is_in_train:
            return best
        return self.state.global_step


def _fields(config: Any) -> tuple[str, ...]:
    """The fields that have a part in training a model of this kind."""
    jumps = _JUMPS if config.jumps else ()
    sampled = _REINFORCE if config.jumps or config.estimator == "reinforce" else ()
    return (*_FIELDS, *_FIELDS_OF_POLICY.get(config.policy, ()), *jumps, *sampled)


def _size(rows: Any) -> int:
    """Texts of one or several data sets; 0 if nobody knows."""
    if isinstance(rows, Mapping):
        return sum(_size(part) for part in rows.values())
    # Of questions these, and not the windows of their contexts.
    rows = getattr(rows, "questions", rows)
    return len(rows) if rows is not None and has_length(rows) else 0
