"""The figure of bench_training.py, and how all figures look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_BARS = {
    "loop": ("step by step", "#b9bfc7"),
    "skim_torch": ("fused, PyTorch", "#7db4d8"),
    "skim_triton": ("fused, Triton", "#1f5a8f"),
    "skim_native": ("fused, C", "#1f5a8f"),
}
INK = "#30363d"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "skim_hf",
}
_LOGARITHMIC_ABOVE = 10.0


def plot_training(results: dict[str, Any], path: Path) -> None:
    """Draws how long a forward and backward pass of a Skim-LSTM takes, relative to `torch.nn.LSTM`.

    Args:
        results: What bench_training.py measured.
        path: Of the file; its ending names the format.

    Raises:
        ImportError: matplotlib, which the extra `plots` installs, is not there.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings = results["settings"]
    names = [name for name in _BARS if any(name in setting["contestants"] for setting in settings)]
    with matplotlib.rc_context(STYLE):
        height = 1.1 + len(settings) * (0.1 + 0.27 * len(names))
        figure = Figure(figsize=(7.5, height), layout="constrained")
        axes = figure.add_subplot()
        thickness = 0.84 / len(names)
        for row, name in enumerate(names):
            _draw_bars(axes, settings, name, (row - (len(names) - 1) / 2) * thickness, 0.88 * thickness)
        _draw_axes(axes, results)
        figure.legend(loc="outside upper left", ncols=len(names) + 1, frameon=False, handlelength=1.2)
        save_figure(figure, path)


def save_figure(figure: Any, path: Path) -> None:
    """Writes a figure; its ending names the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # White, because a page may be dark; without a date, because the same results are the same file.
    fixed = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, facecolor="white", metadata=fixed, dpi=150)


def _draw_bars(axes: Any, settings: list[dict[str, Any]], name: str, offset: float, thickness: float) -> None:
    """The bars of one contestant, one per setting, each with its numbers behind it."""
    measured = {
        at: setting["contestants"][name]["forward_backward"]
        for at, setting in enumerate(settings)
        # One that could not run a setting leaves a gap.
        if name in setting["contestants"]
    }
    places, ratios = [at + offset for at in measured], [times["ratio"] for times in measured.values()]
    label, colour = _BARS[name]
    axes.barh(places, ratios, thickness, color=colour, label=label)
    for place, times in zip(places, measured.values(), strict=True):
        text = f"{times['ratio']:.2f}\u00d7   {_milliseconds(times['median_ms'])}"
        # Behind the line of torch.nn.LSTM, which would cross it out.
        at = (max(times["ratio"], 1), place)
        axes.annotate(text, at, (5, 0), textcoords="offset points", va="center", fontsize=9)


def _draw_axes(axes: Any, results: dict[str, Any]) -> None:
    """Scale, names of the settings, and the line of `torch.nn.LSTM`."""
    settings = results["settings"]
    axes.axvline(1, color=INK, linestyle=":", linewidth=1.4, label="torch.nn.LSTM")
    longest = max(bar.get_width() for bar in axes.patches)
    # Limits with room for the numbers behind the bars.
    if longest > _LOGARITHMIC_ABOVE:
        axes.set_xscale("log")
        axes.set_xlim(0.1, 3 * longest)
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.set_xlim(0, 1.25 * max(longest, 1))
    axes.set_yticks(
        range(len(settings)),
        [f"{s['batch']} \u00d7 {s['length']} tokens\nd = {s['width']}" for s in settings],
    )
    axes.invert_yaxis()
    axes.set_xlabel(
        f"forward and backward of a Skim-LSTM (d' = {settings[0]['skim_size']}), torch.nn.LSTM = 1\n"
        f"{_machine(results)}, {results['dtype']}"
    )
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _machine(results: dict[str, Any]) -> str:
    if results["device"] != "cpu":
        return str(results["device"])
    threads = results["threads"]
    return f"{results['machine']['processor']}, {threads} {'thread' if threads == 1 else 'threads'}"
