"""Checks on real data that a trained reader of features is the same in torch, NumPy and C, and as a stream.

    python scripts/check_sequence.py outputs/digits --test_file test.parquet --audio_column audio
    python scripts/check_sequence.py outputs/series --test_file series.parquet --feature_column frames

Every sequence is read by the torch model, by both backends of the runtime, and piece by piece by a stream.
The figures are printed and written to agreement.json in the model's folder; the exit code is 1 if a label or
a decision differs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm
from transformers import AutoConfig

from skim_hf import SkimRNNForSequenceClassification, SkimRuntime
from skim_hf.results import command_line, describe_machine, write_json
from skim_hf.training import LabelSchema, LogMelExtractor, load_feature_dataset

BATCH = 32
BACKENDS = ("numpy", "native")
COMPARISONS = ("to_torch", "stream_to_whole")
# Cuts of different lengths, one frame alone among them.
PIECES = (1, 7, 2, 13)

Array = NDArray[Any]
Read = tuple[Array, list[Array]]
"""Logits [n, labels], and the decisions [T, R] of every sequence."""


def main(arguments: list[str] | None = None) -> None:
    """Compares, prints and writes.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse_options(arguments)
    sequences, labels = load_sequences(options)
    truth = read_with_torch(options.model, sequences)
    results: dict[str, Any] = {
        "model": options.model.name,
        "command": command_line(),
        "machine": describe_machine(),
        "sequences": len(sequences),
        "frames": sum(map(len, sequences)),
        "accuracy": float((truth[0].argmax(1) == np.array(labels)).mean()) if truth[0].shape[1] > 1 else None,
        "not_read": float(np.mean([(decisions != 0).mean() for decisions in truth[1] if decisions.size])),
    }
    for backend in BACKENDS:
        runtime = SkimRuntime.from_pretrained(options.model, backend=backend)
        found = read_with_runtime(runtime, sequences)
        results[f"{backend}_to_torch"] = difference(found, truth)
        results[f"{backend}_stream_to_whole"] = compare_streams(runtime, sequences)
    write_json(options.output or options.model / "agreement.json", results)
    compared = [results[f"{backend}_{what}"] for backend in BACKENDS for what in COMPARISONS]
    print(json.dumps(results, indent=2))
    if any(found.get(name, 0) for found in compared for name in ("labels", "decisions", "differing")):
        raise SystemExit("Some labels or decisions differ; see above.")


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line; data is named as in run_sequence.py."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("model", type=Path, help="folder of a model trained by run_sequence.py")
    add("--test_file", type=Path, required=True, help="Parquet file")
    add("--feature_column", default="features")
    add("--audio_column", help="recordings instead of features")
    add("--label_column", default="label")
    add("--output", type=Path, help="JSON file; agreement.json in the model's folder if left out")
    return parser.parse_args(arguments)


def load_sequences(options: argparse.Namespace) -> tuple[list[Array], list[Any]]:
    """The frames of every row, as the model was trained with, and the labels."""
    extractor = LogMelExtractor.from_pretrained(options.model) if options.audio_column else None
    data = load_feature_dataset(
        {"test": options.test_file},
        feature_column=options.audio_column or options.feature_column,
        label_column=options.label_column,
        labels=LabelSchema.from_config(AutoConfig.from_pretrained(options.model)),
        sampling_rate=None if extractor is None else extractor.sampling_rate,
    ).splits["test"]
    data = data if extractor is None else data.map(extractor)
    return data.sequences, list(data.labels or [])


def read_with_torch(folder: Path, sequences: list[Array]) -> Read:
    """Hard evaluation in torch, in padded batches."""
    model = SkimRNNForSequenceClassification.from_pretrained(folder).eval()
    logits: list[Any] = [None] * len(sequences)
    decisions: list[Any] = [None] * len(sequences)
    order = sorted(range(len(sequences)), key=lambda row: len(sequences[row]))
    for start in tqdm(range(0, len(order), BATCH), desc="torch", unit=" batches"):
        rows = order[start : start + BATCH]
        padded = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(sequences[row]) for row in rows], batch_first=True
        )
        lengths = torch.tensor([len(sequences[row]) for row in rows])
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            outputs = model(inputs_embeds=padded, attention_mask=mask)
        for place, row in enumerate(rows):
            logits[row] = outputs.logits[place].numpy()
            decisions[row] = outputs.decisions[place, : lengths[place]].numpy()
    return np.stack(logits), decisions


def read_with_runtime(runtime: SkimRuntime, sequences: list[Array]) -> Read:
    """Each sequence in one piece."""
    readings = [
        runtime.read_ids(frames) for frames in tqdm(sequences, desc=runtime.backend, unit=" sequences")
    ]
    return np.stack([reading.logits for reading in readings]), [reading.decisions for reading in readings]


def compare_streams(runtime: SkimRuntime, sequences: list[Array]) -> dict[str, Any]:
    """How many sequences give another result, or another share of reads, when they come in pieces."""
    if runtime.config.bidirectional:
        return {"missing": "a bidirectional reader needs the whole sequence"}
    differing = 0
    for frames in tqdm(sequences, desc=f"{runtime.backend}, stream", unit=" sequences"):
        session = runtime.stream()
        for piece in np.split(frames, cuts(len(frames))):
            session.feed(piece)
        whole = runtime.read_ids(frames)
        differing += session.result() != runtime(frames) or session.skim_rate != whole.skim_rate
    return {"sequences": len(sequences), "differing": differing}


def cuts(length: int) -> list[int]:
    """Where a sequence of this length is cut: after pieces of several lengths, over and over."""
    ends = np.cumsum(np.resize(PIECES, length))
    return [int(end) for end in ends if end < length]


def difference(found: Read, truth: Read) -> dict[str, float]:
    """How many labels and decisions differ, and the largest difference of a logit."""
    wrong = sum(int((a != b).sum()) for a, b in zip(found[1], truth[1], strict=True))
    return {
        "labels": int((found[0].argmax(1) != truth[0].argmax(1)).sum()),
        "decisions": wrong,
        "of_decisions": sum(decisions.size for decisions in truth[1]),
        "largest_logit_difference": float(np.abs(found[0] - truth[0]).max()),
    }


if __name__ == "__main__":
    main()
