"""The figures of question_curve.py: F1 against true cost, and what every layer skims in each direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _plots import INK, STYLE, save_figure

FORMATS = ("svg", "png")

_COLOURS = ("#1f5a8f", "#b0792b", "#4d8f5a", "#8a4f9e", "#3f95c4", "#c4553f")
_FORWARD, _BACKWARD = "#1f5a8f", "#7db4d8"


def draw_all(results: dict[str, Any], folder: Path, stem: str, formats: Sequence[str] = FORMATS) -> None:
    """Draws both figures, or says why not; the ends of their names are _cost and _layers.

    Args:
        results: What question_curve.py measured.
        folder: Where to.
        stem: The beginning of their names.
        formats: Each in all of these.
    """
    plots = {"cost": plot_cost, **({"layers": plot_layers} if skimming(results) else {})}
    for name, plot in plots.items():
        for form in formats:
            path = folder / f"{stem}_{name}.{form}"
            try:
                plot(results, path)
            except ImportError:
                print("(No figures: they need matplotlib, which the extra `plots` installs.)")
                return
            print(f"Drawn in {path}")


def skimming(results: dict[str, Any]) -> dict[str, Any]:
    """The configurations that a threshold changes."""
    return {name: found for name, found in results["configurations"].items() if found["has_dial"]}


def own_point(configuration: dict[str, Any]) -> dict[str, Any]:
    """The point of a configuration at its own threshold."""
    found: dict[str, Any] = next(
        point for point in configuration["points"] if point["threshold"] == configuration["threshold"]
    )
    return found


def plot_cost(results: dict[str, Any], path: Path) -> None:
    """Draws F1 against true cost, a line over its thresholds for each configuration.

    Args:
        results: What question_curve.py measured.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.8), layout="constrained")
        axes = figure.add_subplot()
        for number, (name, found) in enumerate(results["configurations"].items()):
            colour = _COLOURS[number % len(_COLOURS)]
            points = sorted(found["points"], key=lambda point: point["threshold"])
            across, up = ([100 * p["cost"] for p in points], [p["metrics"]["f1"] for p in points])
            axes.plot(across, up, color=colour, marker="o", markersize=3.5, linewidth=1.4, label=name)
            own = own_point(found)
            axes.plot(100 * own["cost"], own["metrics"]["f1"], color=colour, marker="o", markersize=8)
        first, data = next(iter(results["configurations"])), results["data"]
        axes.set_xlabel(
            f"true cost, {first} reading everything = 100 %\n"
            f"large: the model's own threshold; {data['questions']:,} questions of {data['name']}"
        )
        axes.set_ylabel("F1, %")
        axes.set_xlim(left=0)
        axes.margins(y=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
        save_figure(figure, path)


def plot_layers(results: dict[str, Any], path: Path) -> None:
    """Draws the share of words that every layer skims in each direction, a panel for each configuration.

    Args:
        results: What question_curve.py measured, of at least one model that skims.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure

    found = skimming(results)
    layers = {name: len(own_point(each)["reader_skim_rates"]) // 2 for name, each in found.items()}
    with matplotlib.rc_context(STYLE):
        height = 1.3 + sum(0.45 + 0.55 * count for count in layers.values())
        figure = Figure(figsize=(6.5, height), layout="constrained")
        heights = list(layers.values())
        panels = figure.subplots(len(found), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (name, configuration) in zip(panels, found.items(), strict=True):
            _draw_layers(axes, own_point(configuration)["reader_skim_rates"])
            axes.set_title(f"{name}, threshold {configuration['threshold']:g}", loc="left", fontsize=10)
        data = results["data"]
        panels[-1].set_xlabel(f"words skimmed, %; {data['questions']:,} questions of {data['name']}")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, handlelength=1.2)
        save_figure(figure, path)


def _draw_layers(axes: Any, rates: dict[str, float]) -> None:
    """Two bars for each layer, from the lowest to the top."""
    names = [name.rpartition(", ")[0] for name in rates][::2]
    shares = [100 * rate for rate in rates.values()]
    for offset, colour, label in ((-0.19, _FORWARD, "forward"), (0.19, _BACKWARD, "backward")):
        own = shares[offset > 0 :: 2]
        places = [at + offset for at in range(len(own))]
        axes.barh(places, own, 0.34, color=colour, label=label)
        for place, share in zip(places, own, strict=True):
            axes.annotate(
                f"{share:.0f}", (share, place), (4, 0), textcoords="offset points", va="center", fontsize=9
            )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
