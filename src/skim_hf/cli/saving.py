"""Figures that a command measured, kept beside the model's others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from skim_hf.results import ModelResults

ResultsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also keep the figures in this result file, as a rule FOLDER/results.json; others stay.",
        show_default=False,
    ),
]


def results_so_far(path: Path, folder: Path) -> ModelResults:
    """What a result file holds of a model; to be asked for before the time for measuring is spent.

    Args:
        path: The file, which need not be there.
        folder: The model.

    Raises:
        ValueError: A damaged result file.
    """
    from skim_hf.results import ModelResults

    fresh = ModelResults.of(folder)
    if not path.exists():
        return fresh
    found = ModelResults.load(path)
    if found.weights != fresh.weights:
        typer.echo(f"What {path} holds belongs to other weights and will be replaced.", err=True)
        return fresh
    return replace(found, model={**found.model, **fresh.model})


def save_with(results: ModelResults, path: Path, **blocks: Any) -> None:
    """Writes results with blocks that were just measured.

    Args:
        results: The others.
        path: The file.
        **blocks: By name, as `ModelResults` has them.
    """
    typer.echo(f"Wrote {replace(results, **blocks).save(path)}", err=True)
