"""What the native backend says of the test reviews next to NumPy, and int8 next to float32."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _ours import load_ours
from tqdm.auto import tqdm

PAIRS = (
    (("native", "float32"), ("numpy", "float32")),
    (("native", "int8"), ("native", "float32")),
)


def measure_parity(folders: dict[str, Path], texts: list[str], labels: list[str]) -> dict[str, Any]:
    """Compares two backends on all texts.

    Args:
        folders: Models by name.
        texts: Reviews.
        labels: Theirs.

    Returns:
        By model and pair: labels and decisions that differ, the largest difference of a probability, and both
        accuracies; or the reason why one of the two is missing.
    """
    results: dict[str, Any] = {"texts": len(texts)}
    for name, folder in folders.items():
        results[name] = {}
        for pair in PAIRS:
            try:
                first, second = (_read(folder, *engine, tuple(texts)) for engine in pair)
                comparison = compare(first, second, labels)
            except ImportError as error:
                comparison = {"missing": str(error)}
            results[name]["_against_".join("_".join(engine) for engine in pair)] = comparison
    return results


@cache
def _read(folder: Path, backend: str, dtype: str, texts: tuple[str, ...]) -> Any:
    """Names of the labels, probabilities [n, labels], and the decisions of every text."""
    runtime = load_ours(folder, backend, dtype)
    bar = tqdm(texts, desc=f"Parity, {backend} {dtype}", unit=" texts", leave=False)
    readings = [runtime.read_ids(runtime.encode(text)) for text in bar]
    decisions = [reading.decisions for reading in readings]
    # Probabilities as users get them, from the text.
    return runtime.labels, runtime.predict_proba(texts), decisions


def compare(first: Any, second: Any, labels: list[str]) -> dict[str, Any]:
    """Two results of `_read` on the same texts."""
    names, probabilities, decisions = first
    _, others, other_decisions = second
    wanted = np.array([names.index(label) for label in labels])
    differing = sum(int((a != b).sum()) for a, b in zip(decisions, other_decisions, strict=True))
    return {
        "labels_differing": int((probabilities.argmax(1) != others.argmax(1)).sum()),
        "label_agreement": float((probabilities.argmax(1) == others.argmax(1)).mean()),
        "largest_probability_difference": float(np.abs(probabilities - others).max()),
        "decisions": sum(part.size for part in decisions),
        "decisions_differing": differing,
        "skim_rate": float(np.concatenate(decisions).astype(bool).mean()),
        "accuracy": float((probabilities.argmax(1) == wanted).mean()),
        "accuracy_of_other": float((others.argmax(1) == wanted).mean()),
    }
