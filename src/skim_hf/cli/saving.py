"""Figures that a command measured, kept beside the model's others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

ResultsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also keep the figures in this result file, as a rule FOLDER/results.json; others stay.",
        show_default=False,
    ),
]


def keep_block(path: Path, folder: Path, **blocks: Any) -> None:
    """Puts blocks into a result file, which is made if there is none.

    Args:
        path: The file.
        folder: The model that was measured.
        **blocks: By name, as `ModelResults` has them.

    Raises:
        ValueError: A damaged result file, which is left alone.
    """
    from skim_hf.results import ModelResults

    kept = fresh = ModelResults.of(folder)
    if path.exists():
        found = ModelResults.load(path)
        if found.weights == fresh.weights:
            kept = replace(found, model={**found.model, **fresh.model})
        else:
            typer.echo(f"What {path} held belongs to other weights and is replaced.", err=True)
    saved = replace(kept, **blocks).save(path)
    typer.echo(f"Wrote {saved}", err=True)
