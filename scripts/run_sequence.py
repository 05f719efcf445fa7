r"""Trains, evaluates and applies a reader of continuous features: speech, sensors, or the adding task.

    python scripts/run_sequence.py --task adding --length 50 --policy skip --hidden_size 110 \
        --budget_weight 1e-5 --learning_rate 1e-3 --per_device_train_batch_size 256 --max_steps 5000 \
        --output_dir outputs/adding --do_train --do_eval --do_predict

    python scripts/run_sequence.py --train_file train.parquet --test_file test.parquet \
        --audio_column audio --sampling_rate 8000 --skim_sizes 10 --gamma 0.02 --pooling mean \
        --output_dir outputs/digits --do_train --do_eval --do_predict --num_train_epochs 8

    python scripts/run_sequence.py --train_file series.parquet --feature_column frames \
        --output_dir outputs/series --do_train --do_eval

Recordings become frames of log-mel energies, normalised by the training recordings;
`LogMelExtractor.from_pretrained(output_dir)` does the same to others later. The numbers of the adding task
are made while it trains. All options stand in `--help`; they may also be given as one JSON file.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, HfArgumentParser, set_seed
from transformers.hf_argparser import HfArg

from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification, SkimTrainer, SkimTrainingArguments
from skim_hf.results.scores import REGRESSION, SINGLE
from skim_hf.training import (
    PROBLEM_TYPES,
    AddingTask,
    FeatureCollator,
    FeatureData,
    LabelSchema,
    LogMelExtractor,
    ModelOptions,
    carve_validation,
    load_feature_dataset,
    make_compute_metrics,
    run_steps,
)
from skim_hf.training.adding import SOLVED_BELOW, TARGET_VARIANCE
from skim_hf.training.steps import check_splits, check_steps, parse_arguments

logger = logging.getLogger("run_sequence")


@dataclass
class ModelArguments(ModelOptions):
    """The model; what is left out keeps the default of SkimRNNConfig, or of the folder started from."""

    model_name_or_path: str | None = HfArg(default=None, help="Model to evaluate, apply or train further.")


@dataclass
class DataArguments:
    """The data: a task that is generated, or Parquet files of recordings or of feature sequences."""

    task: str | None = HfArg(default=None, help="adding; else give files.")
    length: int = HfArg(default=50, help="Task adding: frames of a sequence.")
    eval_rows: int = HfArg(default=10_000, help="Task adding: sequences to evaluate and to predict.")
    train_file: str | None = HfArg(default=None, help="Training sequences.")
    validation_file: str | None = HfArg(default=None, help="Validation sequences; else set aside.")
    test_file: str | None = HfArg(default=None, help="Sequences for --do_predict.")
    feature_column: str = HfArg(
        default="features", help="Column of the sequences: lists of lists of numbers."
    )
    audio_column: str | None = HfArg(
        default=None, help="Column of recordings instead: lists of samples, or bytes of WAV files."
    )
    sampling_rate: int = HfArg(default=16_000, help="Of the recordings, in samples per second.")
    num_mels: int = HfArg(default=40, help="Mel bands of a frame of a recording.")
    label_column: str = HfArg(default="label", help="Column of the labels or numbers.")
    group_column: str | None = HfArg(
        default=None, help="Column of what is set aside as a whole for validation, such as the speaker."
    )
    problem_type: str | None = HfArg(
        default=None,
        help=" or ".join(PROBLEM_TYPES) + ". Default: by the labels (lists: several, floats: numbers).",
    )
    validation_share: float = HfArg(default=0.1, help="Share of the training sequences set aside.")

    @property
    def files(self) -> dict[str, str]:
        """Those given, by split."""
        files = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
        return {split: path for split, path in files.items() if path is not None}

    @property
    def name(self) -> str:
        """What the results call the data."""
        return f"adding task, T = {self.length}" if self.task else Path(next(iter(self.files.values()))).name


@dataclass
class Data:
    """What is trained on, evaluated and predicted, and how it became features."""

    splits: dict[str, Any]
    labels: LabelSchema
    width: int
    extractor: LogMelExtractor | None = None


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the steps that were asked for.

    Args:
        arguments: The command line; that of the process if None.

    Returns:
        All metrics, as they stand in `all_results.json`.
    """
    model_args, data_args, args = parse(sys.argv[1:] if arguments is None else list(arguments))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("run_sequence", "skim_hf"):
        logging.getLogger(name).setLevel(logging.INFO if args.should_log else logging.WARNING)
    set_seed(args.seed)
    if data_args.task:
        data = adding_data(data_args, args)
    else:
        data = file_data(data_args, args, model_args.model_name_or_path)
    check_splits(data.splits, args)
    if data.labels.problem_type == SINGLE:
        args.prefer_metric("accuracy")
    model = make_model(model_args, args, data)
    trainer = SkimTrainer(
        model=model,
        args=args,
        train_dataset=data.splits.get("train"),
        eval_dataset=data.splits.get("validation"),
        processing_class=data.extractor,
        data_collator=FeatureCollator(data.width),
        compute_metrics=make_compute_metrics(model.config),
        data={"name": data_args.name},
    )

    def extend(part: str, metrics: dict[str, float]) -> dict[str, float]:
        return with_shares(part, metrics, is_adding=data_args.task is not None)

    return run_steps(trainer, data.splits.get("test"), data.labels, extend=extend)


