"""`skim-hf bench`: how long a text takes from string to label, next to reading every word of it."""

from __future__ import annotations

import random
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import text_batches
from skim_hf.cli.options import InputOption, ModelOptions, ReportFormat, takes_model
from skim_hf.cli.output import is_terminal
from skim_hf.cli.report import grid, wants_json, write_json_report, write_tables
from skim_hf.cli.saving import ResultsOption, results_so_far, save_with

if TYPE_CHECKING:
    from skim_hf.results import Block

BENCH_HELP = help_text(
    "Time a model from string to label on one core, next to the same model reading every word if it can.",
    "skim-hf bench org/name --input reviews.txt",
    "skim-hf bench org/name --input test.csv --text-column review --dtype int8 --numpy",
    "skim-hf bench outputs/my-model -i test.parquet --results outputs/my-model/results.json",
    note="One text at a time, the contestants in turns. Without --input, texts are made up of random words "
    "of the vocabulary, and how many of those are skimmed says nothing about real texts.",
)

_MADE_UP_WORDS = 200
_NEVER = 2**31 - 1
"""Tokens before a jump that no text has."""


@takes_model
def bench(
    options: ModelOptions,
    source: InputOption = None,
    texts: Annotated[int, typer.Option(min=1, help="Take the first so many texts.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="How often each text is read.")] = 5,
    numpy: Annotated[bool, typer.Option("--numpy", help="Time the NumPy engine as well.")] = False,
    results: ResultsOption = None,
    form: ReportFormat = None,
) -> None:
    """Times a model.

    Args:
        options: The model.
        source: A file of texts.
        texts: How many of them.
        rounds: How often each is read.
        numpy: Whether NumPy is timed, too.
        results: Where to keep the figures.
        form: How the report looks.

    Raises:
        typer.BadParameter: Results of made-up texts.
    """
    if results is not None and source is None:
        raise typer.BadParameter("--results needs --input: times of made-up texts are not worth keeping.")
    options.check_reads_texts(for_labels=True)
    if source is None:
        chosen = _made_up_texts(options.folder, texts)
    else:
        batches = text_batches([], source, options.text_column)
        chosen = list(islice((text for batch in batches for text in batch), texts))
    kept = None if results is None else results_so_far(results, options.folder)
    blocks = [_measure(options, chosen, rounds)]
    if numpy and blocks[0]["backend"] != "numpy":
        blocks.append(_measure(options, chosen, rounds, backend="numpy", dtype="float32"))
    if results is not None and kept is not None:
        save_with(kept, results, latency=blocks[0])
    if wants_json(form):
        write_json_report({"texts": "made up" if source is None else str(source), "latency": blocks})
    else:
        write_tables(_table(blocks, is_made_up=source is None))


def _made_up_texts(folder: Path, count: int) -> list[str]:
    from skim_hf.runtime import ModelFolder
    from skim_hf.runtime.loading import load_model

    model = load_model(ModelFolder(folder))
    draw = random.Random(0)
    size = model.config.vocab_size or 0
    return [
        " ".join(model.encoder.token(draw.randrange(size)) for _ in range(_MADE_UP_WORDS))
        for _ in range(count)
    ]


def _measure(options: ModelOptions, texts: list[str], rounds: int, **changes: Any) -> Block:
    from skim_hf.results import ADAPTIVE, DENSE, measure_latency
    from skim_hf.runtime.calibration import has_dial

    clf = options.load(threads=1, **changes)
    runtimes = {ADAPTIVE: clf}
    if clf.config.jumps:
        # Texts that end before the first jump.
        whole = {"jump_every": _NEVER, "budget": None, "calibration_texts": None, "threshold": 1.0}
        runtimes[DENSE] = options.load(threads=1, **{**changes, **whole})
    elif has_dial(clf.config.policy):
        runtimes[DENSE] = clf.with_threshold(1.0)
    return measure_latency(runtimes, texts, rounds=rounds, progress=is_terminal(sys.stderr))


def _table(blocks: list[Block], *, is_made_up: bool) -> Any:
    first = blocks[0]
    kind = "made-up texts" if is_made_up else "texts"
    title = (
        f"{first['texts']:,} {kind} of {first['tokens_per_text']:.0f} tokens, {first['rounds']} rounds, "
        f"one thread of {first['machine']['processor']}"
    )
    names = {"adaptive": "as it is", "dense": "every word read"}
    rows = [
        [
            f"{block['backend']} {block['dtype']}",
            names[name],
            f"{times['median_us']:.0f} µs",
            f"{times['p99_us']:.0f} µs",
            f"{times['times_faster_than'].get('dense', 1.0):.1f}x",
        ]
        for block in blocks
        for name, times in block["contestants"].items()
    ]
    return grid(title, ["backend", "model", " median", " p99", " speed"], rows)
