"""Table, figure and document of the comparison of readers, from its result file and from nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from _marks import replace_between
from _readers import PLAIN, READERS
from _readers_plot import plot_readers
from _readers_runs import Comparison
from _report_latency import load

from skim_hf.results import Block

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "readers.md"
RESULTS = ROOT / "docs" / "results" / "readers.json"
FIGURE = RESULTS.with_suffix(".svg")

_MATCHED = {"rate": "share of words read", "width": "true cost", "length": "true cost"}


def collect(comparison: Comparison, readers: Iterable[str], seeds: Iterable[int]) -> Block:
    """The finished runs by reader, each with its true cost relative to the plain LSTM of its seed."""
    found: Block = {}
    seeds = list(seeds)
    plain = {seed: comparison.load(PLAIN, seed) for seed in seeds}
    for name in readers:
        runs = []
        for seed in seeds:
            run, base = comparison.load(name, seed), plain[seed]
            if run is not None and base is not None:
                for split in comparison.splits:
                    run[split]["cost"] = run[split]["macs_per_text"] / base[split]["macs_per_text"]
                runs.append(run)
        if runs:
            reader = comparison.readers[name]
            about = {"title": reader.title, "starts_from": reader.starts_from}
            found[name] = {**about, "like": reader.like, "matched": reader.matched, "runs": runs}
    return found


def render_table(results: Block) -> str:
    """Markdown of all readers: means over seeds, and the lowest and the highest."""
    rows = [
        ("reader", "test accuracy", "words read", "true cost", "µs per text", "times faster", "int8, µs"),
        ("---", *("---:",) * 6),
        *(_row(reader) for reader in results["readers"].values()),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def render_notes(results: Block) -> str:
    """How the figures were made, in one paragraph."""
    recipe, splits, timed = results["recipe"], results["splits"], results["timed"]
    budget = (
        f"{recipe['max_steps']:,} steps"
        if "max_steps" in recipe
        else f"{recipe['num_train_epochs']:g} epochs"
    )
    readers = results["readers"]
    controls = "; ".join(
        f"{reader['title']} has the {_MATCHED[reader['matched']]} of the {READERS[reader['like']].title}"
        for reader in readers.values()
        if reader["like"] is not None
    )
    warm = "; ".join(
        f"{reader['title']} from the {READERS[reader['starts_from']].title}"
        for reader in readers.values()
        if reader["starts_from"] is not None
    )
    return (
        f"{results['data']}: {splits['train']:,} texts to train on, {splits['test']:,} to test on. All have "
        f"d = {recipe['hidden_size']} (but for the small one) and {budget} with batches of "
        f"{recipe['per_device_train_batch_size']}; no figure of the test texts chose anything. "
        f"{_seeds(results['seeds'])} True cost: multiply-adds relative to the plain LSTM of the same seed "
        "that reads everything; words read: of all readers' decisions, or of the units of a selective one. "
        "Times: string to label, one text at a time, one thread, native backend in float32, medians over "
        f"{timed['texts']} test texts, {timed['rounds']} times each, in turns with the plain LSTM of the "
        "same seed; times faster is the median within turns. "
        f"{_sentences(controls, warm)}{_agreement(results)}"
        f"{results['machine']['processor']} (shared and noisy). Command: `{results['command']}`."
    )


def render_document(text: str) -> str:
    """The document with what stands between its marks taken from the result file."""
    results = load(RESULTS)
    parts = [
        f"![Accuracy against true cost and against time]({FIGURE.relative_to(DOCUMENT.parent).as_posix()})",
        render_table(results),
        render_notes(results),
    ]
    return replace_between(text, "<!-- readers:start -->", "<!-- readers:end -->", "\n\n".join(parts))


def draw(results: Block, path: Path) -> None:
    """Draws the figure, or says why not."""
    try:
        plot_readers(results, path)
    except ImportError:
        print("(No figure: that needs matplotlib, which the extra `plots` installs.)")


def values(reader: Block, *keys: str) -> list[float]:
    """One figure of all runs of a reader; runs that lack it are left out."""
    found = []
    for run in reader["runs"]:
        for key in keys:
            run = run.get(key) if run is not None else None
        if run is not None:
            found.append(run)
    return found


def _row(reader: Block) -> tuple[str, ...]:
    backends = set(values(reader, "latency", "float32", "backend"))
    mark = "" if backends <= {"native"} else " (NumPy)"
    return (
        reader["title"],
        _span(values(reader, "test", "accuracy"), "{:.1%}".format),
        _span(values(reader, "test", "read"), "{:.1%}".format),
        _span(values(reader, "test", "cost"), "{:.1%}".format),
        _span(values(reader, "latency", "float32", "median_us"), "{:,.0f}".format) + mark,
        _span(values(reader, "latency", "float32", "times_faster"), "{:.1f}x".format),
        _span(values(reader, "latency", "int8", "median_us"), "{:,.0f}".format),
    )


def _span(found: list[float], show: Callable[[float], str]) -> str:
    """Mean, lowest and highest; a dash for nothing."""
    if not found:
        return "-"
    mean, low, high = (show(value) for value in (statistics.fmean(found), min(found), max(found)))
    return mean if low == high else f"{mean} ({low.rstrip('%x')} to {high.rstrip('%x')})"


def _seeds(seeds: list[int]) -> str:
    """What the figures are means of."""
    if len(seeds) == 1:
        return f"One run each, seed {seeds[0]}, so that nothing tells small differences from chance."
    return (
        f"Means over {len(seeds)} seeds ({seeds[0]} to {seeds[-1]}), in brackets the lowest and the highest."
    )


def _agreement(results: Block) -> str:
    """How far torch, NumPy and C agree on the test texts."""
    found = [
        backend
        for reader in results["readers"].values()
        for run in reader["runs"]
        for backend in run.get("agreement", {}).values()
    ]
    if not found:
        return ""
    labels, wrong, decisions = (
        sum(backend[name] for backend in found)
        for name in ("labels_differing", "decisions_differing", "decisions")
    )
    return (
        f"Over all readers of the first seed, NumPy and C give {labels:,} labels and {wrong:,} of "
        f"{decisions:,} decisions on the test texts that torch does not. "
    )


def _sentences(controls: str, warm: str) -> str:
    said = [f"Controls, matched by validation texts: {controls}. " if controls else ""]
    said.append(f"Trained on, for as long again: {warm}. " if warm else "")
    return "".join(said)