def parse(arguments: list[str]) -> tuple[ModelArguments, DataArguments, SkimTrainingArguments]:
    """Reads the command line, or the one JSON file that it names, and refuses what contradicts itself."""
    parser = HfArgumentParser((ModelArguments, DataArguments, SkimTrainingArguments), description=__doc__)
    model_args, data_args, args = parse_arguments(parser, arguments)
    if data_args.task not in (None, "adding"):
        raise ValueError(f"--task must be adding, or left out for files; got {data_args.task!r}.")
    if bool(data_args.task) == bool(data_args.files):
        raise ValueError("Give either --task adding, or files (--train_file and so on), and not both.")
    if data_args.task and args.do_train and args.max_steps < 1:
        raise ValueError("The adding task has no end: say with --max_steps how long to train.")
    changed = ", ".join(model_args.config_fields())
    if model_args.model_name_or_path and changed:
        raise ValueError(f"--model_name_or_path takes a model as it is; leave out {changed}.")
    check_steps(args)
    return model_args, data_args, args


def adding_data(data_args: DataArguments, args: SkimTrainingArguments) -> Data:
    """The adding task: every training step has new numbers; those of validation and test are others."""
    # Rows are made in their order, which is as good as any other, and they are all of one length.
    args.train_sampling_strategy = "sequential"
    rows = {"validation": data_args.eval_rows, "test": data_args.eval_rows}
    if args.do_train:
        passes = args.gradient_accumulation_steps * args.world_size
        rows = {"train": args.max_steps * args.train_batch_size * passes, **rows}
    seeds = {"train": args.seed, "validation": args.seed + 1, "test": args.seed + 2}
    splits = {name: AddingTask(count, data_args.length, seed=seeds[name]) for name, count in rows.items()}
    return Data(splits, LabelSchema(REGRESSION), AddingTask.width)


def file_data(data_args: DataArguments, args: SkimTrainingArguments, base: str | None) -> Data:
    """Sequences of files: sets validation aside where it is needed, and makes frames of recordings."""
    extractor = make_extractor(data_args, base)
    loaded: FeatureData = load_feature_dataset(
        data_args.files,
        feature_column=data_args.audio_column or data_args.feature_column,
        label_column=data_args.label_column,
        group_column=data_args.group_column,
        labels=LabelSchema.from_config(AutoConfig.from_pretrained(base)) if base else None,
        problem_type=data_args.problem_type,
        sampling_rate=None if extractor is None else extractor.sampling_rate,
    )
    splits = dict(loaded.splits)
    validates = args.do_eval or args.eval_strategy != "no"
    if validates and "validation" not in splits and "train" in splits:
        train = splits["train"]
        splits["train"], splits["validation"] = carve_validation(
            train, share=data_args.validation_share, seed=args.seed, groups=train.groups
        )
    if extractor is not None:
        if extractor.mean is None:
            extractor.fit(splits["train"].sequences)
        splits = {name: rows.map(extractor) for name, rows in splits.items()}
    widths = {frames.shape[1] for rows in splits.values() for frames in rows.sequences}
    if len(widths) != 1:
        raise ValueError(f"All splits must have frames of one width; got the widths {sorted(widths)}.")
    sizes = {name: len(rows) for name, rows in splits.items()}
    logger.info("%s of %s; sequences: %s", loaded.labels.problem_type, loaded.labels.names, sizes)
    return Data(splits, loaded.labels, widths.pop(), extractor)


def make_extractor(data_args: DataArguments, base: str | None) -> LogMelExtractor | None:
    """The extractor for recordings: that of the model started from, or a new one; None for frames."""
    if data_args.audio_column is None:
        return None
    if base:
        return LogMelExtractor.from_pretrained(base)
    if data_args.train_file is None:
        raise ValueError("Without training sequences give --model_name_or_path.")
    return LogMelExtractor(feature_size=data_args.num_mels, sampling_rate=data_args.sampling_rate)


def make_model(
    model_args: ModelArguments, args: SkimTrainingArguments, data: Data
) -> SkimRNNForSequenceClassification:
    """Builds the model with fresh weights, or loads it."""
    if model_args.model_name_or_path:
        return SkimRNNForSequenceClassification.from_pretrained(model_args.model_name_or_path)
    fields = model_args.config_fields()
    if args.budget_target is not None:
        fields["budget_target"] = args.budget_target
    config = SkimRNNConfig(
        vocab_size=None, input_size=data.width, pad_token_id=None, **data.labels.config_fields(), **fields
    )
    return SkimRNNForSequenceClassification(config).train()


def with_shares(part: str, metrics: dict[str, float], *, is_adding: bool) -> dict[str, float]:
    """Adds the share of frames that were used and, for the adding task, the error next to the variance."""
    skimmed, error = metrics.get(f"{part}_skim_rate_micro"), metrics.get(f"{part}_mse")
    added: dict[str, float] = {}
    if skimmed is not None:
        added[f"{part}_used"] = 1.0 - skimmed
    if is_adding and error is not None:
        ratio = error / TARGET_VARIANCE
        added |= {f"{part}_mse_over_variance": ratio, f"{part}_solved": float(ratio <= SOLVED_BELOW)}
    return {**metrics, **added}


if __name__ == "__main__":
    main()
