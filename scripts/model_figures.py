"""Draws the figures of the reproduced models from their study files, and keeps the numbers beside each.

    python scripts/model_figures.py

For every model that docs/results has a study file of: accuracy against true cost and time over thresholds,
and every seed with and without a warm start; over all models gain in time against gain in arithmetic. They go
to docs/results/figures. The reproduce scripts do the same when they take results over (--render).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from _figures_plots import plot_cost, plot_gains, plot_stability
from _figures_points import gains, model_points
from _figures_report import FOLDER, GAIN
from _report_latency import load

from skim_hf.results import write_json

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
COMMAND = "python scripts/model_figures.py"
PUBLISHED = "published.json"


def main() -> None:
    """Draws all figures anew."""
    for path in draw_all(RESULTS):
        print(f"Drawn in {path}")


def draw_all(results: Path) -> list[Path]:
    """Writes numbers and figures of every model with a study file.

    Args:
        results: Holds the study files and, of the names of all models, `published.json`.

    Returns:
        The figures; without matplotlib none.
    """
    models = load(results / PUBLISHED)["models"]
    paths = {model: results / f"{model}.json" for model in models}
    studies = {model: load(path) for model, path in paths.items() if path.exists()}
    folder, drawn = results / FOLDER, []
    for model, study in studies.items():
        found = {"what": f"figures of {model}", "drawn_by": COMMAND, **model_points(study)}
        write_json(folder / f"{model}.json", found)
        drawn += _draw(plot_cost, found, folder / f"{model}_cost.png")
        if found["stability"]["readers"]:
            drawn += _draw(plot_stability, found, folder / f"{model}_stability.png")
    gained = all_gains(studies)
    if gained["models"]:
        write_json(folder / GAIN, gained)
        drawn += _draw(plot_gains, gained["models"], (folder / GAIN).with_suffix(".png"))
    return drawn


def all_gains(studies: dict[str, Any]) -> dict[str, Any]:
    """Gain in time against gain in arithmetic, of every model that was published and timed."""
    found = {model: gains(study) for model, study in studies.items()}
    return {
        "what": "times less arithmetic and times faster than the plain model of equal width: `at` over "
        "thresholds on validation texts, `published` on test texts",
        "drawn_by": COMMAND,
        "models": {
            model: {
                "command": studies[model]["command"],
                "machine": studies[model]["machine"],
                "seed": studies[model]["published"]["skim"]["seed"],
                **gained,
            }
            for model, gained in found.items()
            if gained is not None
        },
    }


def _draw(plot: Callable[[Any, Path], None], found: Any, path: Path) -> list[Path]:
    """The figure that was drawn, if matplotlib is there."""
    try:
        plot(found, path)
    except ImportError:
        print("(No figures: they need matplotlib, which the extra `plots` installs.)")
        return []
    return [path]


if __name__ == "__main__":
    main()
