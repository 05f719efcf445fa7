"""The figure of bench_gain.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _plots import INK, STYLE, save_figure

# Colours by skim rate, from dark to light as less is skimmed.
_COLOURS = {0.99: "#1f5a8f", 0.9: "#3f95c4", 0.5: "#8f99a3"}


def plot_gain(results: dict[str, Any], path: Path) -> None:
    """Draws gain against size: solid what was timed, dashed what was counted, dotted the paper's formula.

    Args:
        results: What bench_gain.py measured.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    dtypes = list(dict.fromkeys(point["dtype"] for point in results["points"]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(6.5, 4.2 * len(dtypes) + 0.6), 4.6), layout="constrained")
        panels = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
        for axes, dtype in zip(panels, dtypes, strict=True):
            _draw_panel(axes, [point for point in results["points"] if point["dtype"] == dtype])
            axes.set_title(dtype, loc="left", fontsize=10)
        panels[0].set_ylabel("plain LSTM / Skim-LSTM")
        styles = (("-", "timed"), ("--", "multiply-adds executed"), (":", "paper's formula"))
        handles = [Line2D([], [], color=INK, linestyle=style, label=label) for style, label in styles]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
        figure.supxlabel(
            f"hidden size d; the small cell has d' = d / 10\n"
            f"{results['backend']} backend, {results['machine']['processor']}, one core",
            fontsize=10,
        )
        save_figure(figure, path)


def _draw_panel(axes: Any, points: list[dict[str, Any]]) -> None:
    """One dtype: three lines for every skim rate, named where the timed one ends."""
    for rate, colour in _COLOURS.items():
        line = [point for point in points if point["wanted_skim_rate"] == rate]
        if not line:
            continue
        sizes = [point["hidden_size"] for point in line]
        kinds = (("actual_gain", "-", "o"), ("macs_gain", "--", ""), ("paper_gain", ":", ""))
        for key, style, marker in kinds:
            gains = [point[key] for point in line]
            axes.plot(sizes, gains, linestyle=style, marker=marker, markersize=4, color=colour)
        end = (sizes[-1], line[-1]["actual_gain"])
        axes.annotate(f"{rate:.0%}", end, (6, 0), textcoords="offset points", va="center", color=colour)
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_yticks(
        [1, 2, 5, 10, 20, 50], ["1\u00d7", "2\u00d7", "5\u00d7", "10\u00d7", "20\u00d7", "50\u00d7"]
    )
    axes.minorticks_off()
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
