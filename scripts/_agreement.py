"""Loads a saved folder in three ways and compares what they say of the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import skim_hf

PIPELINE_TEXTS = 250
BATCH_SIZE = 64


def compare_three_ways(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Reads the texts with `AutoModelForSequenceClassification`, `pipeline` and `SkimRuntime`.

    Args:
        folder: A saved model.
        texts: All are read with torch and with the runtime, the first 250 with the pipeline.

    Returns:
        Differing labels and decisions, and the largest difference between probabilities.
    """
    runtime = skim_hf.SkimRuntime.from_pretrained(folder)
    found = differences(runtime, texts, *read_with_torch(folder, texts))
    piped = pipe_labels(folder, texts[:PIPELINE_TEXTS])
    return {
        "texts": len(texts),
        **found,
        "pipeline_texts": len(piped),
        "pipeline_labels_differing": sum(
            a != b for a, b in zip(piped, runtime.predict(texts[:PIPELINE_TEXTS]), strict=True)
        ),
    }


def compare_backends(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Reads the texts with torch and with every backend of the runtime that is there.

    Args:
        folder: A saved model.
        texts: To be read.

    Returns:
        By backend what `differences` gives.
    """
    expected = read_with_torch(folder, texts)
    return {
        backend: differences(skim_hf.SkimRuntime.from_pretrained(folder, backend=backend), texts, *expected)
        for backend in ("numpy", "native")
    }


def differences(
    runtime: skim_hf.SkimRuntime, texts: list[str], probabilities: NDArray[Any], decisions: list[NDArray[Any]]
) -> dict[str, Any]:
    """How a runtime's reading of texts differs from probabilities [n, labels] and decisions [T, R]."""
    readings = [
        runtime.read_ids(runtime.encode(text)) for text in tqdm(texts, desc=runtime.backend, unit=" texts")
    ]
    fast = softmax(np.stack([reading.logits for reading in readings]))
    return {
        "labels_differing": int((probabilities.argmax(1) != fast.argmax(1)).sum()),
        "largest_probability_difference": float(np.abs(probabilities - fast).max()),
        "decisions": sum(reading.decisions.size for reading in readings),
        "decisions_differing": int(
            sum((a.decisions != b).sum() for a, b in zip(readings, decisions, strict=True))
        ),
    }


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """[n, labels] logits to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def read_with_torch(folder: Path, texts: list[str]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Probabilities [n, labels] and, per text, decisions [T, R] by hard evaluation in torch."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    probabilities = np.zeros((len(texts), model.config.num_labels))
    decisions: list[NDArray[Any]] = [np.empty(0)] * len(texts)
    for rows in _batches(texts):
        batch = tokenizer([texts[row] for row in rows], padding=True, return_tensors="pt")
        with torch.inference_mode():
            output = model(**batch)
        probabilities[rows] = output.logits.softmax(-1).numpy()
        for row, length, decision in zip(rows, output.lengths, output.decisions, strict=True):
            decisions[row] = decision[:length].numpy()
    return probabilities, decisions


def pipe_labels(folder: Path, texts: list[str]) -> list[str]:
    """Labels by the text-classification pipeline of transformers."""
    pipe = pipeline("text-classification", model=str(folder), device="cpu", batch_size=BATCH_SIZE)
    return [result["label"] for result in pipe(texts)]


def _batches(texts: list[str]) -> Iterator[list[int]]:
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in tqdm(range(0, len(order), BATCH_SIZE), desc="AutoModel", unit=" batches"):
        yield order[start : start + BATCH_SIZE]
