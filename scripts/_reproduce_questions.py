"""What takes a plain question reader and a skimming one from data to published folders.

The steps: both are trained by run_qa.py, or taken from where it has trained them; the threshold is chosen by
validation questions; both folders are made slim and measured anew. Nothing is chosen by test questions.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _one_core
from _commands import training_command
from _ours import instructions
from _publish_questions import publish_readers
from _question_study import QuestionStudy, TrainedReader
from _readers_runs import settings_of, told_command
from _readers_training import MadeWith, train
from _reproduce import GLOVE, STUDY_NAME, check_glove
from _reproduce_data import SPLITS
from _reproduce_publish import KINDS, renamed_command
from _reproduce_render import model_names, take_over

from skim_hf.results import describe_machine, write_json
from skim_hf.tables import Questions, read_questions

SCRIPT = "run_qa.py"
FLAGS = ("--do_train", "--do_eval", "--do_predict")


def reproduce_readers(study: QuestionStudy, arguments: Sequence[str] | None = None) -> None:
    """Trains, measures, publishes or renders, as the command line says.

    Args:
        study: What to do.
        arguments: The command line; that of the process if None.
    """
    options = parse_options(study, arguments)
    if options.render:
        take_over(study.model, options.output / STUDY_NAME, options.output / "published")
        return
    try:
        splits = read_splits(options.data, study.data["hub_id"])
        check_glove(options.glove)
        readers = {kind: reader(study, options, kind) for kind in options.only}
    except (OSError, ValueError, RuntimeError) as error:
        raise SystemExit(f"{study.model}: {error}") from error
    if "skim" not in readers:
        print(f"Trained: {readers['plain'].folder}. Without skim there is no pair to publish.")
        return
    # From here on times are taken, with nothing beside it.
    _one_core.pin()
    folders = {kind: options.output / "published" / name for kind, name in model_names(study.model).items()}
    told = command(options)
    results = {
        "model": study.model,
        "command": told,
        "machine": describe_machine(),
        "instructions": instructions(),
        "environment": _one_core.choosing_variables(),
        "data": about(study, options.data, splits),
        **publish_readers(
            study,
            readers,
            folders,
            splits,
            told,
            glove=options.glove,
            timed=options.timed_questions,
            rounds=options.rounds,
        ),
    }
    write_json(options.output / STUDY_NAME, renamed_command(results, told))
    print(f"Written to {options.output}: {STUDY_NAME} and the folder published.")


def parse_options(study: QuestionStudy, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=f"Trains and measures {study.model} on {study.data['name']}.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, help="folder of train, validation and test.parquet")
    add("--glove", default=GLOVE, help="word vectors: .txt, or .safetensors with vocab.txt beside it")
    add("--seed", type=int, default=42, help="of both trainings")
    add("--only", type=lambda text: text.split(","), default=list(KINDS), metavar="NAME,NAME")
    add("--take-plain", type=Path, metavar="FOLDER", help="a plain reader that run_qa.py has trained")
    add("--take-skim", type=Path, metavar="FOLDER", help="a skimming reader that started from it")
    add("--timed-questions", type=int, default=200, help="test questions that are timed")
    add("--rounds", type=int, default=5, help="how often each is timed")
    add("--output", type=Path, default=Path("outputs", study.model), help="where everything goes")
    add("--render", action="store_true", help="only take finished results over into the documents")
    options = parser.parse_args(arguments)
    if min(options.timed_questions, options.rounds) < 1:
        parser.error("counts must be at least 1")
    if not set(options.only) <= set(KINDS):
        parser.error(f"--only takes some of {', '.join(KINDS)}; got {', '.join(options.only)}")
    if (options.take_plain is None) != (options.take_skim is None):
        parser.error("--take-plain and --take-skim need each other: both models are published together")
    # The skimming one starts from the plain one.
    options.only = list(KINDS[: KINDS.index("skim") + 1] if "skim" in options.only else options.only)
    return options


def read_splits(folder: Path | None, hub_id: str) -> dict[str, Questions]:
    """The questions of each part.

    Raises:
        FileNotFoundError: Data that is not there; says what to get and where to put it.
        ValueError: Files that do not hold questions.
    """
    missing = [name for name in SPLITS if folder is None or not (folder / f"{name}.parquet").is_file()]
    if folder is None or missing:
        raise FileNotFoundError(
            f"{'There is no --data' if folder is None else f'{folder} has no ' + ', '.join(missing)}. Give "
            "with --data a folder of train.parquet, validation.parquet and test.parquet in the columns of "
            f"https://huggingface.co/datasets/{hub_id} (its train and validation files make the first and "
            "the last; take the second from the training articles). scripts/split_squad.py makes all three "
            "of its dev set. A data set by name, without a part for testing, is what run_qa.py takes with "
            "--dataset_name."
        )
    return {name: read_questions(folder / f"{name}.parquet") for name in SPLITS}


def reader(study: QuestionStudy, options: argparse.Namespace, kind: str) -> TrainedReader:
    """A trained model, from where it is or trained now.

    Raises:
        FileNotFoundError: The model to be taken is not there.
        RuntimeError: The training failed.
        ValueError: A folder of another kind of model.
    """
    taken = getattr(options, f"take_{kind}")
    if taken is not None:
        return TrainedReader.load(taken, kind)
    fields = training_fields(study, options, kind)
    made = MadeWith(fields["output_dir"], settings_of(fields))
    if not made.is_trained():
        flags = ["--resume_from_checkpoint", "last"] if made.begin() else []
        words = training_command(fields, *FLAGS, *flags, script=SCRIPT)
        train(words, made.folder.with_suffix(".log"), os.cpu_count() or 1)
        made.end()
    told = told_command(fields, options.output, *FLAGS, script=SCRIPT)
    return TrainedReader.load(made.folder, kind, told)


def training_fields(study: QuestionStudy, options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Options of run_qa.py for one of the two."""
    models = options.output / "models"
    start = {"glove": options.glove} if kind == "plain" else {"warm_start_from": models / "plain"}
    files = {f"{name}_file": options.data / f"{name}.parquet" for name in SPLITS}
    return {**files, "output_dir": models / kind, "seed": options.seed, **start, **getattr(study, kind)}


def about(study: QuestionStudy, folder: Path, splits: Mapping[str, Questions]) -> dict[str, Any]:
    """What the data is: its name, questions of each part, and digests of the files."""
    files = [folder / f"{name}.parquet" for name in SPLITS]
    return {
        **study.data,
        "splits": {name: len(splits[name]) for name in SPLITS},
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }


def command(options: argparse.Namespace) -> str:
    """The command without where things lie on this machine."""
    words = ["python", f"scripts/{Path(sys.argv[0]).name}", "--data", options.data.name]
    words += ["--glove", Path(options.glove).name]
    if options.take_plain is not None:
        words += ["--take-plain", options.take_plain.name, "--take-skim", options.take_skim.name]
    else:
        words += ["--seed", str(options.seed)]
    return shlex.join(words)
