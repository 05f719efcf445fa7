"""The table of a reproduced question reader and the notes below it, from its study file alone."""

from __future__ import annotations

from typing import Any

from _reproduce_latency import contestant, times_faster

Figures = dict[str, Any]

READER = "skim-reader-squad"
TITLES = {"plain": "plain", "skim": "skimming"}
STAGES = {"float32": "published", "int8": "published, int8"}


def render_readers(study: Figures | None) -> str:
    """Markdown of both models before and after slimming, and how they were made.

    Args:
        study: What the reproduce script wrote; None if there is nothing yet.
    """
    if study is None:
        return "Not measured yet."
    layers = list(layer_rates(study["readers"]["plain"]["before"]))
    skimmed = [f"skimmed, {layer}" for layer in layers]
    head = ("model", "EM", "F1", *skimmed, "true cost", "words kept", "µs")
    rows = [head, ("---", *("---:",) * (len(head) - 1))]
    for kind, reader in study["readers"].items():
        all_words = reader["words"] + reader["words_cut"]
        rows.append(_row(f"{TITLES[kind]}, as trained", reader["before"], all_words, ""))
        for dtype, point in reader["after"].items():
            title = f"**{TITLES[kind]}, {STAGES[dtype]}**"
            rows.append(_row(title, point, reader["words"], _time(study, kind, dtype)))
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{table}\n\n{_notes(study)}"


def summarize_reader(study: Figures) -> str:
    """One sentence on the published reader."""
    plain, skim = (study["readers"][kind]["after"]["float32"] for kind in TITLES)
    own, other = (f"{point['metrics']['f1']:.1f}" for point in (skim, plain))
    return (
        f"[{study['model']}](model_cards/{study['model']}) answers questions: F1 {own} with "
        f"{skim['skim_rate_micro']:.1%} of the words skimmed (plain {other}), one training of each, on "
        f"{study['data']['splits']['test']:,} questions of {study['data']['name']}."
    )


def layer_rates(point: Figures) -> dict[str, float]:
    """Share of the words that each layer skimmed, both directions together, by its name."""
    found: dict[str, list[float]] = {}
    for reader, rate in point["reader_skim_rates"].items():
        found.setdefault(reader.rpartition(", ")[0], []).append(rate)
    return {layer: sum(rates) / len(rates) for layer, rates in found.items()}


def _row(title: str, point: Figures, words: int, time: str) -> tuple[str, ...]:
    skims = point["skim_rate_micro"] > 0
    return (
        title,
        f"{point['metrics']['exact_match']:.1f}",
        f"{point['metrics']['f1']:.1f}",
        *(f"{rate:.1%}" if skims else "" for rate in layer_rates(point).values()),
        f"{point['cost']:.1%}",
        f"{words:,}",
        time,
    )


def _time(study: Figures, kind: str, dtype: str) -> str:
    timed = study["latency"]["contestants"].get(contestant(kind, dtype))
    return "" if timed is None else f"{timed['median_us']:,.0f} (p99 {timed['p99_us']:,.0f})"


def _notes(study: Figures) -> str:
    """How both were made, in one paragraph."""
    data, times, threshold = study["data"], study["latency"], study["threshold"]
    sizes = ", ".join(f"{count:,} {name}" for name, count in data["splits"].items())
    chosen = next(each for each in threshold["points"] if each["threshold"] == threshold["chosen"])
    tried = [f"{point['threshold']:g}" for point in threshold["points"]]
    skim = study["readers"]["skim"]
    return " ".join(
        [
            f"{data['name']}: {sizes} questions. One training of each, seed {skim['seed']}; figures are of "
            "the test questions, and nothing was chosen by them.",
            f"The threshold {threshold['chosen']:g}, of {', '.join(tried)}, was chosen on "
            f"{threshold['split']} questions: {_why(chosen, threshold)}.",
            "True cost: multiply-adds of the layers that read the contexts, next to the plain model as "
            "trained.",
            "Published are the most frequent words and numbers of 16 bits, "
            f"{skim['bytes'] / 1e6:.1f} MB instead of {skim['bytes_before'] / 1e6:.1f}.",
            *(_gap(study, dtype) for dtype in STAGES),
            f"Times: {times['what']}; {times['texts']} contexts of {times['words_per_text']:.0f} words, "
            f"medians; {study['machine']['processor']} (shared and noisy).",
            f"Command: `{study['command']}`.",
        ]
    )


def _gap(study: Figures, dtype: str) -> str:
    """What skimming costs and gains in one number format."""
    plain, skim = (study["readers"][kind]["after"][dtype] for kind in TITLES)
    ratio = times_faster(study["latency"]["contestants"], dtype)
    return (
        f"In {dtype} skimming changes F1 by {skim['metrics']['f1'] - plain['metrics']['f1']:+.1f} and is "
        f"{ratio:.1f} times as fast with {plain['cost'] / skim['cost']:.1f} times less arithmetic."
    )


def _why(chosen: Figures, threshold: Figures) -> str:
    figures = f"F1 {chosen['metrics']['f1']:.1f}, {chosen['skim_rate_micro']:.1%} of the words skimmed"
    plain, most = threshold["plain"]["metrics"]["f1"], threshold["most_lost"]
    within = f"within {most:g} of the {plain:.1f} of the plain one there"
    if chosen["metrics"]["f1"] < plain - most:
        return f"none has an F1 {within}, and this one has the best ({figures})"
    return f"of those with an F1 {within} it skims most ({figures})"
