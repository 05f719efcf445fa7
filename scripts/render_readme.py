"""Writes the tables of README.md, and the quickstart model's card, from the committed result files.

python scripts/render_readme.py                 # after a new result file
python scripts/render_readme.py --take outputs  # takes over the result files of a folder first
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from _cli_examples import render_examples
from _marks import replace_between
from _question_report import render_summary
from _report import render_example, render_headline, render_table, render_training
from _report_latency import render_gain, render_texts, render_tokens
from _report_models import render_models

from skim_hf.hub.card import CARD_NAME, make_card
from skim_hf.results import RESULTS_NAME, ModelResults
from skim_hf.runtime import ModelFolder, RuntimeConfig

ROOT = Path(__file__).resolve().parent.parent
# The model that the quickstart trains; its folder holds what else the quickstart leaves behind.
MODEL_NAME = "skim-lstm-imdb"
RESULTS = ROOT / "docs" / "results" / "quickstart"
QUICKSTART, LATENCY = RESULTS / "quickstart.json", RESULTS / "bench_latency.json"
MODEL, CONFIG = RESULTS / RESULTS_NAME, RESULTS / ModelFolder.CONFIG
CARD = RESULTS / CARD_NAME
COMMANDS = RESULTS / "cli.json"
TRAINING = ROOT / "docs" / "results" / "bench_training.json"
FIGURE = TRAINING.with_name("training.svg")
GAIN = TRAINING.with_name("bench_gain.json")
GAIN_FIGURE = TRAINING.with_name("gain.svg")
QUESTIONS = TRAINING.with_name("questions.json")
README = ROOT / "README.md"


def main() -> None:
    """Renders the README and the card in place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--take", type=Path, help="folder of result files to copy first")
    options = parser.parse_args()
    if options.take is not None:
        take(options.take)
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")
    CARD.write_text(render_model_card(), encoding="utf-8")


def take(folder: Path) -> None:
    """Copies those result files that a folder has to where they are committed."""
    files = (QUICKSTART, COMMANDS, LATENCY, TRAINING, FIGURE, GAIN, GAIN_FIGURE)
    places = {path: folder / path.name for path in files}
    places |= {path: folder / MODEL_NAME / path.name for path in (MODEL, CONFIG)}
    found = {path: place for path, place in places.items() if place.exists()}
    if not found:
        raise SystemExit(f"{folder} has none of the result files: run quickstart.sh or a benchmark first.")
    for path, place in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, path)


def render(text: str) -> str:
    """The README with its marked parts taken from the result files."""
    parts = {
        "headline": render_headline(MODEL, LATENCY),
        "quickstart": render_table(QUICKSTART, MODEL),
        "example": render_example(MODEL),
        "commands": render_examples(COMMANDS),
        "texts": render_texts(LATENCY),
        "tokens": render_tokens(LATENCY),
        "gain": render_gain(GAIN, GAIN_FIGURE.relative_to(ROOT)),
        "training": render_training(TRAINING, FIGURE.relative_to(ROOT)),
        "models": render_models(TRAINING.parent),
        "questions": render_summary(json.loads(QUESTIONS.read_text(encoding="utf-8"))),
    }
    for name, part in parts.items():
        text = replace_between(text, f"<!-- {name}:start -->", f"<!-- {name}:end -->", part)
    return text


def render_model_card() -> str:
    """The card of the quickstart's skimming model, as it lies in the model's folder."""
    return str(make_card(ModelResults.load(MODEL), RuntimeConfig.load(CONFIG), name=MODEL_NAME))


if __name__ == "__main__":
    main()
