"""`skim-hf card`: the model card, from result files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skim_hf.cli.examples import help_text
from skim_hf.cli.output import write_lines

CARD_HELP = help_text(
    "Write a model's card from its results.",
    "skim-hf card outputs/my-model --repo org/name",
    "skim-hf card outputs/my-model --stdout | less",
    note="The card is the folder's README.md. Its numbers come from results.json, which training, evaluate "
    "and bench fill. What you wrote between its two marks stays.",
)

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder of a saved model.", show_default=False)
]


def card(
    folder: FolderArgument,
    repo: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="Where the model will be on the Hub.")
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the card and write nothing.")] = False,
) -> None:
    """Writes a card.

    Args:
        folder: A saved model.
        repo: Its id on the Hub.
        stdout: Whether to print the card instead.
    """
    from skim_hf.hub.card import render_card, write_card

    if stdout:
        write_lines([str(render_card(folder, repo_id=repo)).rstrip("\n")])
    else:
        typer.echo(f"Wrote {write_card(folder, repo_id=repo)}", err=True)
