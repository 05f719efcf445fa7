"""The quickstart's table, rendered from its result file and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path


def render_table(path: str | Path) -> str:
    """Markdown of the comparison, with the machine and the command that produced it.

    Args:
        path: A `quickstart.json`.
    """
    results = json.loads(Path(path).read_text(encoding="utf-8"))
    plain, skim, latency = results["plain"], results["skim"], results["latency"]
    splits, machine, agreement = results["data"]["splits"], results["machine"], results["agreement"]["skim"]
    rows = [
        ("", "plain LSTM", "Skim-LSTM"),
        ("---", "---", "---"),
        ("test accuracy", f"{plain['accuracy']:.1%}", f"{skim['accuracy']:.1%}"),
        ("words skimmed", "0 %", f"{skim['skim_rate_micro']:.1%}"),
        ("arithmetic saved (paper's count)", "1.0x", f"{skim['flop_ratio_paper']:.1f}x"),
        ("arithmetic saved (true multiply-adds)", "1.0x", f"{skim['macs_ratio']:.1f}x"),
        (
            f"string to label, {latency['tokens_per_text']:.0f} tokens, one core",
            f"{latency['plain']['median_us']:,.0f} µs",
            f"{latency['skim']['median_us']:,.0f} µs ({latency['skim']['times_faster_than_plain']:.1f}x)",
        ),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return (
        f"{table}\n\n"
        f"Both d = {results['recipe']['hidden_size']}, the small cell d' = "
        f"{results['recipe']['skim_sizes'][0]}, trained alike for "
        f"{results['recipe']['epochs']:g} epochs on {splits['train']:,} IMDb reviews, tested on "
        f"{splits['test']:,} others, seed {results['recipe']['seed']}. Whole command: "
        f"{results['seconds_total'] / 60:.1f} minutes, {results['seconds']['setup']:.0f} s of it set-up. "
        f"Median latency of the NumPy backend, {machine['processor']}, one thread. AutoModel, pipeline and "
        f"SkimRuntime: {agreement['labels_differing'] + agreement['pipeline_labels_differing']} labels and "
        f"{agreement['decisions_differing']} of {agreement['decisions']:,} reading decisions differ, "
        f"probabilities by at most {agreement['largest_probability_difference']:.0e}. "
        f"Command: `bash scripts/quickstart.sh`."
    )


def render_headline(path: str | Path) -> str:
    """One sentence with the numbers that matter most.

    Args:
        path: A `quickstart.json`.
    """
    results = json.loads(Path(path).read_text(encoding="utf-8"))
    skim, latency = results["skim"], results["latency"]
    return (
        f"**Text classifiers that read only the words that matter: on movie reviews a Skim-LSTM skims "
        f"{skim['skim_rate_micro']:.0%} of the words, keeps {skim['accuracy']:.1%} accuracy (plain LSTM: "
        f"{results['plain']['accuracy']:.1%}) and needs {skim['macs_ratio']:.1f} times less arithmetic; from "
        f"string to label in {latency['skim']['median_us'] / 1000:.1f} ms on one core with NumPy alone.**"
    )
