"""The README's headline, quickstart and training, rendered from result files and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _report_latency import headline_latency, load

from skim_hf.results import ADAPTIVE, DENSE, Block, ModelResults


def render_table(path: str | Path, model: str | Path) -> str:
    """Markdown of the comparison, with the machine and the command that produced it.

    Args:
        path: A `quickstart.json`.
        model: The `results.json` of its skimming model.
    """
    run, skim = load(path), ModelResults.load(model)
    evaluation, training, latency = _blocks(skim)
    recipe, times = training["recipe"], latency["contestants"]
    agreement = run["agreement"]["skim"]
    rows = [
        ("", "plain LSTM", "Skim-LSTM"),
        ("---", "---", "---"),
        ("test accuracy", f"{_dense_accuracy(skim):.1%}", f"{evaluation['metrics']['accuracy']:.1%}"),
        ("words skimmed", "0 %", f"{evaluation['skim_rate_micro']:.1%}"),
        ("arithmetic saved (paper's count)", "1.0x", f"{evaluation['flop_ratio_paper']:.1f}x"),
        ("arithmetic saved (true multiply-adds)", "1.0x", f"{evaluation['macs_ratio']:.1f}x"),
        (
            f"training, {recipe['epochs']:g} epochs",
            f"{run['plain']['training_seconds']:.0f} s",
            f"{training['seconds']:.0f} s",
        ),
        (
            f"string to label, {latency['tokens_per_text']:.0f} tokens, one core",
            f"{times[DENSE]['median_us']:,.0f} µs",
            f"{times[ADAPTIVE]['median_us']:,.0f} µs ({times[ADAPTIVE]['times_faster_than'][DENSE]:.1f}x)",
        ),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return (
        f"{table}\n\n"
        f"Both d = {recipe['hidden_size']}, the small cell d' = {recipe['skim_sizes']}, trained alike for "
        f"{recipe['epochs']:g} epochs on {training['splits']['train']:,} IMDb reviews, tested on "
        f"{evaluation['texts']:,} others, seed {training['seed']}. Whole command: "
        f"{run['seconds_total'] / 60:.1f} minutes, {run['seconds']['setup']:.0f} s of it set-up. "
        f"Median latency of the {latency['backend']} backend in {latency['dtype']}, "
        f"{latency['machine']['processor']}, one thread. AutoModel, pipeline and "
        f"SkimRuntime: {agreement['labels_differing'] + agreement['pipeline_labels_differing']} labels and "
        f"{agreement['decisions_differing']} of {agreement['decisions']:,} reading decisions differ, "
        f"probabilities by at most {agreement['largest_probability_difference']:.0e}. "
        f"Command: `bash scripts/quickstart.sh`."
    )


def render_headline(model: str | Path, latency: str | Path) -> str:
    """One sentence with the numbers that matter most.

    Args:
        model: The `results.json` of the quickstart's skimming model.
        latency: A `bench_latency.json`.
    """
    results = ModelResults.load(model)
    evaluation, _, _ = _blocks(results)
    return (
        f"**Text classifiers that read only the words that matter: on movie reviews a Skim-LSTM skims "
        f"{evaluation['skim_rate_micro']:.0%} of the words, keeps {evaluation['metrics']['accuracy']:.1%} "
        f"accuracy (plain LSTM: {_dense_accuracy(results):.1%}) and needs {evaluation['macs_ratio']:.1f} "
        f"times less arithmetic; {headline_latency(latency)}.**"
    )


def render_example(model: str | Path) -> str:
    """A code block that predicts, with the output that the trained model gave.

    Args:
        model: The `results.json` of the quickstart's skimming model.
    """
    example = ModelResults.load(model).example
    if example is None:
        raise ValueError(f"Expected an example in {model}; run quickstart.sh again.")
    prediction = {"label": example["label"], "score": round(example["score"], 3)}
    return f"""```python
from skim_hf import SkimRuntime

clf = SkimRuntime.from_pretrained("outputs/skim-lstm-imdb")  # a folder or a Hub id
text = "{example["text"]}"
clf(text)
# {prediction}
[word.token for word in clf.trace(text).tokens if word.is_read]
# {[word["token"] for word in example["read"]]}
```"""


def render_training(path: str | Path, figure: Path) -> str:
    """Markdown of what a training step costs next to `torch.nn.LSTM`.

    Args:
        path: A `bench_training.json`.
        figure: Its figure, relative to the README.
    """
    results = load(path)
    settings = results["settings"]
    rows = [
        (
            "Skim-LSTM, forward + backward",
            "torch.nn.LSTM",
            "fused scan",
            "step by step",
            "Skip-LSTM",
            "selective LSTM",
            "peak memory of the scan",
            "batched evaluation",
        ),
        ("---",) * 8,
        *map(_training_row, settings),
    ]
    return "\n".join(
        [
            f"![Time of a training step relative to torch.nn.LSTM]({figure.as_posix()})",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            f"Ratios to `torch.nn.LSTM` (oneDNN) in the same run, medians of {results['rounds']} interleaved "
            f"rounds, {results['dtype']}, d' = {settings[0]['skim_size']}, seed {results['seed']}, "
            f"{results['threads']} threads, {results['machine']['processor']} (shared and noisy), "
            f"C kernels for {results['instructions']}; evaluation skims "
            f"{settings[0]['skim_rate_in_evaluation']:.0%}. Skip-LSTM and selective LSTM have no fused "
            f"scan and go step by step. Not measured on a GPU. Command: `{results['command']}`.",
        ]
    )


def _blocks(results: ModelResults) -> tuple[Block, Block, Block]:
    """Evaluation, training and latency, all of which a quickstart measures."""
    if results.evaluation is None or results.training is None or results.latency is None:
        raise ValueError("Expected the complete results of a quickstart; run quickstart.sh again.")
    return results.evaluation, results.training, results.latency


def _dense_accuracy(results: ModelResults) -> float:
    evaluation, _, _ = _blocks(results)
    return float(evaluation["dense"]["metrics"]["accuracy"])


def _training_row(setting: dict[str, Any]) -> tuple[str, ...]:
    contestants = setting["contestants"]
    lstm, scan = contestants["lstm"], contestants["skim_native"]
    loops = [contestants[name] for name in ("loop", "skip", "selective")]
    return (
        f"{setting['batch']} rows of {setting['length']} tokens, d = {setting['width']}",
        f"{lstm['forward_backward']['median_ms']:.0f} ms",
        f"{scan['forward_backward']['median_ms']:.0f} ms ({scan['forward_backward']['ratio']:.2f}x)",
        *(
            f"{loop['forward_backward']['median_ms']:.0f} ms ({loop['forward_backward']['ratio']:.1f}x)"
            for loop in loops
        ),
        f"{scan['peak']['mebibytes'] / lstm['peak']['mebibytes']:.2f}x",
        f"{scan['evaluation']['ratio']:.2f}x",
    )
