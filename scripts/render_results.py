"""Writes the tables of docs/results.md from the study files in docs/results.

    python scripts/render_results.py

The study files come from the reproduce scripts, which call this when they take results over (--render).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _figures_report import render_figures, render_gain, render_words
from _marks import replace_between
from _results_questions import READER, render_readers
from _results_report import render_shortfalls, render_study
from _tried import LOG, load_log, render_tried

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "results.md"
RESULTS = ROOT / "docs" / "results"
PUBLISHED = "published.json"


def main() -> None:
    """Renders the document in place."""
    DOCUMENT.write_text(render_document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def render_document(text: str) -> str:
    """The document with the figures of every model between its marks."""
    sources, tried = load(RESULTS / PUBLISHED), load_log(RESULTS / LOG.name)
    for model, published in sources["models"].items():
        study = load_study(model)
        parts = {
            "table": render_study(study, published, sources),
            "shortfalls": render_shortfalls(study, published),
            "tried": render_tried(tried, model),
            "figures": render_figures(RESULTS, model),
            "words": render_words(RESULTS, model),
        }
        for part, content in parts.items():
            text = replace_between(
                text, f"<!-- {model} {part}:start -->", f"<!-- {model} {part}:end -->", content
            )
    text = replace_between(text, "<!-- gain:start -->", "<!-- gain:end -->", render_gain(RESULTS))
    table = render_readers(load_study(READER))
    return replace_between(text, f"<!-- {READER} table:start -->", f"<!-- {READER} table:end -->", table)


def load_study(model: str) -> dict[str, Any] | None:
    """What a reproduce script found; None if there is nothing yet."""
    path = RESULTS / f"{model}.json"
    return load(path) if path.exists() else None


def load(path: Path) -> dict[str, Any]:
    """A JSON object."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
