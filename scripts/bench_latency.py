"""Measures what a read and a skimmed token cost on one core, next to torch.nn.LSTM and a plain NumPy LSTM.

    python scripts/bench_latency.py
    python scripts/bench_latency.py --model outputs/skim-lstm-imdb --text review.txt

All contestants read the same tokens in one process with one thread, one text at a time, from token ids to
the last hidden state. They take turns in every round, so that a busy moment of a shared machine hits all
alike; medians over rounds are reported.
"""

from __future__ import annotations

import os

# Before NumPy or torch are imported: their thread pools are sized when they load.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

import argparse
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _results import command_line, describe_machine, write_json
from numpy.typing import NDArray

from skim_hf.runtime import RuntimeConfig, SkimRuntime
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.reference import sigmoid
from skim_hf.runtime.weights import ModelWeights, assemble, expected_shapes, load_weights

VOCABULARY = 30_000
TITLES = {
    "read": "skim_hf, read token",
    "skimmed": "skim_hf, skimmed token",
    "mixed": "skim_hf, mixed",
    "plain": "skim_hf, plain reader",
    "numpy_lstm": "NumPy LSTM, textbook loop",
    "torch_lstm": "torch.nn.LSTM",
}
_IMPORT = """
import sys, time
started = time.perf_counter()
import skim_hf.runtime
seconds = time.perf_counter() - started
try:
    # Not ru_maxrss: it starts at the size of the process that started this one.
    kilobytes = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    kilobytes = "nan"
print(seconds, float(kilobytes) / 1024, "torch" in sys.modules)
"""


def main() -> None:
    """Builds or loads a model, lets the contestants take turns, prints a table and writes a JSON file."""
    arguments = parse_arguments()
    config, weights = load_model(arguments)
    ids = choose_tokens(arguments, config)
    runs, notes = contestants(arguments, config, weights, ids)
    times = take_turns(runs, arguments.repeats)
    results = {
        "what": "token ids to last hidden state, one text at a time, one thread; microseconds per token",
        "command": command_line(),
        "machine": describe_machine(),
        "seed": arguments.seed,
        "model": str(arguments.model) if arguments.model else "random weights",
        "cell_type": config.cell_type,
        "hidden_size": config.hidden_size,
        "skim_sizes": list(config.skim_sizes),
        "embedding_size": config.embedding_size,
        "vocab_size": config.vocab_size,
        "tokens": len(ids),
        "rounds": arguments.repeats,
        "notes": notes,
        "microseconds_per_token": {name: summarise(rounds, len(ids)) for name, rounds in times.items()},
        "import": measure_import(),
    }
    write_json(arguments.output, results)
    print(table(results))
    print(f"\nWritten to {arguments.output}")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--model", help="folder or Hub id of a one-layer model; random weights without it")
    parser.add_argument("--text", type=Path, help="file whose first tokens to read; needs --model")
    parser.add_argument("--cell-type", default="lstm", choices=("lstm", "gru", "tanh"))
    parser.add_argument("--hidden-size", type=int, default=100)
    parser.add_argument("--skim-size", type=int, default=10)
    parser.add_argument("--skim-rate", type=float, default=0.9, help="forced rate with random weights")
    parser.add_argument("--tokens", type=int, default=250)
    parser.add_argument(
        "--repeats", type=int, default=300, help="rounds, each with one turn of every contestant"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("outputs/bench_latency.json"))
    arguments = parser.parse_args()
    if arguments.text and not arguments.model:
        parser.error("--text needs --model, whose tokenizer splits it")
    if arguments.tokens < 1 or arguments.repeats < 1:
        parser.error("--tokens and --repeats must be at least 1")
    if not 0 <= arguments.skim_size <= arguments.hidden_size or arguments.hidden_size < 1:
        parser.error("--skim-size must be from 0 to --hidden-size, which must be at least 1")
    if not 0 <= arguments.skim_rate <= 1:
        parser.error("--skim-rate must be from 0 to 1")
    return arguments


