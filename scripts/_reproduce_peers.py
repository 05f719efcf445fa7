"""Baselines of a reproduced model: small classifiers of others, trained on the same texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _peers_fasttext
import _peers_model2vec
import numpy as np
from _latency_texts import peer_loader
from _readers_runs import Comparison, Run, read_split
from tqdm.auto import tqdm

PEERS = (*_peers_fasttext.VARIANTS, "model2vec")

# What the figures say of how they were trained.
TITLES = {"fasttext": "fastText", "fasttext_split": "fastText, symbols set apart", "model2vec": "model2vec"}


def finish_peers(
    comparison: Comparison, names: Sequence[str], seeds: Sequence[int], glove: str
) -> dict[str, str]:
    """Trains and scores the baselines that were not yet, and returns what is not installed here.

    Args:
        comparison: Where models and runs go, and its data.
        names: Of the baselines.
        seeds: Of their trainings.
        glove: Word vectors that model2vec starts from.

    Raises:
        ValueError: A run that is there was trained in another way.
    """
    missing: dict[str, str] = {}
    for name in names:
        for seed in tqdm(seeds, desc=name, unit=" runs", leave=False):
            try:
                _finish(comparison, name, seed, glove)
            except ImportError as error:
                missing[name] = str(error)
                break
    return missing


def _finish(comparison: Comparison, name: str, seed: int, glove: str) -> None:
    options = _options(name, glove)
    if comparison.finished(name, seed, options) is not None:
        return
    folder = comparison.model(name, seed)
    texts, labels = shuffled(*read_split(comparison.data / "train.parquet"), seed)
    started, more = time.perf_counter(), {}
    if name == "model2vec":
        _peers_model2vec.save(folder, texts, labels, seed, vectors=glove)
    else:
        more["learning_rate"] = _peers_fasttext.save(folder, name, texts, labels, seed)
    seconds = time.perf_counter() - started
    run: Run = {"reader": name, "seed": seed, "options": options, "training_seconds": seconds, **more}
    label_of = peer_loader(name, folder)
    for split, (inputs, wanted) in comparison.splits.items():
        right = sum(label_of(text) == label for text, label in zip(inputs, wanted, strict=True))
        run[split] = {"texts": len(inputs), "accuracy": right / len(inputs)}
    comparison.save(run)


def shuffled(texts: Sequence[str], labels: Sequence[Any], seed: int) -> tuple[list[str], list[Any]]:
    """Texts and labels in another order, because fastText takes them as they come, and files go by label."""
    order = np.random.default_rng(seed).permutation(len(texts)).tolist()
    return [texts[row] for row in order], [labels[row] for row in order]


def _options(name: str, glove: str) -> dict[str, Any]:
    order = {"order": "shuffled by the seed"}
    if name == "model2vec":
        return {**order, "vectors": Path(glove).name, "most_words": _peers_model2vec.MOST_WORDS}
    return {**order, **_peers_fasttext.SETTINGS}


def collect_peers(comparison: Comparison, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """The finished runs of every baseline."""
    runs = {name: [comparison.load(name, seed) for seed in seeds] for name in names}
    return {
        name: {"title": TITLES[name], "runs": [run for run in found if run is not None]}
        for name, found in runs.items()
        if any(found)
    }
