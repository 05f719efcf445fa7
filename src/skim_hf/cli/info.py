"""`skim-hf info`: what a model is, what it costs, what was measured of it, and where it reads."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.inputs import text_batches
from skim_hf.cli.options import InputOption, ModelOptions, ReportFormat, takes_model
from skim_hf.cli.output import is_terminal
from skim_hf.cli.report import facts, grid, megabytes, wants_json, write_json_report, write_tables

if TYPE_CHECKING:
    from skim_hf.runtime import SkimRuntime

Report = dict[str, Any]

INFO_HELP = help_text(
    "Tell what a model is: its parts, sizes, costs per token, labels and backend.",
    "skim-hf info org/name",
    "skim-hf info outputs/my-model --input reviews.txt",
    "skim-hf info org/name --format json | jq .labels",
    note="With --input also where in these texts it reads, and which words most often.",
)

_FIELDS = (
    "architecture",
    "cell_type",
    "policy",
    "hidden_size",
    "skim_sizes",
    "small_input",
    "num_hidden_layers",
    "bidirectional",
    "pooling",
    "embedding_size",
    "vocab_size",
    "problem_type",
)
_SOME = ("input_size", "skip_rate", "jump_every", "jump_size", "jump_limit")
"""Fields that only some models make use of."""
_OF_LABELS = ("pooling", "problem_type")
_OF_QUESTIONS = ("num_encoder_layers", "char_vocab_size", "max_word_length", "max_answer_length")


@takes_model
def info(options: ModelOptions, source: InputOption = None, form: ReportFormat = None) -> None:
    """Tells what a model is.

    Args:
        options: The model.
        source: Texts to see where it reads.
        form: How the report looks.
    """
    from skim_hf.results import where_read

    if source is not None:
        options.check_reads_texts(for_labels=True)
    clf, held = _load(options, for_texts=source is not None)
    report = {**_describe(options, clf), "memory_bytes": held, "measured": _measured(options)}
    if source is not None:
        texts = chain.from_iterable(text_batches([], source, options.text_column))
        report["reading"] = where_read(clf, texts, progress=is_terminal(sys.stderr))
    if wants_json(form):
        write_json_report(report)
    else:
        write_tables(*_tables(report))


def _load(options: ModelOptions, *, for_texts: bool) -> tuple[SkimRuntime, int]:
    """The model, and the bytes that it holds as Python and NumPy count them."""
    import tracemalloc

    tracemalloc.start()
    try:
        clf = options.load(for_texts=for_texts)
        return clf, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _describe(options: ModelOptions, clf: SkimRuntime) -> Report:
    from skim_hf.results.saved import describe_model, load_saved

    saved = describe_model(options.folder, load_saved(options.folder))
    return {
        "model": options.model,
        **{name: getattr(clf.config, name) for name in _fields(clf)},
        **({} if clf.config.reader else {"labels": clf.labels}),
        "threshold": clf.threshold,
        "parameters": saved["parameters"],
        "file_bytes": saved["bytes"],
        "costs": _costs(clf),
        "backend": clf.backend,
        "backend_declined": clf.backend_declined,
        "dtype": clf.options.dtype,
    }


def _fields(clf: SkimRuntime) -> tuple[str, ...]:
    """What of the configuration says something about this model."""
    config = clf.config
    if config.reader is not None:
        return (
            "architecture",
            "reader",
            *(name for name in _FIELDS[1:] if name not in _OF_LABELS),
            *_OF_QUESTIONS,
        )
    more = ["input_size"] if config.reads_features else []
    more += ["skip_rate"] if config.policy in ("random", "periodic") else []
    more += ["jump_every", "jump_size", "jump_limit"] if config.jumps else []
    return (*_FIELDS, *more)


def _costs(clf: SkimRuntime) -> list[Report]:
    """Multiply-adds of a token by what is done with it, over all readers; first in a plain model.

    None for a model without readers. A jump decision is one of every direction.
    """
    from skim_hf import costs

    config, shapes = clf.config, costs.reader_shapes(clf.config)
    if not shapes:
        return []
    rows = [_cost("plain", config.hidden_size, sum(costs.step_macs(shape, 0) for shape in shapes))]
    if config.policy == "selective":
        for name, units in (("all units", config.hidden_size), ("a unit", 1), ("no unit", 0)):
            counts = [int(units > 0), int(units == 0)]
            rows.append(_cost(name, units, sum(costs.macs(shape, counts, units=units) for shape in shapes)))
    elif config.policy != "full":
        for choice, units in enumerate(config.sizes):
            counts = [int(place == choice) for place in range(config.num_choices)]
            name = "read" if choice == 0 else "skim" if units else "skip"
            rows.append(_cost(name, units, sum(costs.macs(shape, counts) for shape in shapes)))
    if config.jumps:
        rows.append(_cost("jump decision", 0, sum(map(costs.jump_macs, shapes))))
    return rows


def _cost(choice: str, units: int, multiply_adds: int) -> Report:
    return {"choice": choice, "units": units, "multiply_adds": multiply_adds}


def _measured(options: ModelOptions) -> Report | None:
    """What the model's result file says; None if there is none, or one of other weights."""
    from skim_hf.results import ModelResults

    path = _results_file(options.folder)
    if path is None:
        return None
    try:
        results = ModelResults.load(path)
        results.check_weights(options.folder)
    except ValueError as error:
        typer.echo(f"Note: {error}", err=True)
        return None
    return {"evaluation": results.evaluation, "latency": results.latency}


