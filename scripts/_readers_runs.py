"""One run of a comparison: a reader is trained, and what it does on validation and test texts is kept."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _commands import training_command
from _readers import PLAIN, READERS, Reader, learns
from _readers_match import LastTokens, matched_options
from _readers_training import MadeWith, train
from _reviews import RECIPE
from tqdm.auto import tqdm

from skim_hf.costs import plain_macs
from skim_hf.results import evaluate, write_json
from skim_hf.runtime import SkimRuntime
from skim_hf.tables import read_rows
from skim_hf.tables.columns import named_labels

Run = dict[str, Any]

# Checkpoints of a run of a minute would only take room.
SHARED = {**RECIPE, "save_strategy": "no"}

# Ends of the names of options that say where something lies.
_PLACES = ("_file", "_dir", "_from")


@dataclass(frozen=True)
class Comparison:
    """Where the runs of a comparison lie and how they are trained.

    Attributes:
        folder: Gets models, logs and one JSON file per run.
        data: Holds `train.parquet`, `validation.parquet` and `test.parquet`, and `taught.parquet` for readers
            that learn from a teacher.
        budget: What all trainings have in common: epochs or steps.
        splits: Texts and labels of `validation` and `test`.
        shared: Options that all readers share, but for their own.
        threads: Of each training.
        readers: By name, those first that others need.
    """

    folder: Path
    data: Path
    budget: dict[str, Any]
    splits: dict[str, tuple[list[str], list[Any]]]
    shared: dict[str, Any]
    threads: int = 1
    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)

    def model(self, name: str, seed: int) -> Path:
        """Where a trained reader is saved."""
        return self.folder / "models" / f"{name}-{seed}"

    def path(self, name: str, seed: int) -> Path:
        """The JSON file of a run."""
        return self.folder / "runs" / f"{name}-{seed}.json"

    def load(self, name: str, seed: int) -> Run | None:
        """A finished run; None if there is none."""
        path = self.path(name, seed)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def finished(self, name: str, seed: int, settings: Mapping[str, Any]) -> Run | None:
        """A finished run that was trained with these settings; None if there is none.

        Raises:
            ValueError: The run that is there was trained in another way.
        """
        done = self.load(name, seed)
        if done is not None and done["options"] != json.loads(json.dumps(settings)):
            raise ValueError(
                f"{self.path(name, seed)} was trained with {done['options']}, and now {settings} is wanted. "
                "Remove the file to train it again, or name another folder with --output."
            )
        return done

    def save(self, run: Run) -> None:
        """Keeps a run, whole or not at all."""
        write_json(self.path(run["reader"], run["seed"]), run)


def read_split(path: Path) -> tuple[list[str], list[Any]]:
    """Texts and labels of a Parquet file, by name where it has names for them."""
    rows = read_rows(path, label_column="label")
    return rows.columns["text"], named_labels(rows, "label", str(path))


def train_all(comparison: Comparison, readers: list[str], seeds: list[int], jobs: int) -> list[str]:
    """Finishes every run, some at a time; returns what went wrong, a line each."""
    failed: list[str] = []
    pending: dict[tuple[str, int], Future[Any]] = {}

    def run(name: str, seed: int) -> None:
        # Those that are needed were submitted before, so that waiting for them cannot block their start.
        for needed in comparison.readers[name].needs:
            pending[needed, seed].result()
        finish(comparison, name, seed)

    with ThreadPoolExecutor(jobs) as pool:
        for name in readers:
            for seed in seeds:
                pending[name, seed] = pool.submit(run, name, seed)
        for (name, seed), future in tqdm(pending.items(), desc="Training", unit=" runs"):
            error = future.exception()
            if error is not None:
                failed.append(f"{name}, seed {seed}: {error}")
                print(failed[-1], file=sys.stderr)
    return failed


def finish(comparison: Comparison, name: str, seed: int) -> Run:
    """Trains and evaluates one reader, unless that was done before with the same options.

    A training that was cut off goes on from its last checkpoint, if it wrote any, and one that ended is only
    measured.

    Raises:
        ValueError: The run that is there was trained in another way.
        RuntimeError: The training failed.
    """
    fields = training_fields(comparison, name, seed)
    settings = settings_of(fields)
    done = comparison.finished(name, seed, settings)
    if done is not None:
        return done
    folder = comparison.model(name, seed)
    made = MadeWith(folder, settings)
    if not made.is_trained():
        flags = ["--resume_from_checkpoint", "last"] if made.begin() else []
        train(training_command(fields, "--do_train", *flags), folder.with_suffix(".log"), comparison.threads)
        made.end()
    report = json.loads((folder / "train_results.json").read_text(encoding="utf-8"))
    runtime = load_reader(comparison, name, seed, settings)
    run: Run = {
        "reader": name,
        "seed": seed,
        "options": settings,
        "command": told_command(fields, comparison.folder, "--do_train"),
        "training_seconds": report["train_runtime"],
        "training_loss": report["train_loss"],
        **({"resumed": True} if made.was_resumed() else {}),
        "hidden_size": runtime.config.hidden_size,
        "input_width": runtime.config.embedding_size,
        **{split: measure(runtime, *texts) for split, texts in comparison.splits.items()},
    }
    comparison.save(run)
    return run


def training_fields(comparison: Comparison, name: str, seed: int) -> dict[str, Any]:
    """Options of run_classification.py for a run; controls are matched to what their model did.

    An option of its own that is None is left out, though all others share it.
    """
    reader = comparison.readers[name]
    own = dict(reader.options)
    if reader.like is not None:
        plain, like = comparison.load(PLAIN, seed), comparison.load(reader.like, seed)
        if plain is None or like is None:
            raise ValueError(f"{name} is matched to {reader.like} of seed {seed}, which is not finished.")
        own |= matched_options(reader, like, plain, lambda: validation_lengths(comparison, seed))
    shared = dict(comparison.shared)
    if reader.starts_from is not None:
        # Its weights hold the word vectors.
        shared.pop("glove", None)
        own["warm_start_from"] = comparison.model(reader.starts_from, seed)
    texts = "taught" if learns(reader, comparison.shared) else "train"
    files = {
        "train_file": comparison.data / f"{texts}.parquet",
        "validation_file": comparison.data / "validation.parquet",
    }
    place = {"output_dir": comparison.model(name, seed), "seed": seed}
    fields = {**files, **place, **shared, **comparison.budget, **own}
    return {name: value for name, value in fields.items() if value is not None}


def settings_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Options without what does not change a model: where things lie."""
    found = {key: value for key, value in fields.items() if not key.endswith(_PLACES)}
    # The file says which vectors, its folder only where somebody put them.
    return {**found, "glove": Path(found["glove"]).name} if "glove" in found else found


