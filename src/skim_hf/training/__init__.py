"""Training: the Trainer and its schedules, data, tokenizer, word vectors and metrics.

Needs the `train` extra. Names are loaded when they are first used, so that the pure functions among
them (`gumbel_temperature`, `budget_weight`) work without it.
"""

from __future__ import annotations

from typing import Any

from skim_hf._optional import lazy_name

_HOMES = {
    "LabelSchema": "labels",
    "PROBLEM_TYPES": "labels",
    "SkimTrainer": "trainer",
    "SkimTrainingArguments": "arguments",
    "TextCollator": "collator",
    "TextData": "data",
    "budget_weight": "schedules",
    "build_tokenizer": "tokenizer",
    "carve_validation": "data",
    "embedding_matrix": "embeddings",
    "gumbel_temperature": "schedules",
    "load_text_dataset": "data",
    "load_word_vectors": "embeddings",
    "make_compute_metrics": "evaluation",
    "metric_path": "metrics",
    "new_classifier": "starting",
    "prediction_rows": "predictions",
    "split_predictions": "evaluation",
    "tokenize_dataset": "data",
    "warm_started_classifier": "starting",
    "write_json_lines": "predictions",
}
"""The module of this folder that defines each public name."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Loads a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = lazy_name(f"{__name__}.{_HOMES[name]}", name, owner=__name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the lazy names beside those already loaded."""
    return sorted({*globals(), *__all__})