def load_model(arguments: argparse.Namespace) -> tuple[RuntimeConfig, ModelWeights]:
    """The model of `--model`, or one with random weights."""
    if arguments.model:
        folder = ModelFolder.find(arguments.model)
        config = RuntimeConfig.load(folder.config)
        if config.num_readers != 1 or config.num_choices != 2:
            raise SystemExit("Expected a model with one layer, one direction and one small cell.")
        return config, load_weights(folder.weights, config)
    size = arguments.hidden_size
    config = RuntimeConfig(
        vocab_size=VOCABULARY,
        embedding_size=size,
        input_size=None,
        hidden_size=size,
        num_hidden_layers=1,
        bidirectional=False,
        cell_type=arguments.cell_type,
        policy="skim",
        skim_sizes=(arguments.skim_size,),
        small_input="own_slice",
        skim_threshold=0.5,
        pooling="last",
        labels=("negative", "positive"),
    )
    generator = np.random.default_rng(arguments.seed)
    tensors = {
        name: (generator.standard_normal(shape) / size**0.5).astype(np.float32)
        for name, shape in expected_shapes(config)
    }
    weights = assemble(config, tensors)
    # Decisions that depend on the word alone, at the quantile that gives the wanted rate. The product
    # with h is computed all the same.
    direction = generator.standard_normal(size).astype(np.float32)
    cut = np.quantile(tensors["embed_tokens.weight"] @ direction, 1 - arguments.skim_rate)
    return config, with_decision(weights, direction, -float(cut))


def with_decision(weights: ModelWeights, direction: NDArray[np.float32], bias: float) -> ModelWeights:
    """The same model, whose skim logit is `direction @ x + bias`."""
    reader = weights.readers[0]
    matrix = np.zeros_like(reader.decision_weight)
    matrix[1, : len(direction)] = direction
    offsets = np.array([0.0, bias], np.float32)
    return replace(weights, readers=(replace(reader, decision_weight=matrix, decision_bias=offsets),))


def choose_tokens(arguments: argparse.Namespace, config: RuntimeConfig) -> NDArray[np.int64]:
    """The first tokens of `--text`, or random words of which some are as frequent as in a language.

    The n-th word has a share of 1 / n (Zipf's law), so that tables are in the processor's caches as
    much as they are when text is read. The padding and the unknown word do not occur.
    """
    if arguments.text:
        clf = SkimRuntime.from_pretrained(arguments.model)
        return clf.encode(arguments.text.read_text(encoding="utf-8"))[: arguments.tokens].astype(np.int64)
    shares = 1 / np.arange(1, config.vocab_size - 1)
    generator = np.random.default_rng(arguments.seed)
    return 2 + generator.choice(len(shares), arguments.tokens, p=shares / shares.sum())


def contestants(
    arguments: argparse.Namespace, config: RuntimeConfig, weights: ModelWeights, ids: NDArray[np.int64]
) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """What takes turns, by name, and what has to be said about it."""
    plain = replace(config, policy="full", skim_sizes=())
    big = replace(
        weights.readers[0], cells=weights.readers[0].cells[:1], decision_weight=None, decision_bias=None
    )
    skimming = with_decision(weights, np.zeros(config.embedding_size, np.float32), 100.0)
    engines = {
        "read": NumpyEngine(config, weights, 1.0),
        "skimmed": NumpyEngine(config, skimming, 0.5),
        "mixed": NumpyEngine(config, weights, config.skim_threshold),
        "plain": NumpyEngine(plain, replace(weights, readers=(big,)), 0.5),
    }
    rates = {name: engine.read(ids).skim_rate for name, engine in engines.items()}
    runs: dict[str, Callable[[], object]] = {
        name: (lambda engine=engine: engine.read(ids)) for name, engine in engines.items()
    }
    notes: dict[str, Any] = {"skim_rates": rates}
    if config.cell_type != "lstm":
        notes["comparison"] = "the comparison networks are LSTMs: run with --cell-type lstm to see them"
        return runs, notes
    truth = engines["plain"].read(ids).hidden[0]
    others: dict[str, Callable[[], NDArray[Any]]] = {"numpy_lstm": textbook_lstm(weights, ids)}
    try:
        others["torch_lstm"] = torch_lstm(weights, ids)
    except ImportError:
        notes["torch"] = "not installed, so torch.nn.LSTM was not measured"
    for name, run in others.items():
        # A time of something else would be worthless.
        if not np.allclose(run(), truth, atol=1e-4):
            raise SystemExit(f"{TITLES[name]} and the plain reader disagree; nothing was measured.")
    return {**runs, **others}, notes


