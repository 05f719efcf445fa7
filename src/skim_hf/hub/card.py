"""The card of a model: its README.md on the Hub, with numbers from its result file and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from huggingface_hub.utils import validate_repo_id

from skim_hf._optional import require
from skim_hf.hub.card_data import card_data
from skim_hf.hub.card_formats import FILTERS
from skim_hf.hub.card_policies import describe_dial, describe_reading, is_adaptive, marked
from skim_hf.hub.card_rows import (
    curve_rows,
    figure_rows,
    note_on_dense,
    note_on_time,
    notes_on_curve,
    notes_on_figures,
    recipe_rows,
)
from skim_hf.hub.card_text import (
    data_name,
    describe_training,
    highlighted,
    origins,
    own_labels,
    summary,
)
from skim_hf.results.files import RESULTS_NAME, ModelResults, write_text
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.folder import ModelFolder

CARD_NAME = "README.md"
"""What the Hub shows as a model's card."""

TEMPLATE = Path(__file__).with_name("card_template.md")

OWN_START = "<!-- own words: what stands between these two marks is kept when the card is written again -->"
OWN_END = "<!-- end of own words -->"

# What the Trainer of transformers writes into every card of its own.
_GENERATED = "This model card has been generated automatically according to the information the Trainer"


def render_card(
    folder: str | os.PathLike[str], *, repo_id: str | None = None, results: ModelResults | None = None
) -> ModelCard:
    """Renders the card of a saved model.

    Own words in the folder's present card are kept; see `write_card`.

    Args:
        folder: A saved model with its `results.json`.
        repo_id: Where it will be on the Hub, as `owner/name`; None names the folder in its examples.
        results: Its results; those in the folder if None.

    Returns:
        The card, whose metadata let the Hub show the numbers.

    Raises:
        FileNotFoundError: No saved model, or one that lacks a file.
        ImportError: The extra `hub` is not installed.
        ValueError: No results, results of other weights, or a name that no model on the Hub can have.
    """
    root = Path(folder)
    if repo_id is not None:
        validate_repo_id(repo_id)
    model = ModelFolder(root)
    if results is None:
        results = _results_of(root)
    results.check_weights(root)
    name = repo_id.rpartition("/")[2] if repo_id else root.resolve().name
    return make_card(
        results, RuntimeConfig.load(model.config), name=name, repo_id=repo_id, own_words=_own_words(root)
    )


def write_card(folder: str | os.PathLike[str], *, repo_id: str | None = None) -> Path:
    """Writes the card of a saved model into its folder, as README.md.

    An older card of ours, or one that a Trainer generated, is replaced. What users wrote between the two
    marks at the end of ours is kept. A README.md of another origin is never touched.

    Args:
        folder: A saved model with its `results.json`.
        repo_id: Where it will be on the Hub, as `owner/name`; None names the folder in its examples.

    Returns:
        The file.

    Raises:
        FileNotFoundError: No saved model, or one that lacks a file.
        ImportError: The extra `hub` is not installed.
        ValueError: As `render_card`, or a README.md that was written by hand.
    """
    card = render_card(folder, repo_id=repo_id)
    check_replaceable(folder)
    path = Path(folder, CARD_NAME)
    write_text(path, str(card))
    return path


def check_replaceable(folder: str | os.PathLike[str]) -> None:
    """Refuses a README.md of a folder that was written by hand, which the card would take the place of.

    Raises:
        ValueError: There is one.
    """
    path = Path(folder, CARD_NAME)
    present = path.read_text(encoding="utf-8") if path.exists() else OWN_START
    if OWN_START not in present and _GENERATED not in present:
        raise ValueError(
            f"{path} was not made by skim-hf, and would be lost. Move it away, write the card, and put what "
            f"is to stay of it between the two marks at the card's end."
        )


def make_card(
    results: ModelResults,
    config: RuntimeConfig,
    *,
    name: str,
    repo_id: str | None = None,
    own_words: str = "",
) -> ModelCard:
    """Renders a card from results and configuration alone; see `render_card`, which reads and checks them.

    Args:
        results: Of the model; blocks that are missing leave their sections out.
        config: Of the model.
        name: Title of the card.
        repo_id: What the examples load; the name if None.
        own_words: Markdown to end the card with.

    Raises:
        ImportError: The extra `hub` is not installed.
        ValueError: Results without a single figure.
    """
    if not (results.training or results.evaluation or results.latency or results.example or results.answer):
        raise ValueError(
            f"A card needs results, and {RESULTS_NAME} holds none but the size of the model. Measure it with "
            "`skim-hf evaluate --results`."
        )
    jinja2 = require("jinja2", "hub")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(FILTERS)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(
        metadata=card_data(results, config, name).to_yaml(),
        name=name,
        source=repo_id or name,
        is_folder=repo_id is None,
        config=config,
        results=results,
        own_start=OWN_START,
        own_words=own_words,
        own_end=OWN_END,
        **_parts(results, config),
    )
    return ModelCard(text)


def _parts(results: ModelResults, config: RuntimeConfig) -> dict[str, Any]:
    """What the template puts into order: sentences and rows, empty or None where nothing is known."""
    return {
        "summary": summary(results, config),
        "reading": describe_reading(config),
        "adaptive": is_adaptive(config),
        "note_on_time": note_on_time(results, config),
        "dial": describe_dial(config),
        "marked": marked(config),
        "highlighted": highlighted(results),
        "figures": figure_rows(results, config),
        "notes_on_figures": notes_on_figures(results, config),
        "curve": curve_rows(results, config),
        "notes_on_curve": notes_on_curve(results, config),
        "note_on_dense": note_on_dense(results),
        "training": describe_training(results.training, config) if results.training else None,
        "recipe": recipe_rows(results),
        "labels": own_labels(config),
        "data_name": data_name(results),
        "origins": origins(results),
    }


def _own_words(folder: Path) -> str:
    """What users wrote between the marks of the folder's present card; empty if there is nothing."""
    path = folder / CARD_NAME
    if not path.exists():
        return ""
    _, _, rest = path.read_text(encoding="utf-8").partition(OWN_START)
    return rest.partition(OWN_END)[0].strip()


def _results_of(folder: Path) -> ModelResults:
    try:
        return ModelResults.load(folder)
    except FileNotFoundError as error:
        raise ValueError(
            f"A card needs results: {folder} has no {RESULTS_NAME}. Measure the model with "
            "`skim-hf evaluate --results`, or save the results of its training there."
        ) from error
