"""The steps of a training script: train, evaluate and predict, each with the files that it leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser
from transformers.trainer_utils import PredictionOutput, get_last_checkpoint

from .arguments import SkimTrainingArguments
from .evaluation import split_predictions
from .labels import LabelSchema
from .predictions import prediction_rows, write_json_lines
from .trainer import SkimTrainer

logger = logging.getLogger(__name__)

Metrics = dict[str, float]


def parse_arguments(parser: HfArgumentParser, arguments: list[str]) -> tuple[Any, ...]:
    """Reads a command line, or the one JSON file that it names; an object for each class of the parser."""
    if len(arguments) == 1 and arguments[0].endswith(".json"):
        return tuple(parser.parse_json_file(json_file=arguments[0]))
    return tuple(parser.parse_args_into_dataclasses(args=arguments))


def check_steps(args: SkimTrainingArguments) -> None:
    """Refuses arguments that ask for no step.

    Raises:
        ValueError: Neither training nor evaluation nor prediction.
    """
    if not (args.do_train or args.do_eval or args.do_predict):
        raise ValueError("There is nothing to do: give --do_train, --do_eval or --do_predict.")


def check_splits(splits: Mapping[str, Any], args: SkimTrainingArguments) -> None:
    """Refuses steps whose rows are not there.

    Args:
        splits: By name, `train`, `validation` and `test`.
        args: Say which steps are wanted.

    Raises:
        ValueError: Names the first split that is missing.
    """
    validates = args.do_eval or args.eval_strategy != "no"
    wanted = {"train": args.do_train, "validation": validates, "test": args.do_predict}
    for name, needed in wanted.items():
        if needed and name not in splits:
            raise ValueError(f"The data has no {name} split. Give --{name}_file, or leave out the step.")


def run_steps(
    trainer: SkimTrainer,
    test: Any = None,
    labels: LabelSchema | None = None,
    *,
    write: Callable[[PredictionOutput], object] | None = None,
    extend: Callable[[str, Metrics], Metrics] = lambda part, metrics: metrics,
) -> Metrics:
    """Does what the arguments ask for: `do_train`, `do_eval`, `do_predict`, then `push_to_hub`.

    The folder of the arguments gets the model, `<part>_results.json` of every step and all of them in
    `all_results.json`, and for predictions `predictions.jsonl` with one line per row, or what `write` makes.

    Args:
        trainer: With the data to train on and to evaluate on.
        test: What is predicted, in any form that the trainer takes.
        labels: What the logits mean; needed for predictions of labels.
        write: Writes other predictions than labels.
        extend: Called with `train`, `eval` or `predict` and the metrics of that step; returns those to save.

    Returns:
        All metrics, as they stand in `all_results.json`.

    Raises:
        ValueError: A checkpoint to resume from that is not there, or nothing to predict.
    """
    args = trainer.args
    results: Metrics = {}
    if args.do_train:
        results |= _save(trainer, "train", extend("train", _train(trainer)))
    if args.do_eval:
        results |= _save(trainer, "eval", extend("eval", trainer.evaluate()))
        if args.do_train:
            trainer.save_results()
    if args.do_predict:
        if labels is not None:
            write = write or partial(_write_labels, trainer, labels)
        if test is None or write is None:
            raise ValueError("To predict, give the rows and the labels: run_steps(trainer, test, labels).")
        results |= _save(trainer, "predict", extend("predict", _predict(trainer, test, write)))
    if args.push_to_hub:
        trainer.push_to_hub()
    return results


def _train(trainer: SkimTrainer) -> Metrics:
    """Trains, from a checkpoint if one was named, and saves model, tokenizer and state."""
    checkpoint, folder = trainer.args.resume_from_checkpoint, str(trainer.args.output_dir)
    if checkpoint is not None and checkpoint.lower() in ("true", "last"):
        checkpoint = get_last_checkpoint(folder) if Path(folder).is_dir() else None
        if checkpoint is None:
            raise ValueError(
                f"There is no checkpoint in {folder}. Leave --resume_from_checkpoint out to start."
            )
    report = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    trainer.save_state()
    return report.metrics


def _predict(trainer: SkimTrainer, rows: Any, write: Callable[[PredictionOutput], object]) -> Metrics:
    """Says what the model makes of rows, and has it written."""
    report = trainer.predict(rows, metric_key_prefix="predict")
    if trainer.is_world_process_zero():
        write(report)
    return report.metrics or {}


def _write_labels(trainer: SkimTrainer, labels: LabelSchema, report: PredictionOutput) -> None:
    """Writes `predictions.jsonl`, labels of rows."""
    logits, counts = split_predictions(report.predictions)
    path = Path(str(trainer.args.output_dir), "predictions.jsonl")
    write_json_lines(path, prediction_rows(logits, labels, counts, trainer.model.config))


def _save(trainer: SkimTrainer, part: str, metrics: Metrics) -> Metrics:
    """Writes `<part>_results.json` and `all_results.json`, and logs the metrics."""
    trainer.save_metrics(part, metrics)
    for name, value in metrics.items():
        logger.info("%s = %s", name, f"{value:.4f}" if isinstance(value, float) else value)
    return metrics
