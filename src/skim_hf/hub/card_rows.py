"""Tables of a card and the notes below them, from the blocks of a result file."""

from __future__ import annotations

from typing import Any

from skim_hf.hub.card_formats import (
    code,
    megabytes,
    microseconds,
    percent,
    plain,
    score_title,
    score_value,
    times,
)
from skim_hf.hub.card_policies import is_adaptive, kind_of_cell, not_read, things
from skim_hf.results.files import ModelResults
from skim_hf.results.latency import ADAPTIVE, DENSE
from skim_hf.results.schema import Block
from skim_hf.runtime.calibration import has_dial
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.folder import ModelFolder

Row = tuple[str, ...]

# A key of an evaluation, its title, how it is written, and what it is where everything is read.
_READING = (
    ("skim_rate_micro", "{not_read}, of all words (micro)", percent, 0.0),
    ("skim_rate_macro", "{not_read}, mean over texts (macro)", percent, 0.0),
    ("visited_rate", "words visited, the others passed over", percent, 1.0),
    ("jumps_per_text", "jump decisions in a text", "{:.1f}".format, 0.0),
    ("macs_ratio", "arithmetic saved, true multiply-adds (macs)", times, 1.0),
    ("flop_ratio_paper", "arithmetic saved, as the paper counts (paper)", times, 1.0),
)
_LATENCY = (
    ("median_us", "string to {label}, median (p50)"),
    ("p99_us", "string to {label}, 99th percentile (p99)"),
)
_VERBS = {"skip": "skip", "selective": "update few units"}
_LOWER_IS_BETTER = ("mse", "mae")


def figure_rows(results: ModelResults, config: RuntimeConfig) -> list[Row]:
    """The model next to one that reads everything, if one was measured; the first row is the head."""
    evaluation, latency = results.evaluation or {}, results.latency or {}
    dense, contestants = evaluation.get("dense"), latency.get("contestants", {})
    rows: list[Row] = [("", kind_of_cell(config), plain(dense["what"]) if dense else "reading everything")]
    for name, value in evaluation.get("metrics", {}).items():
        other = dense and dense["metrics"].get(name)
        values = (score_value(name, value), "" if other is None else score_value(name, other))
        rows.append((plain(score_title(name)), *values))
    for key, title, show, of_dense in _READING if is_adaptive(config) else ():
        if key in evaluation:
            title = title.format(not_read=not_read(config))
            rows.append((title, show(evaluation[key]), show(of_dense)))
    for layer, rate in evaluation.get("layer_skim_rates", {}).items() if is_adaptive(config) else ():
        rows.append((f"{not_read(config)}, {plain(layer)}", percent(rate), percent(0.0)))
    for key, title in _LATENCY if contestants else ():
        found = (contestants.get(who) for who in (ADAPTIVE, DENSE))
        title = title.format(label="label" if config.reader is None else "answer")
        rows.append((title, *(microseconds(times[key]) if times else "" for times in found)))
    rows.append(("size on disk", _sizes(results.model), ""))
    return rows if dense or DENSE in contestants else [row[:2] for row in rows]


def notes_on_figures(results: ModelResults, config: RuntimeConfig) -> list[str]:
    """On what and where the figures were measured, a sentence each."""
    notes = []
    if evaluation := results.evaluation:
        tokens = f" ({evaluation['tokens']:,} tokens)" if "tokens" in evaluation else ""
        dial = _threshold(evaluation["threshold"], config) if has_dial(config.policy) else ""
        dial += _jumps(evaluation, config)
        notes.append(
            f"Scores and shares: {evaluation['texts']:,} {things(config)}{tokens} of the "
            f"{plain(evaluation['split'])} split of {plain(evaluation['data']['name'])}{dial}"
            f"{_engine(evaluation)}."
        )
    if latency := results.latency:
        notes.append(
            f"Times: {plain(latency['what'])}; {latency['texts']:,} texts of {latency['words_per_text']:.0f} "
            f"words ({latency['tokens_per_text']:.0f} tokens) on average, {latency['rounds']} interleaved "
            f"rounds, {plain(latency['machine']['processor'])}{_engine(latency)}."
        )
        ratio = _times_as_fast(results)
        if ratio is not None:
            notes.append(
                f"Turn by turn {ratio:.1f} times as fast as {_other(results)} (median of the ratios)."
            )
    return notes


def note_on_time(results: ModelResults, config: RuntimeConfig) -> str:
    """Where skimming saves time, and that it does not where it was measured, if so."""
    saving = "Skimming" if config.policy == "skim" else "Reading less"
    ratio = _times_as_fast(results)
    if results.latency is not None and ratio is not None and ratio < 1:
        return f"{saving} saves arithmetic here, but no time in {results.latency['dtype']}."
    return f"{saving} saves time on a CPU, one text at a time."


