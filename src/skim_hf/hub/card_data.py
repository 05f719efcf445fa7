"""The metadata of a card, from which the Hub shows figures, filters models and offers texts to try."""

from __future__ import annotations

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from skim_hf.hub.card_formats import one_line, score_title
from skim_hf.hub.card_policies import is_adaptive, kind_of_cell, not_read
from skim_hf.results.files import ModelResults
from skim_hf.results.schema import Block
from skim_hf.runtime.config import RuntimeConfig

# What the Hub calls our scores.
_METRIC_TYPES = {"macro_f1": "f1"}
_READING = {
    "skim_rate_micro": "{not_read}, of all words",
    "skim_rate_macro": "{not_read}, mean over texts",
    "visited_rate": "Words visited",
    "macs_ratio": "Arithmetic saved, true multiply-adds",
    "flop_ratio_paper": "Arithmetic saved, the paper's count",
}
_DIGITS = 4


def card_data(results: ModelResults, config: RuntimeConfig, name: str) -> ModelCardData:
    """Makes the metadata.

    Args:
        results: Of the model.
        config: Of the model.
        name: Under which the Hub lists the figures.
    """
    task = "token-classification" if config.labels_tokens else "text-classification"
    task = "question-answering" if config.reader is not None else task
    # The Hub has no name for what reads any features.
    task = "other" if config.reads_features else task
    data = (results.training or results.evaluation or {}).get("data", {})
    evaluation = results.evaluation
    return ModelCardData(
        language=data.get("language"),
        license=results.model.get("license"),
        library_name="transformers",
        pipeline_tag=None if config.reads_features else task,
        tags=["skim_hf", "skim_rnn", kind_of_cell(config), "adaptive-computation", "custom_code"],
        datasets=[data["hub_id"]] if "hub_id" in data else None,
        metrics=[_METRIC_TYPES.get(key, key) for key in evaluation["metrics"]] if evaluation else None,
        model_name=name,
        eval_results=_eval_results(evaluation, config, task) if evaluation else None,
        widget=_widget(results),
    )


def _eval_results(evaluation: Block, config: RuntimeConfig, task: str) -> list[EvalResult]:
    data = evaluation["data"]
    figures = [
        (_METRIC_TYPES.get(key, key), score_title(key), value) for key, value in evaluation["metrics"].items()
    ]
    if is_adaptive(config):
        share = not_read(config).capitalize()
        figures += [
            (key, title.format(not_read=share), evaluation[key])
            for key, title in _READING.items()
            if key in evaluation
        ]
    return [
        EvalResult(
            task_type=task,
            dataset_type=one_line(data.get("hub_id", data["name"])),
            dataset_name=one_line(data["name"]),
            dataset_split=one_line(evaluation["split"]),
            metric_type=kind,
            metric_name=title,
            metric_value=round(value, _DIGITS),
        )
        for kind, title, value in figures
    ]


def _widget(results: ModelResults) -> list[dict[str, Any]] | None:
    # YAML has line breaks of its own, which do not all come back.
    if answer := results.answer:
        return [{"text": one_line(answer["question"]), "context": one_line(answer["context"])}]
    if results.example is None:
        return None
    texts = [results.example["text"], *results.example.get("widget", [])]
    return [
        {"text": one_line(text), "example_title": f"Example {number}"} for number, text in enumerate(texts, 1)
    ]