def _results_file(folder: Path) -> Path | None:
    """The result file of a model; for one of the Hub, whose runtime does without, it is fetched."""
    from skim_hf.results import RESULTS_NAME
    from skim_hf.runtime.hub_cache import CachedPlace

    path, place = folder / RESULTS_NAME, CachedPlace.of(folder)
    if path.is_file():
        return path
    if place is None:
        return None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    name = str(PurePosixPath(place.name, RESULTS_NAME))
    try:
        return Path(hf_hub_download(place.hub_id, name, revision=place.commit))
    except EntryNotFoundError:
        return None


def _tables(report: Report) -> list[Any]:
    files = sum(report["file_bytes"].values())
    backend = f"{report['backend']} {report['dtype']}"
    if report["backend_declined"]:
        backend += f" ({report['backend_declined']})"
    own = (*_FIELDS, *_SOME, "reader", *_OF_QUESTIONS, "labels", "threshold")
    values = {name.replace("_", " "): _shown(report[name]) for name in report if name in own}
    values |= {
        "parameters": f"{report['parameters']:,}",
        "size on disk": megabytes(files),
        "in memory": megabytes(report["memory_bytes"]),
        "backend": backend,
        **_measured_facts(report["measured"] or {}),
    }
    tables = [facts(report["model"], values), *_cost_tables(report["costs"])]
    return [*tables, *_reading_tables(report.get("reading"), report["policy"])]


def _cost_tables(costs: list[Report]) -> list[Any]:
    rows = [
        [
            row["choice"],
            str(row["units"]),
            f"{row['multiply_adds']:,}",
            f"{costs[0]['multiply_adds'] / row['multiply_adds']:.1f}x" if row["multiply_adds"] else "all",
        ]
        for row in costs
    ]
    heads = ["done", " units", " multiply-adds", " saved"]
    return [grid("Cost of a token", heads, rows)] if rows else []


def _measured_facts(measured: Report) -> dict[str, str]:
    found = {}
    if evaluation := measured.get("evaluation"):
        where = f"on {evaluation['data']['name']}, {evaluation['split']}"
        found = {f"{name} {where}": f"{value:.4f}" for name, value in evaluation["metrics"].items()}
    if latency := measured.get("latency"):
        times = latency["contestants"]["adaptive"]
        what = latency["what"].partition(",")[0]
        found[f"{what}, {latency['tokens_per_text']:.0f} tokens"] = (
            f"{times['median_us']:.0f} µs, p99 {times['p99_us']:.0f} µs"
        )
    return found


def _reading_tables(reading: Report | None, policy: str) -> list[Any]:
    if reading is None:
        return []
    read = "Units updated at words" if policy == "selective" else "Read"
    title = f"{read} of {reading['texts']:,} texts: {reading['read']:.1%} of {reading['tokens']:,} tokens"
    tenths = [
        [str(number), "" if share is None else f"{share:.1%}"]
        for number, share in enumerate(reading["tenths"], 1)
    ]
    words = [[word["token"], f"{word['read']:,}", f"{word['seen']:,}"] for word in reading["words"]]
    tables = [grid(title, [" tenth of the text", " read"], tenths)]
    return [*tables, grid("Most read", ["token", " read", " of"], words)] if words else tables


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