def _times_as_fast(results: ModelResults) -> float | None:
    """As the dense model; None where they were not timed in turns."""
    if results.latency is None:
        return None
    ratio: float | None = results.latency["contestants"][ADAPTIVE].get("times_faster_than", {}).get(DENSE)
    return ratio


def note_on_dense(results: ModelResults) -> str | None:
    """That the dense model is the better one, where it is."""
    dense = (results.evaluation or {}).get("dense")
    if results.evaluation is None or dense is None:
        return None
    name, value = next(iter(results.evaluation["metrics"].items()))
    other = dense["metrics"].get(name, value)
    own, better = score_value(name, value), score_value(name, other)
    if own == better or (other < value) != (name in _LOWER_IS_BETTER):
        return None
    return f"Here {_other(results)} is better: {plain(score_title(name))} {better} against {own}."


def curve_rows(results: ModelResults, config: RuntimeConfig) -> list[Row]:
    """What the threshold does; the first row is the head. Empty if there is no curve."""
    curve = _curve(results)
    if curve is None:
        return []
    names = list(curve["points"][0]["metrics"])
    scores = [plain(score_title(name)) for name in names]
    share = "units updated" if config.policy == "selective" else "words read"
    head = ("threshold", *scores, share, "arithmetic saved (macs)", "median time of a text")
    return [
        head,
        *(
            (
                f"{point['threshold']:g}",
                *(score_value(name, point["metrics"][name]) for name in names),
                percent(point["read"]),
                # Nothing that was computed has no ratio.
                times(point["macs_ratio"]) if "macs_ratio" in point else "all",
                microseconds(point["median_us"]),
            )
            for point in curve["points"]
        ),
    ]


def notes_on_curve(results: ModelResults, config: RuntimeConfig) -> list[str]:
    """On what the curve was measured, and what it says, a sentence each."""
    curve = _curve(results)
    if curve is None:
        return []
    points, name = curve["points"], next(iter(curve["points"][0]["metrics"]))
    best = (min if name in _LOWER_IS_BETTER else max)(points, key=lambda point: point["metrics"][name])
    title = plain(score_title(name))
    notes = [
        f"Measured on {curve['texts']:,} texts of the {plain(curve['split'])} split; times on "
        f"{curve['timed_texts']:,} of them, one at a time, one thread, "
        f"{plain(curve['machine']['processor'])}{_engine(curve)}.",
        f"Of these thresholds {best['threshold']:g} has the best {title}.",
    ]
    everything = next((point for point in points if point["threshold"] == 1), best)
    if everything["metrics"][name] != best["metrics"][name]:
        notes.append(
            f"Reading everything gives {title} {score_value(name, everything['metrics'][name])}: the model "
            f"was trained to {_VERBS.get(config.policy, 'skim')}, and more reading is not always better."
        )
    return notes


def recipe_rows(results: ModelResults) -> list[Row]:
    """Settings of the training. Empty if there are none."""
    recipe = results.training["recipe"] if results.training else {}
    return [(code(name), plain(_setting(value))) for name, value in recipe.items()]


def _curve(results: ModelResults) -> Block | None:
    return results.evaluation.get("curve") if results.evaluation else None


def _other(results: ModelResults) -> str:
    """Whom the model is compared with, within a sentence."""
    dense = (results.evaluation or {}).get("dense")
    return f"the {plain(dense['what'])}" if dense else "reading everything"


def _threshold(measured: float, config: RuntimeConfig) -> str:
    own = "" if measured == config.skim_threshold else f" (the model's own is {config.skim_threshold:g})"
    return f", threshold {measured:g}{own}"


def _jumps(evaluation: Block, config: RuntimeConfig) -> str:
    """With which jump settings it was measured, where these are not the model's own."""
    changed = [
        f"{name} {evaluation[name]} (the model's own is {getattr(config, name)})"
        for name in ("jump_every", "jump_limit")
        if evaluation.get(name, getattr(config, name)) != getattr(config, name)
    ]
    return "".join(f", {code(part.split()[0])} {part.partition(' ')[2]}" for part in changed)


def _engine(block: Block) -> str:
    return f", {block['backend']} backend in {block['dtype']}" if {"backend", "dtype"} <= block.keys() else ""


def _sizes(model: Block) -> str:
    weights = sum(size for name, size in model["bytes"].items() if name.endswith(".safetensors"))
    others = sum(model["bytes"].values()) - weights
    what = "tokenizer and configuration" if ModelFolder.TOKENIZER in model["bytes"] else "configuration"
    return f"{megabytes(weights)} weights, {megabytes(others)} {what}"


def _setting(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
