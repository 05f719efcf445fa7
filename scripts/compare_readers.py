"""Trains every reader and its controls alike, and measures accuracy, true cost and time of each.

    python scripts/compare_readers.py                          # movie reviews, three seeds
    python scripts/compare_readers.py --only skim,skip --seeds 1 --steps 100
    python scripts/compare_readers.py --data folder            # train, validation and test.parquet
    python scripts/compare_readers.py --render                 # table and figure of docs/readers.md

All readers get the same steps, batches and word vectors; those of LSTM-Jump come on top of those of a
trained reader without jumps. Controls are matched by validation texts to the model that they are measured
against. Every finished model reads the test texts, which choose nothing; the readings of the first seed are
held to torch as well. Runs that are finished are not repeated: each is a JSON file in the output folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import _one_core
from _agreement import compare_backends
from _ours import instructions
from _readers import READERS, with_needs
from _readers_latency import time_reader
from _readers_report import DOCUMENT, FIGURE, RESULTS, collect, draw, load, render_document, render_table
from _readers_runs import SHARED, Comparison, read_split, train_all
from _reviews import load_reviews

from skim_hf.results import command_line, describe_machine, write_json

SPLIT_SEED = 42
SPLITS = ("train", "validation", "test")


def main(arguments: list[str] | None = None) -> None:
    """Trains what is not there, times it, and writes results, table and figure.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse_options(arguments)
    if options.render:
        render(options.results)
        return
    comparison = prepare(options)
    seeds = [options.first_seed + number for number in range(options.seeds)]
    failed = train_all(comparison, options.readers, seeds, options.jobs)
    compare_all(comparison, options.readers, seeds[0])
    time_all(comparison, options.readers, seeds, options)
    results = {
        "what": "readers trained alike; cost and time relative to the plain LSTM of the same seed",
        "command": command_line(),
        "machine": describe_machine(),
        "instructions": instructions(),
        "environment": _one_core.choosing_variables(),
        "data": "IMDb movie reviews" if options.data is None else options.data.name,
        "splits": {name: len(read_split(comparison.data / f"{name}.parquet")[0]) for name in SPLITS},
        "split_seed": SPLIT_SEED if options.data is None else None,
        "seeds": seeds,
        "recipe": {**comparison.shared, **comparison.budget},
        "timed": {"texts": options.timed_texts, "rounds": options.rounds, "threads": 1},
        "readers": collect(comparison, options.readers, seeds),
    }
    write_json(options.output / "readers.json", results)
    draw(results, options.output / "readers.svg")
    print(render_table(results))
    if failed:
        raise SystemExit("\n".join(["Some readers are missing:", *failed]))


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--output", type=Path, default=Path("outputs/readers"), help="where models, runs and results go")
    add("--data", type=Path, help="folder of train, validation and test.parquet with text and label")
    add("--glove", default=SHARED["glove"], help="word vectors, as run_classification.py takes them")
    add("--only", type=lambda text: text.split(","), default=list(READERS), metavar="NAME,NAME")
    add("--seeds", type=int, default=3, help="how many")
    add("--first-seed", type=int, default=42, help="the others follow")
    add("--jobs", type=int, default=2, help="trainings at a time")
    add("--epochs", type=float, default=2.0, help="passes over the training texts")
    add("--steps", type=int, help="steps instead of epochs")
    add("--timed-texts", type=int, default=200, help="test texts that are timed")
    add("--rounds", type=int, default=3, help="how often each is timed")
    add("--render", action="store_true", help="only write table and figure of docs/readers.md")
    add("--results", type=Path, help="with --render: a readers.json to take over first")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.jobs, options.timed_texts, options.rounds) < 1:
        parser.error("counts must be at least 1")
    try:
        options.readers = with_needs(options.only)
    except ValueError as error:
        parser.error(str(error))
    return options


def prepare(options: argparse.Namespace) -> Comparison:
    """Splits the reviews, unless the data is there, and loads the texts that readers are measured on."""
    data = options.data or options.output / "data"
    if options.data is None and not (data / "test.parquet").exists():
        data.mkdir(parents=True, exist_ok=True)
        for name, part in load_reviews(SPLIT_SEED).items():
            part.to_parquet(str(data / f"{name}.parquet"))
    splits = {name: read_split(data / f"{name}.parquet") for name in ("validation", "test")}
    budget = {"num_train_epochs": options.epochs} if options.steps is None else {"max_steps": options.steps}
    threads = max((os.cpu_count() or 1) // options.jobs, 1)
    return Comparison(options.output, data, budget, splits, {**SHARED, "glove": options.glove}, threads)


def compare_all(comparison: Comparison, readers: list[str], seed: int) -> None:
    """Holds NumPy and C to torch, for every finished run of a seed that was not compared yet."""
    for name in readers:
        run = comparison.load(name, seed)
        if run is not None and "agreement" not in run:
            found = compare_backends(comparison.model(name, seed), comparison.splits["test"][0])
            comparison.save({**run, "agreement": found})


def time_all(
    comparison: Comparison, readers: list[str], seeds: list[int], options: argparse.Namespace
) -> None:
    """Times every finished run that was not timed yet, on one core and with nothing beside it."""
    _one_core.pin()
    for name in readers:
        for seed in seeds:
            run = comparison.load(name, seed)
            if run is not None and "latency" not in run:
                latency = time_reader(
                    comparison, name, seed, texts=options.timed_texts, rounds=options.rounds
                )
                comparison.save({**run, "latency": latency})


def render(results: Path | None) -> None:
    """Writes table and figure of the document from its result file."""
    if results is not None:
        shutil.copyfile(results, RESULTS)
    draw(load(RESULTS), FIGURE)
    DOCUMENT.write_text(render_document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Written: {DOCUMENT}, {FIGURE}")


if __name__ == "__main__":
    main()
