"""Training: the Trainer and its schedules, data, tokenizer, word vectors and metrics.

Needs the `train` extra. Names are loaded when they are first used, so that the pure functions among
them (`gumbel_temperature`, `budget_weight`) work without it.
"""

from __future__ import annotations

from typing import Any

from skim_hf._optional import lazy_name

_HOMES = {
    "AddingTask": "adding",
    "budget_weight": "schedules",
    "build_tokenizer": "tokenizer",
    "carve_validation": "data",
    "embedding_matrix": "embeddings",
    "FeatureCollator": "features",
    "FeatureData": "feature_files",
    "FeatureDataset": "features",
    "gumbel_temperature": "schedules",
    "LabelSchema": "labels",
    "load_feature_dataset": "feature_files",
    "load_questions": "questions",
    "load_text_dataset": "data",
    "load_word_vectors": "embeddings",
    "LogMelExtractor": "log_mel",
    "make_compute_metrics": "evaluation",
    "metric_path": "metrics",
    "ModelOptions": "options",
    "new_classifier": "starting",
    "new_question_reader": "starting",
    "prediction_rows": "predictions",
    "PROBLEM_TYPES": "labels",
    "QuestionCollator": "collator",
    "QuestionData": "questions",
    "QuestionDataset": "question_windows",
    "QuestionOptions": "options",
    "QuestionTrainer": "question_trainer",
    "run_steps": "steps",
    "SkimTrainer": "trainer",
    "SkimTrainingArguments": "arguments",
    "split_predictions": "evaluation",
    "TextCollator": "collator",
    "TextData": "data",
    "tokenize_dataset": "data",
    "warm_started_classifier": "starting",
    "warm_started_question_reader": "starting",
    "WeightAverage": "ema",
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
