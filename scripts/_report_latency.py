"""The README's latency: tables and sentences rendered from result files and from nothing else."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

# Titles, and what each knows of the order of words.
_TEXT_ROWS = {
    "native_int8_skim": ("skim_hf: Skim-LSTM, int8", "yes"),
    "native_float32_skim": ("skim_hf: Skim-LSTM, float32", "yes"),
    "native_int8_plain": ("skim_hf: plain LSTM, int8", "yes"),
    "native_float32_plain": ("skim_hf: plain LSTM, float32", "yes"),
    "numpy_float32_skim": ("skim_hf: Skim-LSTM, NumPy alone", "yes"),
    "onnx_int8": ("the plain LSTM in ONNX Runtime int8, behind `tokenizers`", "yes"),
    "onnx_float32": ("the plain LSTM in ONNX Runtime float32, behind `tokenizers`", "yes"),
    "transformer_int8": ("a transformer of DistilBERT's shape, ONNX Runtime int8", "yes"),
    "model2vec": ("model2vec", "no"),
    "fasttext_split": ("fastText, symbols set apart", "pairs"),
    "fasttext": ("fastText", "pairs"),
}
_ENGINES = {
    "native_int8": "skim_hf int8",
    "native_float32": "skim_hf float32",
    "numpy_float32": "skim_hf, NumPy alone",
}
_OTHERS = {
    "onnx_int8": "ONNX Runtime int8",
    "onnx_float32": "ONNX Runtime float32",
    "torch_lstm": "`torch.nn.LSTM`",
}
_SHOWN_RATES = ("90", "trained")
_SHOWN_GAIN = (200, 0.9)


def best_of_ours(results: dict[str, Any]) -> str:
    """The first of our skimming contestants that was measured."""
    return next(
        name for name in _TEXT_ROWS if name.endswith("_skim") and name in results["texts"]["contestants"]
    )


def headline_latency(path: str | Path) -> str:
    """The end of a sentence: how fast the best of ours is.

    Args:
        path: A `bench_latency.json`.
    """
    results = load(path)
    name = best_of_ours(results)
    found = results["texts"]["contestants"][name]
    text = f"from string to label in {microseconds(found['median_us'])} on one core"
    if name.startswith("numpy"):
        text += " with NumPy alone"
    ratio = found["times_faster_than"].get("onnx_int8")
    # Who is slower is not the subject of a headline; the table says it.
    if ratio is not None and ratio > 1:
        text += f", {ratio:.1f} times faster than a plain LSTM of equal width in ONNX Runtime int8"
    return text


def render_texts(path: str | Path) -> str:
    """Markdown of string to label next to the peers.

    Args:
        path: A `bench_latency.json`.
    """
    results = load(path)
    texts, ours = results["texts"], best_of_ours(results)
    ratios = texts["contestants"][ours]["times_faster_than"]
    rows = [
        ("string to label, one core", "median", "p99", "times the first", "accuracy", "word order"),
        ("---", "---:", "---:", "---:", "---:", "---"),
    ]
    for name, (title, order) in _TEXT_ROWS.items():
        if name not in texts["contestants"]:
            continue
        found = texts["contestants"][name]
        accuracy = "random weights" if found["accuracy"] is None else f"{found['accuracy']:.1%}"
        times = microseconds(found["median_us"]), microseconds(found["p99_us"])
        rows.append((title, *times, _multiple(ratios[name]), accuracy, order))
    return "\n".join([*_markdown(rows), "", " ".join(_notes_on_texts(results))])


def render_tokens(path: str | Path) -> str:
    """Markdown of the microseconds per token, at the middle one of the lengths.

    Args:
        path: A `bench_latency.json`.
    """
    results = load(path)
    tokens = results["tokens"]
    length = statistics.median_low({setting["length"] for setting in tokens["settings"]})
    settings = [setting for setting in tokens["settings"] if setting["length"] == length]
    rows = [
        ("\u00b5s per token", *(f"d = {setting['hidden_size']}" for setting in settings)),
        ("---", *["---:"] * len(settings)),
    ]
    for name, title in _token_titles(tokens["skim_rates"]).items():
        if any(name in setting["contestants"] for setting in settings):
            rows.append((title, *(_cell(setting["contestants"].get(name)) for setting in settings)))
    turns = next(iter(settings[0]["contestants"].values()))["us_per_token"]["turns"]
    note = (
        f"Token ids to last hidden state, texts of {length} tokens, batch 1, random weights, "
        f"{tokens['vocab_size']:,} words, d' = d / 10, medians of {turns} interleaved turns, "
        f"states compared first; {_machine(results)}. Other lengths and 99th percentiles are in the result "
        f"file. Command: `{results['command']}`."
    )
    return "\n".join([*_markdown(rows), "", note])


def render_gain(path: str | Path, figure: Path) -> str:
    """Markdown of the gain against the size of the state.

    Args:
        path: A `bench_gain.json`.
        figure: Its figure, relative to the README.
    """
    results = load(path)
    lines = [f"![Saved arithmetic and saved time against hidden size]({figure.as_posix()})", ""]
    size, rate = _SHOWN_GAIN
    sentences = []
    for point in results["points"]:
        if (point["hidden_size"], point["wanted_skim_rate"]) == (size, rate):
            sentences.append(
                f"{point['dtype']}: {point['macs_gain']:.1f} times less arithmetic, "
                f"{point['actual_gain']:.1f} times less time ({point['realised']:.0%} of it realised)."
            )
    shown = f"At d = {size} with {rate:.0%} skimmed, {' '.join(sentences)} " if sentences else ""
    note = (
        f"{shown}Our plain LSTM / our Skim-LSTM, {results['backend']} backend, "
        f"{results['tokens_per_text']} tokens, medians of {results['turns']} interleaved turns, "
        f"{results['machine']['processor']} (shared and noisy), one core. Command: `{results['command']}`."
    )
    return "\n".join([*lines, note])


def microseconds(value: float) -> str:
    """A time as one reads it."""
    if value < 1000:
        return f"{value:.0f} \u00b5s"
    return f"{value / 1000:,.1f} ms" if value < 10_000 else f"{value / 1000:,.0f} ms"


def load(path: str | Path) -> dict[str, Any]:
    """A result file."""
    results: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return results


def _notes_on_texts(results: dict[str, Any]) -> list[str]:
    """What has to be said about the table, a sentence each."""
    texts = results["texts"]
    splits = results["data"]["splits"]
    notes = [
        f"{texts['texts']} test reviews of {texts['words_per_text']:.0f} words "
        f"({texts['tokens_per_text']:.0f} tokens) in interleaved turns; accuracy on all {splits['test']:,}; "
        f"everybody trained on the same {splits['train']:,} reviews; {_machine(results)}."
    ]
    for name, reason in _shared_reasons(texts["missing"]).items():
        notes.append(f"Not measured: {name} ({reason}).")
    notes += _notes_on_parity(results.get("parity", {}))
    started_by = {**_ENGINES, "onnx_int8": _OTHERS["onnx_int8"]}
    started = [
        f"{started_by[name]} {found['seconds']:.2f} s and {found['peak_megabytes']:.0f} MB"
        for name, found in results.get("start", {}).get("contestants", {}).items()
        if "seconds" in found and name in started_by
    ]
    if started:
        notes.append(f"From starting Python to the first label, and peak memory: {', '.join(started)}.")
    for name, found in results.get("memory", {}).items():
        if "growth_megabytes" in found and name in _ENGINES:
            notes.append(
                f"Over {found['predictions']:,} predictions {_ENGINES[name]} grew by "
                f"{found['growth_megabytes']:.1f} MB."
            )
    for name, found in results.get("two_threads", {}).items():
        if isinstance(found, dict) and "times_faster" in found:
            notes.append(
                f"Two threads read {found['texts']:,} texts {found['times_faster']:.2f} times as fast as one "
                f"({_ENGINES[name]})."
            )
    return [*notes, f"Command: `{results['command']}`."]


def _notes_on_parity(parity: dict[str, Any]) -> list[str]:
    notes = []
    titles = {
        "native_float32_against_numpy_float32": "C next to NumPy",
        "native_int8_against_native_float32": "int8 next to float32",
    }
    for key, title in titles.items():
        found = parity.get("skim", {}).get(key, {"missing": ""})
        if "missing" not in found:
            notes.append(
                f"{title}: {found['labels_differing']} of {parity['texts']:,} labels and "
                f"{found['decisions_differing']:,} of {found['decisions']:,} reading decisions differ, "
                f"probabilities by at most {found['largest_probability_difference']:.0e}."
            )
    return notes


def _token_titles(rates: dict[str, float]) -> dict[str, str]:
    titles = {}
    for engine, title in _ENGINES.items():
        titles[f"{engine}_plain"] = f"{title}, plain LSTM"
        for name in _SHOWN_RATES:
            if name in rates:
                titles[f"{engine}_skim_{name}"] = f"{title}, {rates[name]:.0%} skimmed"
    return {**titles, **_OTHERS}


def _cell(found: dict[str, Any] | None) -> str:
    return "" if found is None else f"{found['us_per_token']['median_us']:.2f}"


def _multiple(value: float) -> str:
    digits = 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:,.{digits}f}x"


def _shared_reasons(missing: dict[str, str]) -> dict[str, str]:
    """Reasons, with the names that share each joined."""
    return {
        "; ".join(_TEXT_ROWS.get(name, (name,))[0] for name in missing if missing[name] == reason): reason
        for reason in missing.values()
    }


def _machine(results: dict[str, Any]) -> str:
    kernels = f", C kernels for {results['instructions']}" if results["instructions"] else ""
    return f"{results['machine']['processor']} (shared and noisy), one core, one thread{kernels}"


def _markdown(rows: list[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in rows]
