"""Arguments of training: those of transformers plus the schedules of a skimming reader."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from transformers import TrainingArguments

from .schedules import budget_weight, gumbel_temperature, slope


@dataclass
class SkimTrainingArguments(TrainingArguments):
    """`transformers.TrainingArguments` with schedules of temperature and slope, and a budget.

    Every other field keeps its usual meaning and default, but for the sampling of batches:
    texts of like length are put together, because a recurrent reader takes as many steps as
    the longest text of its batch.

    Raises:
        ValueError: A schedule, a share or a number of evaluations out of its range, or label smoothing,
            which would throw away the budget term of the model's loss.

    Example:
        >>> args = SkimTrainingArguments(output_dir="outputs/demo", use_cpu=True, temperature_rate=1e-3)
        >>> args.temperature_at(0), args.temperature_at(5000)
        (1.0, 0.5)
    """

    temperature_start: float = field(
        default=1.0, metadata={"help": "Temperature of the Gumbel-softmax relaxation at the first step."}
    )
    temperature_floor: float = field(
        default=0.5, metadata={"help": "Lowest temperature; the schedule stays there once reached."}
    )
    temperature_rate: float = field(
        default=1e-4,
        metadata={
            "help": "Decay per step: temperature = max(floor, start * exp(-rate * step)). 0 is constant."
        },
    )
    slope_start: float = field(
        default=1.0,
        metadata={"help": "Slope of the hard sigmoid of policy 'selective' (SA-RNN) in the first epoch."},
    )
    slope_rate: float = field(
        default=0.04,
        metadata={"help": "Rise per epoch: slope = min(limit, start + rate * epoch). 0 is constant."},
    )
    slope_limit: float = field(
        default=5.0, metadata={"help": "Highest slope; the schedule stays there once reached."}
    )
    budget_weight: float | None = field(
        default=None,
        metadata={
            "help": "Weight (gamma) of the budget term in the loss. Default: that of the model's config.",
            "aliases": ["--gamma"],
        },
    )
    budget_warmup_steps: int = field(
        default=0, metadata={"help": "Steps over which the budget weight rises linearly from 0."}
    )
    budget_target: float | None = field(
        default=None,
        metadata={
            "help": "Cost to aim at relative to reading everything, in (0, 1], for the cost_target_* "
            "budgets. Default: that of the model's config."
        },
    )
    ema_decay: float | None = field(
        default=None,
        metadata={
            "help": "Decay of an exponential moving average of the weights, such as 0.999, which is what is "
            "evaluated and saved. Default: no average."
        },
    )
    teacher_weight: float | None = field(
        default=None,
        metadata={
            "help": "Share w of a teacher's probabilities in the task loss, (1 - w) CE(labels) + "
            "w CE(teacher); the training rows need a column of them. Default: no teacher."
        },
    )
    word_dropout: float = field(
        default=0.0,
        metadata={"help": "Share of the words of training texts that are replaced by the unknown word."},
    )
    adversarial_epsilon: float | None = field(
        default=None,
        metadata={
            "help": "Length of the shift of a text's word vectors to where the loss grows fastest; the loss "
            "is then the mean of that without and with it, at twice the time. Default: no shift."
        },
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={
            "help": "Evaluations without a better one after which training ends; the best model is then kept."
        },
    )
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={
            "help": "Sampler for training. 'group_by_length' (default here) puts texts of like length "
            "together.",
            "choices": ["random", "sequential", "group_by_length", "batch_rebalance"],
        },
    )

    def __post_init__(self) -> None:
        """Checks the schedules, then lets transformers set itself up."""
        # A dry call checks the values by the rule that the schedule itself applies.
        self.temperature_at(0)
        self.slope_at(0.0)
        self.budget_weight_at(0, 0.0)
        target = self.budget_target
        if target is not None and not (math.isfinite(target) and 0.0 < target <= 1.0):
            raise ValueError(f"budget_target must be a relative cost, above 0 and at most 1; got {target!r}.")
        if self.label_smoothing_factor:
            raise ValueError(
                "label_smoothing_factor must stay 0: smoothing replaces the model's loss, and the budget "
                f"term with it; got {self.label_smoothing_factor!r}."
            )
        if self.teacher_weight is not None and not 0.0 <= self.teacher_weight <= 1.0:
            raise ValueError(f"teacher_weight must be a share in [0, 1]; got {self.teacher_weight!r}.")
        if not 0.0 <= self.word_dropout < 1.0:
            raise ValueError(
                f"word_dropout must be a share, at least 0 and below 1; got {self.word_dropout!r}."
            )
        epsilon = self.adversarial_epsilon
        if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0.0):
            raise ValueError(f"adversarial_epsilon must be a length above 0; got {epsilon!r}.")
        self._stop_early()
        self._is_metric_named = self.metric_for_best_model is not None
        super().__post_init__()

    def _stop_early(self) -> None:
        """Early stopping needs evaluations, and a checkpoint at each."""
        if self.early_stopping_patience is None:
            return
        if self.early_stopping_patience < 1:
            raise ValueError(
                f"--early_stopping_patience must be at least 1; got {self.early_stopping_patience}."
            )
        self.load_best_model_at_end = True
        if self.eval_strategy == "no":
            self.eval_strategy = self.save_strategy = "epoch"

    def prefer_metric(self, name: str) -> None:
        """Chooses the best model by a metric, of which more is better, if one is chosen and none was named.

        Args:
            name: Of a metric that evaluations report.
        """
        if self.load_best_model_at_end and not self._is_metric_named:
            self.metric_for_best_model, self.greater_is_better = name, True

    def temperature_at(self, step: int) -> float:
        """Temperature at a global step.

        Args:
            step: Number of optimizer updates made so far.

        Returns:
            The temperature of the relaxation.
        """
        return gumbel_temperature(
            step, start=self.temperature_start, floor=self.temperature_floor, rate=self.temperature_rate
        )

    def slope_at(self, epoch: float) -> float:
        """Slope at an epoch.

        Args:
            epoch: Epochs made so far, with a fraction.

        Returns:
            The slope of the hard sigmoid.
        """
        return slope(epoch, start=self.slope_start, rate=self.slope_rate, limit=self.slope_limit)

    def budget_weight_at(self, step: int, default: float) -> float:
        """Budget weight at a global step.

        Args:
            step: Number of optimizer updates made so far.
            default: Full weight where `budget_weight` is None, as a rule that of the model's config.

        Returns:
            The weight of the budget term.
        """
        weight = default if self.budget_weight is None else self.budget_weight
        return budget_weight(step, weight=weight, warmup_steps=self.budget_warmup_steps)
