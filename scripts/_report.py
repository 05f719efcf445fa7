"""The README's headline, quickstart and training, rendered from result files and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _report_latency import headline_latency, load


def render_table(path: str | Path) -> str:
    """Markdown of the comparison, with the machine and the command that produced it.

    Args:
        path: A `quickstart.json`.
    """
    results = load(path)
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
            f"training, {results['recipe']['epochs']:g} epochs",
            *(f"{model['training']['train_runtime']:.0f} s" for model in (plain, skim)),
        ),
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
        f"Median latency of the {latency['backend']} backend in float32, {machine['processor']}, one "
        f"thread. AutoModel, pipeline and "
        f"SkimRuntime: {agreement['labels_differing'] + agreement['pipeline_labels_differing']} labels and "
        f"{agreement['decisions_differing']} of {agreement['decisions']:,} reading decisions differ, "
        f"probabilities by at most {agreement['largest_probability_difference']:.0e}. "
        f"Command: `bash scripts/quickstart.sh`."
    )


def render_headline(path: str | Path, latency: str | Path) -> str:
    """One sentence with the numbers that matter most.

    Args:
        path: A `quickstart.json`.
        latency: A `bench_latency.json`.
    """
    results = load(path)
    skim = results["skim"]
    return (
        f"**Text classifiers that read only the words that matter: on movie reviews a Skim-LSTM skims "
        f"{skim['skim_rate_micro']:.0%} of the words, keeps {skim['accuracy']:.1%} accuracy (plain LSTM: "
        f"{results['plain']['accuracy']:.1%}) and needs {skim['macs_ratio']:.1f} times less arithmetic; "
        f"{headline_latency(latency)}.**"
    )


def render_example(path: str | Path) -> str:
    """A code block that predicts, with the output that the trained model gave.

    Args:
        path: A `quickstart.json`.
    """
    example = load(path)["example"]
    prediction = {"label": example["label"], "score": round(example["score"], 3)}
    return f"""```python
from skim_hf import SkimRuntime

clf = SkimRuntime.from_pretrained("outputs/skim-lstm-imdb")  # a folder or a Hub id
text = "{example["text"]}"
clf(text)
# {prediction}
[word.token for word in clf.trace(text).tokens if word.is_read]
# {example["read"]}
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
            "peak memory of the scan",
            "batched evaluation",
        ),
        ("---",) * 6,
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
            f"{settings[0]['skim_rate_in_evaluation']:.0%}. Not measured on a GPU. Command: "
            f"`{results['command']}`.",
        ]
    )


def _training_row(setting: dict[str, Any]) -> tuple[str, ...]:
    lstm, loop, scan = (setting["contestants"][name] for name in ("lstm", "loop", "skim_native"))
    return (
        f"{setting['batch']} rows of {setting['length']} tokens, d = {setting['width']}",
        f"{lstm['forward_backward']['median_ms']:.0f} ms",
        f"{scan['forward_backward']['median_ms']:.0f} ms ({scan['forward_backward']['ratio']:.2f}x)",
        f"{loop['forward_backward']['median_ms']:.0f} ms ({loop['forward_backward']['ratio']:.1f}x)",
        f"{scan['peak']['mebibytes'] / lstm['peak']['mebibytes']:.2f}x",
        f"{scan['evaluation']['ratio']:.2f}x",
    )
