"""The figures of reproduced models: accuracy against cost and time, gains, and stability over seeds."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from _plots import INK, STYLE, save_figure

_COLOURS = ("#1f5a8f", "#b0792b", "#4d8f5a", "#8a4f9e", "#3f95c4", "#c4553f")
_SKIM, _OTHER, _PAPER = _COLOURS[0], _COLOURS[1], _COLOURS[3]
_MARKERS = "osD^vPX*<>hd"


def plot_cost(found: dict[str, Any], path: Path) -> None:
    """Draws accuracy against true cost and against time.

    Args:
        found: What `model_points` gives.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    texts = found["data"]["splits"][found["cost"]["split"]]
    panels = (
        ("cost", 100.0, "true cost, reading everything = 100 %"),
        ("us", 1.0, "µs per text, native, float32"),
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        both = figure.subplots(1, 2, sharey=True)
        for axes, (key, factor, label) in zip(both, panels, strict=True):
            _draw_lines(axes, found["cost"]["lines"], key, factor)
            for number, point in enumerate(found["cost"]["points"]):
                _draw_point(axes, point, key, factor, _MARKERS[number % len(_MARKERS)])
            axes.set_xlabel(label)
            axes.margins(0.08)
            axes.spines[["top", "right"]].set_visible(False)
        both[1].set_xscale("log")
        both[1].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        both[1].xaxis.set_major_formatter("{x:g}")
        both[1].minorticks_off()
        both[0].set_ylabel(f"accuracy, %; {texts:,} {found['cost']['split']} texts")
        figure.legend(*_handles(*both), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
        save_figure(figure, path)


def _draw_lines(axes: Any, lines: list[dict[str, Any]], key: str, factor: float) -> None:
    """The published seed over thresholds, and thin the others."""
    named: set[bool] = set()
    for line in lines:
        across = [factor * point[key] for point in line["at"]]
        up = [100 * point["accuracy"] for point in line["at"]]
        is_published = line["is_published"]
        label = "Skim-LSTM over thresholds, " + ("published seed" if is_published else "other seeds")
        style = {"linewidth": 1.8, "marker": "o", "markersize": 4} if is_published else {"linewidth": 0.7}
        axes.plot(across, up, color=_SKIM, label=label if is_published not in named else None, **style)
        named.add(is_published)


def _draw_point(axes: Any, point: dict[str, Any], key: str, factor: float, marker: str) -> None:
    """One model; a line across where it has no place on the axis."""
    height, colour = 100 * point["accuracy"], _PAPER if point["name"].startswith("paper") else _OTHER
    if point[key] is None:
        if key == "cost":
            # Its mark is named where it has one.
            label = point["title"] if point["us"] is None else None
            axes.axhline(height, color=colour, linestyle=":", linewidth=1, label=label)
        return
    spread = [[height - 100 * point["lowest"]], [100 * point["highest"] - height]]
    axes.errorbar(
        factor * point[key],
        height,
        spread,
        color=colour,
        marker=marker,
        markersize=6,
        linestyle="none",
        linewidth=0.8,
        label=point["title"],
    )


def _handles(*panels: Any) -> tuple[list[Any], list[str]]:
    """Handles of a legend for several panels, each name once."""
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    return list(named.values()), list(named)


def plot_stability(found: dict[str, Any], path: Path) -> None:
    """Draws accuracy and skim rate of every seed, with and without a warm start.

    Args:
        found: What `model_points` gives.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure

    stability = found["stability"]
    readers, split = list(stability["readers"].values()), stability["split"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 1.3 + 0.6 * len(readers)), layout="constrained")
        both = figure.subplots(1, 2, sharey=True)
        labels = (f"accuracy, %; {found['data']['splits'][split]:,} {split} texts", "words skimmed, %")
        for axes, key, label in zip(both, ("accuracy", "skim_rate"), labels, strict=True):
            for row, reader in enumerate(readers):
                shares = [100 * run[key] for run in reader["runs"]]
                axes.plot(shares, [row] * len(shares), "o", color=_COLOURS[row], markersize=6, alpha=0.6)
                axes.plot(statistics.fmean(shares), row, "|", color=INK, markersize=22)
            axes.set_yticks(range(len(readers)), [reader["title"] for reader in readers])
            axes.set_ylim(len(readers) - 0.5, -0.5)
            axes.set_xlabel(label)
            axes.margins(x=0.12)
            axes.tick_params(axis="y", length=0)
            axes.spines[["top", "right", "left"]].set_visible(False)
        save_figure(figure, path)


def plot_gains(models: dict[str, Any], path: Path) -> None:
    """Draws gain in time against gain in arithmetic; on the diagonal all of it is realised.

    Args:
        models: What `gains` gives, by name of the model.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 5.6), layout="constrained")
        axes = figure.add_subplot()
        ends = [1.0]
        for number, (name, found) in enumerate(models.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            across, up = ([point[key] for point in found["at"]] for key in ("arithmetic", "time"))
            axes.plot(across, up, color=colour, marker="o", markersize=3.5, linewidth=1.4, label=name)
            for marker, (_, point) in zip("os", found["published"].items(), strict=False):
                place = (point["arithmetic"], point["time"])
                axes.plot(*place, marker, markersize=9, markerfacecolor="none", color=colour)
                ends.append(max(place))
            ends += [*across, *up]
        axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color=INK, linestyle=":", linewidth=1)
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("times less arithmetic than the plain LSTM\n(line: float32 over thresholds)")
        axes.set_ylabel("times faster than the plain LSTM")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}\u00d7")
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        for marker, label in (("o", "as published, float32"), ("s", "as published, int8")):
            handles.append(
                Line2D([], [], color=INK, marker=marker, markersize=9, linestyle="none", mfc="none")
            )
            labels.append(label)
        figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=9)
        save_figure(figure, path)
