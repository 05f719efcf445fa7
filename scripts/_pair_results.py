"""Result files and cards of a plain model and a skimming one that were trained alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from skim_hf import SkimRuntime
from skim_hf.hub import write_card
from skim_hf.results import (
    ADAPTIVE,
    DENSE,
    Block,
    ModelResults,
    describe_example,
    describe_predictions,
    evaluate,
    measure_latency,
    threshold_curve,
)

ItemT = TypeVar("ItemT")

LICENSE = "apache-2.0"
TIMED_TEXTS = 200
PREDICTED_TEXTS = 10
# Words of the texts that are offered for trying; many have many more.
WIDGET_WORDS = 40


def measure_pair(
    folders: Mapping[str, Path], splits: Mapping[str, Any], trained: Mapping[str, ModelResults], example: str
) -> dict[str, ModelResults]:
    """Writes `results.json` and README.md into the folders of two models.

    Scores are those on the test texts. The curve of thresholds is measured on the validation texts, because
    thresholds are chosen by it.

    Args:
        folders: Of the models `plain` and `skim`.
        splits: `validation` and `test`, with the columns `text` and `label`.
        trained: Of each model what is known of its training.
        example: A text to show the reading of.

    Returns:
        The results of each.
    """
    runtimes = {name: SkimRuntime.from_pretrained(folder) for name, folder in folders.items()}
    test = splits["test"]
    scores = _scores(runtimes, splits, trained)
    contestants = {
        "plain": {ADAPTIVE: runtimes["plain"]},
        "skim": {ADAPTIVE: runtimes["skim"], DENSE: runtimes["plain"]},
    }
    results = {}
    for name, folder in folders.items():
        results[name] = dataclasses.replace(
            trained[name],
            model={**trained[name].model, "license": LICENSE},
            evaluation=scores[name],
            latency=measure_latency(contestants[name], test["text"][:TIMED_TEXTS], progress=True),
            example=describe_example(runtimes[name], example, widget=choose_widget(test)),
            predictions=describe_predictions(runtimes[name], spread(test["text"], PREDICTED_TEXTS)),
        )
        results[name].save(folder)
        write_card(folder)
    return results


def _scores(
    runtimes: Mapping[str, SkimRuntime], splits: Mapping[str, Any], trained: Mapping[str, ModelResults]
) -> dict[str, Block]:
    """The evaluation of each model, that of the skimming one with the plain one beside it and a curve."""
    test, validation = splits["test"], splits["validation"]
    scores = {
        name: evaluate(
            runtime, test["text"], test["label"], data=_data(trained[name]), split="test", progress=True
        )
        for name, runtime in runtimes.items()
    }
    scores["skim"] |= {
        "dense": {"what": "plain LSTM trained alike", "metrics": scores["plain"]["metrics"]},
        "curve": threshold_curve(
            runtimes["skim"], validation["text"], validation["label"], split="validation", progress=True
        ),
    }
    return scores


def spread(texts: Sequence[ItemT], count: int) -> list[ItemT]:
    """So many texts or questions, or all, from all over a split, which may be in order of its labels."""
    return list(texts[:: max(len(texts) // count, 1)][:count])


def choose_widget(test: Any) -> list[str]:
    """For every label the test text that is nearest to a length one likes to read."""
    texts, labels = test["text"], test["label"]
    return [
        min(
            (text for text, found in zip(texts, labels, strict=True) if found == label),
            key=lambda text: abs(len(text.split()) - WIDGET_WORDS),
        )
        for label in sorted(set(labels))
    ]


def _data(results: ModelResults) -> dict[str, str]:
    if results.training is None:
        raise ValueError("Expected results that tell how the model was trained.")
    return dict(results.training["data"])
