"""How well a model labels texts, how much of them it reads, and what that saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import reading_scores
from skim_hf.results.latency import measure_latency
from skim_hf.results.machine import command_line, describe_machine
from skim_hf.results.progress import with_bar
from skim_hf.results.schema import Block
from skim_hf.results.scores import task_scores
from skim_hf.results.targets import kind_of, targets
from skim_hf.runtime.batches import check_texts
from skim_hf.runtime.calibration import has_dial
from skim_hf.runtime.classifier import SkimRuntime
from skim_hf.runtime.config_fields import check_threshold

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
"""Points of a curve that show its whole width."""

TIMED_TEXTS = 500
"""Texts that are timed for a point of a curve, at most."""


class Readings(NamedTuple):
    """What reading some texts gave.

    Attributes:
        logits: [N, labels], or [sum of lengths, labels] where every token gets a label.
        counts: How they were read.
    """

    logits: NDArray[np.floating[Any]]
    counts: TextCounts

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        lengths: list[int] = self.counts.lengths.tolist()
        return lengths


def evaluate(
    runtime: SkimRuntime,
    texts: Any,
    labels: Iterable[Any],
    *,
    thresholds: Sequence[float] = (),
    data: Mapping[str, str] | None = None,
    split: str | None = None,
    progress: bool = False,
) -> Block:
    """Scores a model on labelled texts.

    Args:
        runtime: The model, at the threshold to be reported.
        texts: At least one; of a model of features, arrays of the shape [steps, input_size].
        labels: One per text; see `targets`.
        thresholds: Points of a curve to be measured on the same texts; none for no curve.
        data: Name of the data set, and if known `source`, `hub_id` and `language`.
        split: The part of the data that these texts are.
        progress: Whether to show progress bars.

    Returns:
        The block `evaluation` of a result file, which needs `data` and `split`: `texts`, `tokens`,
        `threshold`, `metrics` (accuracy and macro F1, or the errors of a regression), `skim_rate_macro`
        (mean over texts), `skim_rate_micro` (over tokens), `macs_ratio` (unless nothing was computed),
        `flop_ratio_paper` (where a paper counts so), of a model that jumps `jump_every`, `jump_limit`,
        `visited_rate` and `jumps_per_text`, and with thresholds a `curve`.

    Raises:
        TypeError: Not text.
        ValueError: No texts, labels that the model does not have, or an impossible threshold.
    """
    texts, labels = check_texts(texts, runtime.encoder), list(labels)
    found = read(runtime, texts, "Evaluation", progress=progress)
    block: Block = {
        **_named(data=None if data is None else dict(data), split=split),
        "texts": len(texts),
        "tokens": sum(found.lengths),
        "threshold": runtime.threshold,
        "backend": runtime.backend,
        "dtype": runtime.options.dtype,
        "metrics": score(runtime, found, labels),
        **reading_scores(found.counts, runtime.config),
        **_named(jump_every=runtime.config.jump_every, jump_limit=runtime.config.jump_limit),
        "machine": describe_machine(),
        "command": command_line(),
    }
    if thresholds:
        block["curve"] = threshold_curve(runtime, texts, labels, thresholds, split=split, progress=progress)
    return block


def threshold_curve(
    runtime: SkimRuntime,
    texts: Any,
    labels: Iterable[Any],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    split: str | None = None,
    progress: bool = False,
) -> Block:
    """What the dial of an adaptive model does: scores, share of words read and time at several thresholds.

    Args:
        runtime: The model.
        texts: At least one; the first 500 are timed as well.
        labels: One per text; see `targets`.
        thresholds: In [0, 1], at least one.
        split: The part of the data that these texts are.
        progress: Whether to show progress bars.

    Returns:
        The block `curve` of an evaluation, which needs `split`. A point has `threshold`, `metrics`, `read`
        (share of the reading decisions that were full reads; of a selective model, of the units that were
        updated), `macs_ratio` (unless nothing was computed) and `median_us`.

    Raises:
        TypeError: Not text.
        ValueError: No texts, a model that no threshold changes, labels that the model does not have, or an
            impossible threshold.
    """
    texts, labels = check_texts(texts, runtime.encoder), list(labels)
    if not has_dial(runtime.config.policy):
        what = "reads every token" if runtime.config.policy == "full" else "skips at a fixed rate"
        raise ValueError(
            f"This model {what} (policy {runtime.config.policy!r}): no threshold changes anything."
        )
    twins = {f"{check_threshold(value):g}": runtime.with_threshold(value) for value in thresholds}
    points = []
    for name, twin in twins.items():
        found = read(twin, texts, f"Threshold {name}", progress=progress)
        reading = reading_scores(found.counts, runtime.config)
        points.append(
            {
                "threshold": twin.threshold,
                "metrics": score(twin, found, labels),
                "read": 1.0 - reading["skim_rate_micro"],
                **_named(macs_ratio=reading.get("macs_ratio")),
            }
        )
    timed = measure_latency(twins, texts[:TIMED_TEXTS], rounds=1, progress=progress)
    for name, point in zip(twins, points, strict=True):
        point["median_us"] = timed["contestants"][name]["median_us"]
    origin = {key: timed[key] for key in ("backend", "dtype", "machine", "command")}
    sizes = {"texts": len(texts), "timed_texts": timed["texts"]}
    return {**_named(split=split), **sizes, "points": points, **origin}


def read(runtime: SkimRuntime, texts: Sequence[Any], label: str, *, progress: bool = False) -> Readings:
    """Reads texts one by one.

    Args:
        runtime: The model.
        texts: At least one.
        label: Of the progress bar.
        progress: Whether to show it.

    Raises:
        ValueError: No texts.
    """
    if not texts:
        raise ValueError("Expected at least one text to evaluate on; got none.")
    readings = []
    for text in with_bar(texts, label, " texts", shown=progress):
        readings.append(runtime.read_ids(runtime.encode(text)))
    logits = np.concatenate([np.atleast_2d(reading.logits) for reading in readings])
    return Readings(logits, TextCounts.of_readings(readings, runtime.config))


def score(runtime: SkimRuntime, found: Readings, labels: Iterable[Any]) -> dict[str, float]:
    """Scores of the task.

    Args:
        runtime: The model.
        found: What it made of the texts.
        labels: One per text; see `targets`.

    Raises:
        ValueError: Labels that the model does not have.
    """
    wanted = targets(runtime.config, labels, found.lengths)
    return task_scores(found.logits, wanted, kind_of(runtime.config))


def _named(**values: Any) -> Block:
    """Those that are known."""
    return {name: value for name, value in values.items() if value is not None}
