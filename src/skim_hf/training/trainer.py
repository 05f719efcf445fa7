"""The Trainer of transformers with the schedules, the log and the evaluation of a skimming reader."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, SequentialSampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import has_length

from .adversarial import Perturbation, check_perturbed
from .arguments import SkimTrainingArguments
from .counting import count_reading, needed_outputs
from .ema import WeightAverage
from .patience import Patience
from .pushing import PushingTrainer, check_pushing
from .sampling import LengthGroupedSampler, LongestFirstSampler, text_lengths
from .teacher import TEACHER, check_student, teacher_term
from .window import LogWindow
from .word_dropout import drop_words, unknown_id

# Outputs of the model whose averages go into the log.
_LOGGED_OUTPUTS = ("task_loss", "budget_loss", "policy_loss", "skim_rate")


class SkimTrainer(PushingTrainer):
    """`transformers.Trainer` for adaptive readers.

    It passes the temperature and the budget weight of the current global step, and to SA-RNN the slope of the
    epoch, to the model while training; it keeps no state of its own, so a resumed run equals an
    uninterrupted one. The log gains `task_loss`, `budget_loss`, `policy_loss` where decisions are sampled,
    `skim_rate`, `temperature`, `budget_weight` and `slope`, averaged over the same steps as `loss`.
    Evaluation gathers, besides the logits, how every text was read: `predictions` is the pair (logits,
    choice counts `[N, R, k]`), which `make_compute_metrics` understands; of selective readers and jumps the
    counts are an object, see `count_reading`. `predict` keeps the order of the dataset.

    With `ema_decay` what is evaluated and saved is an average of the weights, see `WeightAverage`. With
    `teacher_weight` the training rows have a column `teacher` of probabilities `[C]`, which the model learns
    from too, see `teacher_term`; `teacher_loss` in the log is what that adds. Evaluation has the plain loss.
    `word_dropout` hides words in training, see `drop_words`, `adversarial_epsilon` shifts their vectors, see
    `Perturbation`, and `early_stopping_patience` ends it.

    `budget_weight` and `budget_target` of the arguments are written to `model.config`, so that
    the evaluation loss uses them and the saved model tells what it was trained with.

    `save_model` writes a `results.json` beside the weights: data, recipe, seed and validation scores. With
    `push_to_hub=True`, whatever the `hub_strategy`, whole models go to the Hub, with their code and the card
    made from that file; see `skim_hf.hub.push_folder`.

    Args:
        model: A model of this library with a head; or give `model_init`.
        args: The training arguments.
        **kwargs: As of `transformers.Trainer`, and `data`: name of the data set for the results, and if known
            its `source`, `hub_id` and `language`.

    Raises:
        TypeError: Plain training arguments, or a model that is no reader with a head.
        ValueError: A `compute_loss_func`, a budget target for a budget without target, a teacher for another
            model than a classifier of texts with one label each, words to drop without a tokenizer, or a push
            without tokenizer or over a README.md that was written by hand.
        ImportError: A push without the extra `hub`.

    Example:
        >>> args = SkimTrainingArguments(output_dir="outputs/demo")  # doctest: +SKIP
        >>> SkimTrainer(model, args, train_dataset=rows).train()  # doctest: +SKIP
    """

    args: SkimTrainingArguments

    def __init__(
        self, model: nn.Module | None = None, args: TrainingArguments | None = None, **kwargs: Any
    ) -> None:
        """Checks what a skimming reader needs, then sets the Trainer up."""
        args = SkimTrainingArguments() if args is None else args
        if not isinstance(args, SkimTrainingArguments):
            raise TypeError(
                f"SkimTrainer needs SkimTrainingArguments, got {type(args).__name__}. Use that class (it "
                "takes the same fields), or transformers.Trainer to train with a constant temperature."
            )
        if kwargs.get("compute_loss_func") is not None:
            raise ValueError(
                "compute_loss_func would replace the model's loss, and the budget term with it. "
                "Leave it out, or add your term in a subclass of the model."
            )
        if model is not None:
            _prepare(model, args)
        self._unknown = unknown_id(kwargs.get("processing_class")) if args.word_dropout else None
        if args.push_to_hub:
            tokenizer, collator = kwargs.get("processing_class"), kwargs.get("data_collator")
            check_pushing(args.output_dir, model, tokenizer, collator)
        self._window = LogWindow()
        self._grouped: LengthGroupedSampler | None = None
        self._average = None if args.ema_decay is None else WeightAverage(args.ema_decay)
        epsilon = args.adversarial_epsilon
        self._perturbation = None if epsilon is None else Perturbation(epsilon)
        super().__init__(model=model, args=args, **kwargs)
        self.add_callback(_ResumableCallback(self))
        if args.early_stopping_patience is not None:
            self.add_callback(Patience(args.early_stopping_patience))
        if self._average is not None:
            self.add_callback(self._average)

    def call_model_init(self, trial: Any = None) -> nn.Module:
        """Builds the model by `model_init` and writes the budget to its configuration."""
        model = super().call_model_init(trial)
        _prepare(model, self.args)
        return model

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Goes forward and backward, with `adversarial_epsilon` a second time with shifted word vectors."""
        if self._unknown is not None:
            # Before both passes, which see the same words.
            inputs = drop_words(inputs, self.args.word_dropout, self._unknown, self._config().pad_token_id)
        if self._perturbation is None:
            return super().training_step(model, inputs, *args, **kwargs)
        table = self.accelerator.unwrap_model(model).get_input_embeddings()
        with self._perturbation.recorded(table):
            loss = super().training_step(model, inputs, *args, **kwargs)
        with self._perturbation.applied(table):
            return loss + super().training_step(model, inputs, *args, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Computes the loss, in training with temperature, budget weight and slope of the global step."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        step = self.state.global_step
        config = self._config()
        schedule = {
            "temperature": self.args.temperature_at(step),
            "budget_weight": self.args.budget_weight_at(step, config.budget_weight),
        }
        if config.policy == "selective":
            schedule["slope"] = self.args.slope_at(self.state.epoch or 0.0)
        teacher, inputs = inputs.get(TEACHER), _without_teacher(inputs)
        loss, outputs = super().compute_loss(model, {**inputs, **schedule}, True, num_items_in_batch)
        logged = {name: outputs.get(name) for name in _LOGGED_OUTPUTS}
        weight = self.args.teacher_weight
        if weight is not None:
            term = teacher_term(outputs["logits"], inputs["labels"], teacher, weight)
            loss, logged["teacher_loss"] = loss + term, term.detach()
        # Each of the passes of one optimizer step counts as its share, as it does in the logged loss.
        passes = 1 if self._perturbation is None else 2
        share = 1.0 / (passes * getattr(self, "current_gradient_accumulation_steps", 1))
        self._window.add({**logged, **schedule}, share)
        loss = loss / passes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the averages since the last line to a line that holds the training loss."""
        if "loss" in logs:
            logs.update(
                self._window.close(lambda mean: self.accelerator.reduce(mean, "mean"), self.args.device)
            )
        super().log(logs, start_time)

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[torch.Tensor | None, Any, Any]:
        """Evaluates one batch; the predictions are (logits, counts) unless `ignore_keys` is given.

        Of a question reader the logits are those of start and end, which transformers pads with -100.
        """
        inputs = _without_teacher(inputs)
        if prediction_loss_only or ignore_keys is not None:
            return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        config = self._config()
        needed = needed_outputs(config)
        ignored = [key for key in config.keys_to_ignore_at_inference if key not in needed]
        loss, predictions, labels = super().prediction_step(model, inputs, prediction_loss_only, ignored)
        if isinstance(predictions, tuple):
            scores, outputs = predictions[: -len(needed)], predictions[-len(needed) :]
            logits = scores[0] if len(scores) == 1 else scores
            # A few integers per text are gathered and kept instead of one per token.
            predictions = (logits, count_reading(config, dict(zip(needed, outputs, strict=True))))
        return loss, predictions, labels

    def get_test_dataloader(self, test_dataset: Any) -> DataLoader:
        """Loads a dataset for `predict` row by row, so that prediction i belongs to row i."""
        return self._get_dataloader(
            dataset=test_dataset,
            description="test",
            batch_size=self.args.eval_batch_size,
            # The declared type leaves no room for None, which transformers itself returns here.
            sampler_fn=cast(Any, lambda rows: SequentialSampler(rows) if has_length(rows) else None),
        )

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        # Other columns than those of the model are removed.
        columns: Any = self._signature_columns
        if self.args.teacher_weight is not None and TEACHER not in columns:
            columns.append(TEACHER)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self._average is not None:
            self._average.resume_from(resume_from_checkpoint)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if self.args.train_sampling_strategy != "group_by_length" or not has_length(dataset):
            return super()._get_train_sampler(train_dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        batch_size = self.args.train_batch_size * self.args.world_size
        self._grouped = LengthGroupedSampler(self._lengths(dataset), batch_size=batch_size, seed=seed)
        return self._grouped

    def _get_eval_sampler(self, eval_dataset: Any) -> Sampler[int] | None:
        if self.args.train_sampling_strategy != "group_by_length" or not has_length(eval_dataset):
            return super()._get_eval_sampler(eval_dataset)
        return LongestFirstSampler(self._lengths(eval_dataset))

    def _lengths(self, dataset: Any) -> list[int]:
        return text_lengths(dataset, length_column=self.args.length_column_name)

    def _config(self) -> Any:
        return self.accelerator.unwrap_model(self.model).config


def _prepare(model: nn.Module, args: SkimTrainingArguments) -> None:
    apply_budget(model, args)
    if args.teacher_weight is not None:
        check_student(model)
    if args.adversarial_epsilon is not None:
        check_perturbed(model, args.n_gpu)


def apply_budget(model: nn.Module, args: SkimTrainingArguments) -> None:
    """Writes the budget of the arguments to the configuration of a model.

    Args:
        model: The model to be trained.
        args: The training arguments; fields that are None leave the configuration alone.

    Raises:
        TypeError: The model is no reader with a head.
        ValueError: A budget target for a budget that has none.
    """
    config = getattr(model, "config", None)
    asked = {"labels", "start_positions"} & set(inspect.signature(model.forward).parameters)
    if not hasattr(config, "budget_weight") or not asked:
        raise TypeError(
            f"SkimTrainer trains the models of this library that have a head; got {type(model).__name__}. "
            "Use for example SkimRNNForSequenceClassification, or transformers.Trainer for other models."
        )
    if args.budget_weight is not None:
        config.budget_weight = float(args.budget_weight)
    if args.budget_target is not None:
        if not (config.budget_type or "").startswith("cost_target"):
            raise ValueError(
                f"budget_target={args.budget_target} has no effect with budget_type={config.budget_type!r}. "
                "Build the model with budget_type='cost_target_hinge' or 'cost_target_square', or leave the "
                "target out."
            )
        config.budget_target = float(args.budget_target)


def _without_teacher(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != TEACHER}


class _ResumableCallback(TrainerCallback):
    """Keeps what lies outside the checkpoint a function of it, so that a resumed run repeats the rest."""

    def __init__(self, trainer: SkimTrainer) -> None:
        self._trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drops what an earlier, unfinished run has left in the window."""
        self._trainer._window.clear()

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tells the sampler the epoch, which accelerate does not where it shards and skips batches."""
        if self._trainer._grouped is not None:
            self._trainer._grouped.set_epoch(int(state.epoch or 0))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Closes the averaging window at a checkpoint; a resumed run would know its second part only."""
        # "best" decides on saving only after the evaluation.
        saves = control.should_save or (control.should_evaluate and args.save_strategy == "best")
        if saves and args.logging_strategy != "no":
            control.should_log = True
        return control

    on_epoch_end = on_step_end
