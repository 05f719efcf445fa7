r"""Tries a recipe on a reproduced data set: trainings, measured on validation texts, and an entry in the log.

    python scripts/try_recipe.py --study skim-lstm-ag-news --name "max pooling" --base plain --seeds 2 \
        --data folder --glove glove.6B.100d.txt -- --pooling max --dropout 0.5
    python scripts/try_recipe.py --study skim-lstm-ag-news --name "skim, max pooling" --base skim \
        --start "max pooling" --seeds 2 -- --pooling max --gamma 0.03

What follows `--` are options of run_classification.py, which override those of the base, a run of the
reproduce script; `--ema_decay null` leaves one out. Trainings that are finished are not repeated, and one
that was cut off goes on. Test texts are not touched. `render_results.py` shows the log in docs/results.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _readers import Reader, learns
from _readers_runs import Comparison, finish, read_split
from _reproduce import GLOVE, Study, shared_options
from _reproduce_data import ABOUT_NAME, prepare
from _reproduce_taught import take_taught
from _tried import LOG, entry_of, find, record

# What this script decides, so that nothing is trained on or chosen by test texts.
_OURS = re.compile(r"(train|validation|test)_file|dataset_.*|output_dir|seed|do_.*|warm_start_from|glove")


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is not trained yet, and keeps the entry after every training.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse(arguments)
    try:
        comparison = begin(options)
        seeds = [options.first_seed + number for number in range(options.seeds)]
        for seed in seeds:
            check_start(comparison, options, seed)
            finish(comparison, options.run, seed)
            entry = entry_of(comparison, options, seeds, find(options.log, options.study.model, options.run))
            record(options.log, entry)
            print(json.dumps({"tried": entry["name"], **entry["validation"]}))
    except (OSError, ValueError, RuntimeError) as error:
        raise SystemExit(f"{options.name}: {error}") from error


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    split = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--study", required=True, help="name of the published model, such as skim-lstm-imdb")
    add("--name", required=True, help="of what is tried, by which the log knows it")
    add("--base", default="plain", help="run of the reproduce script that it starts from")
    add("--start", help="what was tried before and gives the weights, of the same seed")
    add("--seeds", type=int, default=1, help="how many trainings")
    add("--first-seed", type=int, default=1, help="the others follow")
    add("--threads", type=int, default=1, help="of a training")
    add("--data", type=Path, help="folder of the data, unless it is prepared already (default: the Hub)")
    add("--taught", type=Path, help="taught.parquet of teach.py, for recipes that learn from a teacher")
    add("--glove", default=GLOVE, help="word vectors: .txt, or .safetensors with vocab.txt beside it")
    add("--output", type=Path, help="that of the reproduce script (default: outputs/<study>)")
    add("--log", type=Path, default=LOG, help="where the entry goes")
    options = parser.parse_args(words[:split])
    try:
        options.changed = parse_options(words[split + 1 :])
        options.study = load_study(options.study)
        options.run, options.start_run = run_name(options.name), options.start and run_name(options.start)
        check_base(options)
    except ValueError as error:
        parser.error(str(error))
    if min(options.seeds, options.threads) < 1:
        parser.error("counts must be at least 1")
    options.output = options.output or Path("outputs", options.study.model)
    options.command = told_command(options, words[split + 1 :])
    return options


def parse_options(words: Sequence[str]) -> dict[str, Any]:
    """Options by name: `--skim_sizes 10 5 --ema_decay null` gives a list and None.

    Raises:
        ValueError: A value without an option, or an option that is not to be changed.
    """
    found: dict[str, list[Any]] = {}
    for word in words:
        if word.startswith("--"):
            values = found.setdefault(word[2:], [])
        elif not found:
            raise ValueError(f"Expected options after --, such as --pooling max; got {word}.")
        else:
            values.append(_value(word))
    for name in found:
        if _OURS.fullmatch(name):
            raise ValueError(f"--{name} is not for a recipe to change; leave it out after --.")
    return {
        name: values if len(values) > 1 else values[0] if values else True for name, values in found.items()
    }


def _value(word: str) -> Any:
    try:
        return json.loads(word)
    except json.JSONDecodeError:
        return word


def load_study(model: str) -> Study:
    """The study that a reproduce script describes.

    Raises:
        ValueError: There is no such script; says which there are.
    """
    scripts = {path.stem for path in Path(__file__).parent.glob("reproduce_*.py")}
    wanted = f"reproduce_{model.replace('-', '_')}"
    if wanted not in scripts:
        known = sorted(name.removeprefix("reproduce_").replace("_", "-") for name in scripts)
        raise ValueError(f"Expected --study to be one of {', '.join(known)}; got {model}.")
    study: Study = importlib.import_module(wanted).STUDY
    return study


def run_name(name: str) -> str:
    """What files of a recipe are called."""
    found = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not found:
        raise ValueError(f"A name needs letters or numbers; got {name!r}.")
    return found


def check_base(options: argparse.Namespace) -> None:
    """Refuses a base that is not there or is matched to others, and one whose weights nobody gives."""
    readers = {name: reader for name, reader in options.study.readers.items() if reader.like is None}
    if options.base not in readers:
        raise ValueError(f"Expected --base to be one of {', '.join(readers)}; got {options.base}.")
    starts_from = readers[options.base].starts_from
    if starts_from is not None and options.start is None:
        raise ValueError(
            f"{options.base} starts from {starts_from}: try that first, and give its name with --start."
        )


def begin(options: argparse.Namespace) -> Comparison:
    """Prepares the data, if need be, and says where trainings go.

    Raises:
        FileNotFoundError: Data, word vectors or a teacher's texts are not there; says how to get them.
        ValueError: The output folder holds other data.
    """
    study, data = options.study, options.output / "data"
    shared = shared_options(study, options.glove)
    if options.data is not None or not (data / ABOUT_NAME).exists():
        prepare(study.source, options.data, data)
    base = study.readers[options.base]
    tried = Reader(options.name, {**base.options, **options.changed}, starts_from=options.start_run)
    needed_by = [options.name] if learns(tried, shared) else []
    take_taught(study.source, options.taught, data, needed_by=needed_by)
    splits = {"validation": read_split(data / "validation.parquet")}
    readers = {options.run: tried}
    return Comparison(options.output / "tried", data, {}, splits, shared, options.threads, readers)


def check_start(comparison: Comparison, options: argparse.Namespace, seed: int) -> None:
    """Refuses to start from weights that are not there.

    Raises:
        ValueError: They are not; says what to do.
    """
    if options.start is not None and comparison.load(options.start_run, seed) is None:
        raise ValueError(f"{options.start!r} was not tried with seed {seed}: do that first, with --name.")


def told_command(options: argparse.Namespace, changed: Sequence[str]) -> str:
    """The command without where things lie on this machine."""
    words = ["python", "scripts/try_recipe.py", "--study", options.study.model, "--name", options.name]
    words += ["--base", options.base, "--seeds", str(options.seeds)]
    words += ["--first-seed", str(options.first_seed)] if options.first_seed != 1 else []
    words += ["--start", options.start] if options.start is not None else []
    words += ["--taught", options.taught.name] if options.taught is not None else []
    words += ["--glove", Path(options.glove).name]
    return shlex.join([*words, "--", *changed] if changed else words)


if __name__ == "__main__":
    main()