def textbook_lstm(weights: ModelWeights, ids: NDArray[np.int64]) -> Callable[[], NDArray[Any]]:
    """An LSTM as one would write it in NumPy, with all input products in one matrix product."""
    cell = weights.readers[0].cells[0]

    def run() -> NDArray[Any]:
        inputs = weights.embedding[ids] @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh
        h = c = np.zeros(cell.weight_hh.shape[1], np.float32)
        for row in inputs:
            i, f, g, o = np.split(row + cell.weight_hh @ h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return h

    return run


def torch_lstm(weights: ModelWeights, ids: NDArray[np.int64]) -> Callable[[], NDArray[Any]]:
    """The big cell as a torch.nn.LSTM behind its embedding, batch 1.

    Raises:
        ImportError: torch is not installed.
    """
    import torch

    torch.set_num_threads(1)
    cell = weights.readers[0].cells[0]
    network = torch.nn.LSTM(cell.weight_ih.shape[1], cell.weight_hh.shape[1], batch_first=True).eval()
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(network, f"{name}_l0").copy_(torch.from_numpy(getattr(cell, name)))
    table, tokens = torch.from_numpy(weights.embedding), torch.from_numpy(ids)[None]

    def run() -> NDArray[Any]:
        with torch.inference_mode():
            _, (hidden, _) = network(torch.nn.functional.embedding(tokens, table))
        return hidden[0, 0].numpy()

    return run


def take_turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every turn, in rounds of alternating order, after a warm-up."""
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-3, rounds):
        for name in names if turn % 2 else reversed(names):
            started = time.perf_counter()
            runs[name]()
            elapsed = time.perf_counter() - started
            if turn >= 0:
                times[name].append(elapsed)
    return times


def summarise(seconds: list[float], tokens: int) -> dict[str, float]:
    """Median, 90th percentile and minimum over rounds, in microseconds per token."""
    ordered = sorted(1e6 * value / tokens for value in seconds)
    return {
        "median": statistics.median(ordered),
        "p90": ordered[math.ceil(0.9 * len(ordered)) - 1],
        "min": ordered[0],
    }


def measure_import() -> dict[str, Any]:
    """Time and memory of `import skim_hf.runtime`, the median of five fresh processes."""
    runs = []
    for _ in range(5):
        output = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
        runs.append(output.stdout.split())
    return {
        "seconds": statistics.median(float(run[0]) for run in runs),
        "megabytes": statistics.median(float(run[1]) for run in runs),
        "torch_loaded": any(run[2] == "True" for run in runs),
    }


def table(results: dict[str, Any]) -> str:
    """The results as text."""
    machine, load = results["machine"], results["import"]
    lines = [
        f"{results['cell_type']}, d = {results['hidden_size']}, d' = {results['skim_sizes'][0]}, "
        f"{results['tokens']} tokens, {results['rounds']} rounds, {machine['processor']}, one thread",
        "",
        f"{'microseconds per token':<28}{'median':>9}{'p90':>9}{'min':>9}   skimmed",
    ]
    for name, values in results["microseconds_per_token"].items():
        rate = results["notes"]["skim_rates"].get(name)
        share = "" if rate is None else f"{rate:>9.1%}"
        lines.append(
            f"{TITLES[name]:<28}{values['median']:>9.2f}{values['p90']:>9.2f}{values['min']:>9.2f} {share}"
        )
    lines += [f"({note})" for key, note in results["notes"].items() if key != "skim_rates"]
    lines += ["", f"import skim_hf.runtime: {load['seconds']:.3f} s, {load['megabytes']:.0f} MB"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
