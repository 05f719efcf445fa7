"""How docs/results.md shows the figures of reproduced models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _report_latency import load

FOLDER = "figures"
GAIN = "gain.json"
NOTHING = "Not measured yet."

Figures = dict[str, Any]


def render_figures(results: Path, model: str) -> str:
    """Markdown of the figures of one model.

    Args:
        results: The folder of the study files, beside the document.
        model: Its name.
    """
    path = results / FOLDER / f"{model}.json"
    if not path.exists():
        return NOTHING
    found, place = load(path), f"{results.name}/{FOLDER}/{model}"
    parts = [f"![Accuracy against true cost and against time]({place}_cost.png)", _cost_note(found, place)]
    if found["stability"]["readers"]:
        parts += [f"![Accuracy and skim rate of every seed]({place}_stability.png)", _stability_note(found)]
    return "\n\n".join(parts)


def _cost_note(found: Figures, place: str) -> str:
    cost = found["cost"]
    untimed = [point["title"] for point in cost["points"] if point["us"] is None]
    note = (
        f"A model's bar goes from its lowest to its highest seed ({len(found['seeds'])} in all), on "
        f"{found['data']['splits'][cost['split']]:,} {cost['split']} texts; dotted, what has no "
        f"multiply-adds to count. Numbers: [{found['model']}.json]({place}.json)."
    )
    return f"{note} Not timed: {', '.join(untimed)}." if untimed else note


def _stability_note(found: Figures) -> str:
    """How far apart the seeds are."""
    said = []
    for reader in found["stability"]["readers"].values():
        spans = {}
        for key in ("accuracy", "skim_rate"):
            shares = [run[key] for run in reader["runs"]]
            spans[key] = f"{min(shares):.1%} to {max(shares):.1%}"
        said.append(f"{reader['title']}: accuracy {spans['accuracy']}, skimmed {spans['skim_rate']}")
    return "; ".join(said) + "."


def render_gain(results: Path) -> str:
    """Markdown of the figure over all models."""
    path = results / FOLDER / GAIN
    if not path.exists():
        return NOTHING
    place = f"{results.name}/{FOLDER}/{GAIN.removesuffix('.json')}"
    said = [
        f"{model} is {at['time']:.1f} times faster with {at['arithmetic']:.1f} times less arithmetic"
        for model, found in load(path)["models"].items()
        for dtype, at in found["published"].items()
        if dtype == "float32"
    ]
    return (
        f"![Gain in time against gain in arithmetic]({place}.png)\n\n{'; '.join(said)} (float32, test texts, "
        "one core). On the dotted diagonal all of the saved arithmetic is saved time. Numbers: "
        f"[gain.json]({place}.json)."
    )


def words_name(model: str) -> str:
    """What the numbers on the words of a model are called."""
    return f"{model}_words.json"


def render_words(results: Path, model: str) -> str:
    """Markdown of which words one model reads.

    Args:
        results: The folder of the study files, beside the document.
        model: Its name.
    """
    path = results / FOLDER / words_name(model)
    if not path.exists():
        return NOTHING
    found, place = load(path), f"{results.name}/{FOLDER}/{words_name(model).removesuffix('.json')}"
    data = found["data"]
    note = (
        f"Of {data['texts']:,} {data['split']} texts, at threshold {found['threshold']:g}; frequency and "
        f"log-odds of words (those in at least {found['fewest_texts']} texts) in {found['training_texts']:,} "
        "training texts. "
        f"Numbers: [{path.name}]({place}.json). Command: `{found['command']}`."
    )
    examples = [
        f"- {each['label']}, predicted {each['predicted']}: {each['read']}" for each in found["examples"]
    ]
    parts = [f"![Where words are read]({place}.png)", note, _word_table(found), "\n".join(examples)]
    return "\n\n".join(filter(None, parts))


def _word_table(found: Figures) -> str:
    """The frequent words that are read most and least often; empty without any."""
    most, least = found["frequent"]["read"], found["frequent"]["skimmed"]
    if not most:
        return ""
    rows = [
        f"| {_cell(one['word'])} | {one['read']:.0%} | {_cell(other['word'])} | {other['read']:.0%} |"
        for one, other in zip(most, least, strict=True)
    ]
    head = ["| read most often | read | read least often | read |", "| --- | ---: | --- | ---: |"]
    return "\n".join([*head, *rows])


def _cell(word: str) -> str:
    """A word as a cell can hold it."""
    return f"`{word}`".replace("|", "\\|")
