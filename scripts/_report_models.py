"""The published models in one table of the README, from their study files."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from _readers_report import values
from _reproduce_latency import contestant
from _results_questions import READER, summarize_reader
from _results_report import percent, spread

HEAD = (
    "model",
    "test accuracy",
    "of the plain LSTM",
    "words skimmed",
    "less arithmetic",
    "µs a text (plain), float32",
    "int8",
)
NOTHING = "None yet."
_ENDING = (
    "Means over seeds on the official test texts, arithmetic in multiply-adds, times from string to label on "
    "one core. All rows, the paper's settings, fastText, model2vec, where words are read and where we fall "
    "short: [docs/results.md](docs/results.md)."
)


def render_models(results: Path) -> str:
    """Markdown of every skimming model that was published.

    Args:
        results: Folder of the study files.
    """
    names = json.loads((results / "published.json").read_text(encoding="utf-8"))["models"]
    paths = [results / f"{name}.json" for name in names]
    studies = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    rows = [_row(study) for study in studies if "published" in study]
    if not rows:
        return NOTHING
    table = [HEAD, ("---", *("---:",) * (len(HEAD) - 1)), *rows]
    ending = [_ENDING]
    reader = results / f"{READER}.json"
    if reader.exists():
        ending.append(summarize_reader(json.loads(reader.read_text(encoding="utf-8"))))
    return "\n".join(["| " + " | ".join(row) + " |" for row in table]) + "\n\n" + " ".join(ending)


def _row(study: dict[str, Any]) -> tuple[str, ...]:
    skim, plain = study["readers"]["skim"], study["readers"]["plain"]
    return (
        f"[{study['model']}](model_cards/{study['model']})",
        spread(values(skim, "test", "accuracy"), percent),
        spread(values(plain, "test", "accuracy"), percent),
        percent(statistics.fmean(values(skim, "test", "skim_rate_micro"))),
        f"{statistics.fmean(1 / cost for cost in values(skim, 'test', 'cost')):.1f}x",
        *(_times(study, dtype) for dtype in ("float32", "int8")),
    )


def _times(study: dict[str, Any], dtype: str) -> str:
    timed = study["latency"]["contestants"]
    skim, plain = (timed[contestant(kind, dtype)]["median_us"] for kind in ("skim", "plain"))
    return f"{skim:,.0f} ({plain:,.0f})"