def told_command(
    fields: Mapping[str, Any], folder: Path, *flags: str, script: str = "run_classification.py"
) -> str:
    """The command of a training as one types it beside the scripts, without folders of one machine alone."""
    told = {**fields, **settings_of(fields)}
    for name, value in told.items():
        if name.endswith(_PLACES) and Path(value).is_absolute():
            path = Path(value)
            told[name] = path.relative_to(folder.parent) if folder in path.parents else path.name
    words = training_command(told, *flags, script=script)
    return shlex.join(["python", f"scripts/{Path(words[1]).name}", *words[2:]])


def validation_lengths(comparison: Comparison, seed: int) -> list[int]:
    """Tokens of each validation text."""
    runtime = SkimRuntime.from_pretrained(comparison.model(PLAIN, seed))
    return [len(runtime.encode(text)) for text in comparison.splits["validation"][0]]


def load_reader(comparison: Comparison, name: str, seed: int, settings: Run, dtype: str = "float32") -> Any:
    """The runtime of a trained reader; one that was trained on the ends of texts reads no more of them.

    Raises:
        ValueError: The native engine cannot run it in this dtype.
    """
    runtime = SkimRuntime.from_pretrained(comparison.model(name, seed), dtype=dtype)
    is_cut = comparison.readers[name].matched == "length"
    return LastTokens(runtime, settings["max_length"]) if is_cut else runtime


def measure(runtime: Any, texts: list[str], labels: list[Any]) -> Run:
    """What a reader does on one split: scores, shares and multiply-adds."""
    block = evaluate(runtime, texts, labels)
    whole = block["tokens"] * plain_macs(runtime.config, 1)
    reading = ("skim_rate_macro", "skim_rate_micro", "macs_ratio", "flop_ratio_paper")
    jumping = ("visited_rate", "jumps_per_text")
    return {
        "texts": block["texts"],
        "tokens": block["tokens"],
        "accuracy": block["metrics"]["accuracy"],
        "read": 1.0 - block["skim_rate_micro"],
        # Embeddings that are only pooled have no ratio, and no cost either.
        "macs_per_text": whole / block["macs_ratio"] / block["texts"] if whole else 0.0,
        **{key: block[key] for key in (*reading, *jumping) if key in block},
    }
