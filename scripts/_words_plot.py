"""The figure of words_read.py: bars of reading probability by group of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _plots import INK, STYLE, save_figure

KINDS = {
    "position": "place in the text",
    "ends": "first and last words",
    "frequency": "occurrences in the training texts",
    "strength": "log-odds of the label that the word speaks for",
}
_BAR = "#7db4d8"


def plot_words(results: dict[str, Any], path: Path) -> None:
    """Draws for each kind of group the probability that a word of it is read, and the share that was.

    Args:
        results: What words_read.py measured.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        panels = figure.subplots(2, 2, sharey=True)
        for axes, (kind, label) in zip(panels.flat, KINDS.items(), strict=True):
            _draw(axes, results[kind])
            axes.set_xlabel(label)
        # All have the axis of the first.
        groups = [group for kind in KINDS for group in results[kind].values()]
        highest = max(max(group["probability"], group["read"]) for group in groups)
        panels[0, 0].set_ylim(0, 105 * highest)
        for axes in panels[:, 0]:
            axes.set_ylabel("% of words")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
        save_figure(figure, path)


def _draw(axes: Any, groups: dict[str, dict[str, float]]) -> None:
    """One kind: a bar for every group."""
    places = range(len(groups))
    axes.bar(
        places,
        [100 * group["probability"] for group in groups.values()],
        0.8,
        color=_BAR,
        label="mean probability of reading",
    )
    axes.plot(
        places,
        [100 * group["read"] for group in groups.values()],
        "o",
        color=INK,
        label="share that was read",
    )
    names = [name.replace(" to ", "\u2013") for name in groups]
    is_crowded = len(names) > 7 or max(map(len, names), default=0) > 12
    axes.set_xticks(places, names, fontsize=8, rotation=30 if is_crowded else 0)
    axes.spines[["top", "right"]].set_visible(False)
