"""Takes the finished results of a reproduce script over into the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import model_figures
import render_results

from skim_hf.hub import write_card
from skim_hf.hub.card import CARD_NAME

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
CARDS = ROOT / "model_cards"


def model_names(model: str) -> dict[str, str]:
    """Names of the published folders by kind, such as `plain-lstm-imdb` beside `skim-lstm-imdb`."""
    return {"plain": f"plain-{model.removeprefix('skim-')}", "skim": model}


def take_over(model: str, study: Path, published: Path) -> None:
    """Copies the figures of a study to those of the documents, and its folders to the published models.

    Args:
        model: Name of the skimming model.
        study: The JSON file of its figures.
        published: Where its folders are; those that are not there stay as they are.

    Raises:
        SystemExit: There is no such file.
    """
    if not study.exists():
        raise SystemExit(f"There is no {study}: run the script without --render first.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(study, RESULTS / f"{model}.json")
    for name in model_names(model).values():
        if not (published / name).is_dir():
            continue
        card = CARDS / name / CARD_NAME
        old = card.read_bytes() if card.exists() else None
        shutil.rmtree(CARDS / name, ignore_errors=True)
        shutil.copytree(published / name, CARDS / name)
        if old is not None:
            # Of an older model nothing stays but what somebody wrote into its card.
            card.write_bytes(old)
            write_card(CARDS / name)
    model_figures.draw_all(RESULTS)
    render_results.main()
    print(
        f"Taken over: {RESULTS / model}.json, of those published the folders in {CARDS}, and into "
        f"{render_results.DOCUMENT}."
    )
