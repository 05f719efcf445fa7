"""Gives every published folder the code that it would be pushed with now, and its card anew.

    python scripts/refresh_cards.py

Published folders carry copies of the files that travel with a model; run this after a change of those, or of
what a card says. Weights, results and what somebody wrote into a card stay.
"""

from __future__ import annotations

from pathlib import Path

from _reproduce_publish import fill
from _reproduce_render import CARDS


def refresh(cards: Path) -> list[str]:
    """Refreshes the folders of models in a folder; their names."""
    folders = sorted(path.parent for path in cards.glob("*/config.json"))
    for folder in folders:
        for path in folder.glob("*_skim_rnn.py"):
            # A folder's own code would be kept; what it lacks comes from the package.
            path.unlink()
        fill(folder)
    return [folder.name for folder in folders]


if __name__ == "__main__":
    print("Refreshed:", ", ".join(refresh(CARDS)) or "nothing, because nothing is published")
