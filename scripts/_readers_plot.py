"""The figure of compare_readers.py: accuracy against true cost, and against time."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from _plots import INK, STYLE, save_figure

_READER, _CONTROL, _PLAIN = "#1f5a8f", "#b0792b", "#30363d"
# Where nothing is multiplied: a place left of everything else on an axis that has no zero.
_NOTHING = 0.5


def plot_readers(results: dict[str, Any], path: Path) -> None:
    """Draws every reader as a mean over seeds, with the lowest and the highest of them.

    Args:
        results: What compare_readers.py measured.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    panels = (
        ("true cost, plain LSTM = 100 %", ("test", "cost"), 100.0),
        ("µs per text, native, float32", ("latency", "float32", "median_us"), 1.0),
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, (label, keys, factor) in zip((left, right), panels, strict=True):
            for number, (name, reader) in enumerate(results["readers"].items(), 1):
                _draw_reader(axes, number, name, reader, keys, factor)
            axes.set_xscale("log")
            axes.set_xlabel(label)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(lambda place, _: "0" if place <= _NOTHING else f"{place:g}")
            axes.minorticks_off()
            axes.margins(x=0.12)
            axes.spines[["top", "right"]].set_visible(False)
        left.set_ylabel("test accuracy, %")
        titles = [
            f"{number} {reader['title']}" for number, reader in enumerate(results["readers"].values(), 1)
        ]
        figure.legend(
            handles=[_handle(title) for title in titles],
            loc="outside lower center",
            ncols=4,
            frameon=False,
            handlelength=0,
            fontsize=9,
        )
        save_figure(figure, path)


def _draw_reader(
    axes: Any, number: int, name: str, reader: dict[str, Any], keys: tuple[str, ...], factor: float
) -> None:
    """One reader: its number at the mean, and lines from the lowest to the highest seed."""
    points = [
        (factor * place, 100.0 * run["test"]["accuracy"])
        for run in reader["runs"]
        if (place := _value(run, keys)) is not None
    ]
    if not points:
        return
    across, up = ([point[axis] for point in points] for axis in (0, 1))
    across = [max(place, _NOTHING) for place in across]
    middle = (statistics.fmean(across), statistics.fmean(up))
    colour = _PLAIN if name == "plain" else _CONTROL if _is_control(reader, name) else _READER
    axes.plot([min(across), max(across)], [middle[1]] * 2, color=colour, linewidth=1)
    axes.plot([middle[0]] * 2, [min(up), max(up)], color=colour, linewidth=1)
    axes.plot(*middle, marker="o", markersize=4, color=colour)
    axes.annotate(
        str(number), middle, (4, 3), textcoords="offset points", color=colour, fontsize=9, fontweight="bold"
    )


def _value(run: dict[str, Any], keys: tuple[str, ...]) -> Any:
    found: Any = run
    for key in keys:
        found = found.get(key) if found is not None else None
    return found


def _is_control(reader: dict[str, Any], name: str) -> bool:
    return reader["like"] is not None or name in ("mean", "max")


def _handle(title: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=INK, linestyle="none", label=title)
