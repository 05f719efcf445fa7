r"""Trains a plain LSTM and a Skim-LSTM on real movie reviews, and shows what skimming saves.

    bash scripts/quickstart.sh

sets everything up and runs this file. The trained folder is outputs/skim-lstm-imdb, the figures are
outputs/quickstart.json, and outputs/review.html shows which words of a review were read. Both models are
trained by run_classification.py, side by side on half of the cores each; its commands are printed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

# The latency of one text on one core is what the table compares; torch keeps its own threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from _agreement import compare_three_ways
from _cli_examples import write_examples
from _commands import training_command
from _quickstart_results import measure_models
from _report import render_table
from _reviews import RECIPE, load_reviews
from datasets import DatasetDict

from skim_hf import SkimRuntime
from skim_hf.results import RESULTS_NAME, command_line, describe_machine, write_json

MODELS: dict[str, dict[str, Any]] = {
    "plain": {"policy": "full"},
    "skim": {"policy": "skim", "skim_sizes": 10, "gamma": 0.01},
}


def main() -> None:
    """Runs the whole comparison and prints its table."""
    options = parse_options()
    started = float(os.environ.get("SKIM_HF_STARTED", time.time()))
    output = Path(options.output)
    seconds = {"setup": time.time() - started}
    reviews = timed(seconds, "data", prepare, output, options.seed)
    commands = {name: model_command(name, output, options) for name in MODELS}
    timed(seconds, "training", train_side_by_side, commands, output)
    folders = {name: model_folder(output, name) for name in MODELS}
    recipes = {name: {**RECIPE, **MODELS[name], "epochs": options.epochs} for name in MODELS}
    agreement = timed(seconds, "agreement", compare, folders, reviews["test"]["text"])
    models = timed(seconds, "evaluation", measure_models, folders, reviews, recipes, commands, options.seed)
    results = {
        "agreement": agreement,
        "plain": {"training_seconds": models["plain"].training["seconds"]},
        "machine": describe_machine(),
        "command": command_line(),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "seconds_total": round(time.time() - started, 1),
    }
    for checkpoint in output.glob("*-lstm-imdb/checkpoint-*"):
        shutil.rmtree(checkpoint)
    write_review(folders["skim"], reviews["test"]["text"], output / "review.html")
    write_examples(folders["skim"], output / "cli.json")
    write_json(output / "quickstart.json", results)
    print(f"\n{render_table(output / 'quickstart.json', folders['skim'] / RESULTS_NAME)}\n")
    print(
        f"Model with its results and card: {folders['skim']}. "
        f"A review and what was read of it: {output / 'review.html'}."
    )


def parse_options() -> argparse.Namespace:
    """The few things worth turning; the defaults are the published recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="outputs", help="where models and figures go")
    parser.add_argument("--epochs", type=float, default=2.0, help="passes over the training reviews")
    parser.add_argument("--seed", type=int, default=42, help="of the split, the weights and the batches")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoints")
    return parser.parse_args()


def timed(seconds: dict[str, float], name: str, function: Any, *arguments: Any) -> Any:
    """Calls a function and notes how long it took."""
    clock = time.time()
    result = function(*arguments)
    seconds[name] = time.time() - clock
    return result


def model_folder(output: Path, name: str) -> Path:
    """Where a model is saved."""
    return output / f"{name}-lstm-imdb"


def prepare(output: Path, seed: int) -> DatasetDict:
    """Splits the reviews and writes them where the training commands find them."""
    reviews = load_reviews(seed)
    for name, part in reviews.items():
        (output / "data").mkdir(parents=True, exist_ok=True)
        part.to_parquet(str(output / "data" / f"{name}.parquet"))
    return reviews


def model_command(name: str, output: Path, options: argparse.Namespace) -> list[str]:
    """What one types to train a model."""
    fields = {
        **MODELS[name],
        "train_file": output / "data" / "train.parquet",
        "validation_file": output / "data" / "validation.parquet",
        "output_dir": model_folder(output, name),
        "num_train_epochs": options.epochs,
        "seed": options.seed,
        **RECIPE,
    }
    resume = ["--resume_from_checkpoint", "True"] if options.resume else []
    return training_command(fields, "--do_train", "--do_eval", *resume)


def train_side_by_side(commands: dict[str, list[str]], output: Path) -> None:
    """Runs both trainings at once; the last one shows its progress, the others write to a log file."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(max((os.cpu_count() or 1) // len(commands), 1))}
    running = []
    for name, command in commands.items():
        print(f"$ {shlex.join(['python', *command[1:]])}\n", flush=True)
        log = None if name == list(commands)[-1] else (output / f"train-{name}.log").open("w")
        running.append((name, subprocess.Popen(command, env=environment, stdout=log, stderr=log)))
    failed = [name for name, process in running if process.wait() != 0]
    if failed:
        raise SystemExit(f"Training of {', '.join(failed)} failed; see above and {output}/train-*.log.")


def compare(folders: dict[str, Path], texts: list[str]) -> dict[str, Any]:
    """How far the three ways of loading a model agree, for each."""
    return {name: compare_three_ways(folder, texts) for name, folder in folders.items()}


def write_review(folder: Path, texts: list[str], path: Path) -> None:
    """Writes the reading of one test review, of about a hundred words, as a page."""
    runtime = SkimRuntime.from_pretrained(folder)
    text = min(texts, key=lambda review: abs(len(review.split()) - 100))
    path.write_text(runtime.trace(text).to_html(full_page=True), encoding="utf-8")


if __name__ == "__main__":
    main()
