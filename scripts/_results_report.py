"""Tables and sentences on a reproduced model, from its study file and the published rows alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

from _readers_report import values
from _reproduce_latency import DTYPES, contestant, times_faster

Figures = dict[str, Any]
Show = Callable[[float], str]

HEAD = (
    "model",
    "accuracy",
    "skimmed",
    "skimmed, mean over texts",
    "arithmetic, paper's count",
    "arithmetic, true",
    "µs, float32",
    "µs, int8",
)
# Runs whose models are published, and therefore timed.
_TIMED = ("plain", "skim")
_TENTH = 0.1


def render_study(study: Figures | None, published: Figures, sources: Figures) -> str:
    """Markdown of one data set: all rows, and how they were made.

    Args:
        study: What a reproduce script wrote; None if there is nothing yet.
        published: Rows of others on this data.
        sources: Where those come from, as `published.json` says.
    """
    rows = [HEAD, ("---", *("---:",) * (len(HEAD) - 1))]
    if study is not None:
        rows += [_row(study, name, reader) for name, reader in study["readers"].items()]
        rows += [_peer_row(study, name, peer) for name, peer in study["baselines"].items()]
    rows += [_published_row(row) for row in published["rows"]]
    if "distilbert" in published:
        rows.append(("*DistilBERT*", f"{published['distilbert']:.1f}%", *("",) * (len(HEAD) - 2)))
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    quoted = f"In italics: as published ({sources['source']}"
    quoted += f"; {sources['distilbert_source']}" if "distilbert" in published else ""
    return f"{table}\n\n{_notes(study)} {quoted}); arithmetic and time there are relative to its own LSTM."


def render_shortfalls(study: Figures | None, published: Figures) -> str:
    """What is better than our published skimming model, as sentences; none if nothing is."""
    if study is None or "skim" not in study["readers"]:
        return "Not measured yet."
    skim = study["readers"]["skim"]
    ours, rate = _mean(skim, "test", "accuracy"), _mean(skim, "test", "skim_rate_micro")
    found = [
        f"{name}: {100 * (accuracy - ours):.1f} points above our {ours:.1%}"
        for name, accuracy in _rivals(study, published).items()
        if 100 * (accuracy - ours) >= _TENTH / 2
    ]
    best = max(_skimming(published), key=lambda row: row["accuracy"])
    if 100 * rate < best["skimmed"]:
        found.append(f"{best['skimmed']:.1f}% skimmed in the paper's best row, {rate:.1%} here, on average")
    if quicker := _quicker(study, ours):
        found.append(quicker)
    trained, official = study["data"]["splits"]["train"], published.get("official_training_texts", 0)
    if 2 * trained < official:
        found.append(f"trained on {trained:,} texts where the published models had {official:,}")
    return (
        "\n".join(f"- {sentence}." for sentence in found)
        or "Nothing in the table is more accurate or faster."
    )


def _quicker(study: Figures, accuracy: float) -> str:
    """What takes less time than our published model in its fastest number format; empty if nothing does."""
    ours, others = _fastest(study, "skim"), {**study["readers"], **study["baselines"]}
    named = {name: _fastest(study, name) for name in others if not name.startswith(("paper", "skim"))}
    faster = [
        f"{others[name]['title']} with {time:,.0f} µs "
        f"({100 * (_mean(others[name], 'test', 'accuracy') - accuracy):+.1f} points)"
        for name, time in sorted(named.items(), key=lambda item: item[1])
        if time < ours < math.inf
    ]
    return f"faster than our {ours:,.0f} µs a text: {', '.join(faster)}" if faster else ""


def _fastest(study: Figures, name: str) -> float:
    """Median microseconds in the number format that takes least; infinite if it was not timed."""
    timed = study.get("latency", {}).get("contestants", {})
    names = (name, *(contestant(name, dtype) for dtype in DTYPES))
    return min((timed[each]["median_us"] for each in names if each in timed), default=math.inf)


def _rivals(study: Figures, published: Figures) -> dict[str, float]:
    """Accuracies to be measured by, by name; the best of the published rows stands for all."""
    others = {
        name: block
        for name, block in (*study["readers"].items(), *study["baselines"].items())
        if name != "skim" and not name.startswith("paper")
    }
    found = {block["title"]: _mean(block, "test", "accuracy") for block in others.values()}
    best = max(_skimming(published), key=lambda row: row["accuracy"])
    found[f"the paper's best row ({best['settings']})"] = best["accuracy"] / 100
    if "distilbert" in published:
        found["DistilBERT"] = published["distilbert"] / 100
    return found


def _skimming(published: Figures) -> list[Figures]:
    return [row for row in published["rows"] if "skimmed" in row]


def _row(study: Figures, name: str, reader: Figures) -> tuple[str, ...]:
    # Of a model that multiplies nothing no ratio tells how much less that is.
    costs = values(reader, "test", "cost")
    true = [1 / cost for cost in costs] if all(costs) else []
    paper = values(reader, "test", "flop_ratio_paper") if true else []
    micro, macro = (values(reader, "test", f"skim_rate_{kind}") for kind in ("micro", "macro"))
    return (
        f"**{reader['title']}**" if name in _TIMED else reader["title"],
        spread(values(reader, "test", "accuracy"), percent),
        spread(micro, percent) if any(micro) else "",
        spread(macro, percent) if any(macro) else "",
        spread(paper, _times),
        spread(true, _times),
        *(_microseconds(study, contestant(name, dtype)) for dtype in DTYPES),
    )


def _peer_row(study: Figures, name: str, peer: Figures) -> tuple[str, ...]:
    accuracy = spread(values(peer, "test", "accuracy"), percent)
    return (peer["title"], accuracy, "", "", "", "", _microseconds(study, name), "")


def _published_row(row: Figures) -> tuple[str, ...]:
    title = ", ".join(filter(None, (row["model"], row.get("settings"))))
    times = {key: f"{row[key]:.1f}x" if key in row else "" for key in ("flop_ratio", "speedup")}
    skimmed = f"{row['skimmed']:.1f}%" if "skimmed" in row else ""
    return (
        f"*{title}*",
        f"{row['accuracy']:.1f}%",
        skimmed,
        "",
        times["flop_ratio"],
        "",
        times["speedup"] and f"{times['speedup']} faster",
        "",
    )


def _microseconds(study: Figures, name: str) -> str:
    timed = study.get("latency", {}).get("contestants", {}).get(name)
    return "" if timed is None else f"{timed['median_us']:,.0f} (p99 {timed['p99_us']:,.0f})"


def _notes(study: Figures | None) -> str:
    """How our rows were made, in one paragraph."""
    if study is None:
        return "Ours: not measured yet."
    data, seeds = study["data"], study["seeds"]
    sizes = ", ".join(f"{count:,} {name}" for name, count in data["splits"].items())
    taken = "set aside from training" if data["split_seed"] is not None else "the official ones"
    sentences = [
        f"Ours: {sizes} texts, validation texts {taken}, {sum(data['removed'].values()):,} texts removed "
        "from earlier splits because a later one has them.",
        f"Means ± standard deviations over {len(seeds)} seeds." if len(seeds) > 1 else "One seed.",
        *_training_notes(study),
        *_published_notes(study),
        *(f"{name} is missing: {reason}." for name, reason in study["missing"].items()),
        f"{study['machine']['processor']} (shared and noisy). Command: `{study['command']}`.",
    ]
    return " ".join(filter(None, sentences))


def _training_notes(study: Figures) -> list[str]:
    """What was learned from beside the official texts, and which checkpoints were kept."""
    options = {name: reader["runs"][0]["options"] for name, reader in study["readers"].items()}
    last = [name for name, found in options.items() if found.get("load_best_model_at_end") is False]
    titles = ", ".join(study["readers"][name]["title"] for name in last)
    taught = [name for name, found in options.items() if "teacher_column" in found]
    more = (study["data"].get("taught") or {}).get("texts", 0) - study["data"]["splits"]["train"]
    return [
        "All models but those as in the paper and the baselines also learned from a teacher's probabilities, "
        f"and from {more:,} more texts that it labelled."
        if taught
        else "",
        "Checkpoints and the published seed were chosen by validation accuracy"
        + (f"; of {titles} the last one was kept." if last else "."),
    ]


def _published_notes(study: Figures) -> list[str]:
    """What slimming and int8 did, and how much faster skimming is."""
    if "published" not in study:
        return []
    skim, plain, times = study["published"]["skim"], study["published"]["plain"], study["latency"]
    before, after = skim["before"]["test"]["accuracy"], skim["after"]
    dtypes = {dtype: times_faster(times["contestants"], dtype) for dtype in DTYPES}
    shown = " and ".join(f"{ratio:.1f} times ({dtype})" for dtype, ratio in dtypes.items() if ratio)
    int8 = after["int8"]["test"]["accuracy"], plain["after"]["int8"]["test"]["accuracy"]
    return [
        f"In bold what is published, of seed {skim['seed']}: with {skim['words']:,} of "
        f"{skim['words'] + skim['words_cut']:,} words and numbers of 16 bits it has "
        f"{after['float32']['test']['accuracy']:.2%} accuracy instead of {before:.2%}, and {int8[0]:.2%} in "
        f"int8 (plain: {plain['before']['test']['accuracy']:.2%}, {int8[1]:.2%} in int8).",
        f"On {times['texts']} test texts of {times['words_per_text']:.0f} words it is {shown} as fast as the "
        "plain one, one text at a time on one core."
        if shown
        else "",
    ]


def _mean(block: Figures, *keys: str) -> float:
    return statistics.fmean(values(block, *keys))


def spread(found: list[float], show: Show) -> str:
    """Mean and standard deviation over seeds; empty for nothing."""
    if not found:
        return ""
    mean = show(statistics.fmean(found))
    return mean if len(found) == 1 else f"{mean} ± {show(statistics.stdev(found)).rstrip('%x')}"


def percent(value: float) -> str:
    """A share as the tables show it."""
    return f"{value:.1%}"


def _times(value: float) -> str:
    return f"{value:.1f}x"
