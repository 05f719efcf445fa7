"""Measures latency on one core: per token beside other LSTMs, and from string to label beside other models.

    pip install -c constraints.txt -e '.[quickstart,bench]'
    python scripts/bench_latency.py --trained outputs
    python scripts/bench_latency.py --sections tokens --hidden-sizes 100 --lengths 250

Everybody works in one process, pinned to one core, with one thread, on one text at a time. Contestants take
turns on the same inputs in alternating order, so that a busy moment of a shared machine hits all alike, and a
ratio is the median over turns of the ratio within a turn. Before anything is timed, results are compared.
Whoever is not installed is named in the results with the reason.

Sections: `tokens` (token ids to last hidden state, random weights), `texts` (string to label, trained models
and peers trained on the same reviews), `parity` (native and int8 against their references), `start` (fresh
process to first label), `memory` (many predictions), `threads` (two against one).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import _one_core
from _latency_parity import measure_parity
from _latency_processes import engines_of, measure_memory, measure_start, measure_threads
from _latency_table import table
from _latency_texts import TextPlan, measure_texts, train_peers
from _latency_tokens import TokenPlan, measure_tokens
from _ours import instructions, load_ours

from skim_hf.results import command_line, describe_machine, write_json

SECTIONS = ("tokens", "texts", "parity", "start", "memory", "threads")
OF_TEXTS = SECTIONS[1:]
STARTING_PEERS = ("onnx_int8", "fasttext", "model2vec")


def main() -> None:
    """Runs the sections, prints tables and writes a JSON file."""
    arguments = parse_arguments()
    cores = _one_core.cores()
    results: dict[str, Any] = {
        "command": command_line(),
        "machine": describe_machine(),
        "cores_used": 1,
        "threads": 1,
        "seed": arguments.seed,
    }
    data = read_data(arguments) if set(arguments.sections) & set(OF_TEXTS) else None
    if data:
        results["model"], results["plain_model"] = str(arguments.model), str(arguments.plain_model)
        results["data"] = {"splits": {name: len(split["text"]) for name, split in data.items()}}
    _one_core.pin()
    results["instructions"] = instructions()
    results["environment"] = _one_core.choosing_variables()
    if data:
        measure_trained(arguments, data, cores, results)
    if "tokens" in arguments.sections:
        rate = trained_rate(arguments, data)
        results["tokens"] = measure_tokens(token_plan(arguments, rate))
    write_json(arguments.output, results)
    print(table(results))
    print(f"\nWritten to {arguments.output}")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--trained", type=Path, help="what the quickstart left behind, for all sections but tokens")
    add("--model", type=Path, help="skimming model (default: skim-lstm-imdb of --trained)")
    add("--plain-model", type=Path, help="plain LSTM trained alike (default: plain-lstm-imdb of --trained)")
    add(
        "--data",
        type=Path,
        help="train.parquet, test.parquet with text and label (default: data of --trained)",
    )
    add("--sections", type=_names, help=f"of {','.join(SECTIONS)} (default: all that are possible)")
    add("--hidden-sizes", type=_numbers, default=(64, 100, 200, 400), metavar="D,D", help="for tokens")
    add("--lengths", type=_numbers, default=(20, 250, 1000), metavar="T,T", help="for tokens")
    add("--vocabulary", type=int, default=30_000, help="words of the random models")
    add("--token-rounds", type=int, default=100)
    add("--text-rounds", type=int, default=60)
    add("--words", type=int, default=230, help="length of the reviews that are timed, give or take ten")
    add("--texts", type=int, default=200, help="reviews that are timed")
    add("--predictions", type=int, default=1_000_000, help="for memory")
    add("--thread-texts", type=int, default=10_000)
    add("--starts", type=int, default=7, help="fresh processes of each")
    add("--seed", type=int, default=0)
    add("--quick", action="store_true", help="everything in the smallest sizes, to see that it works")
    add("--output", type=Path, default=Path("outputs/bench_latency.json"))
    arguments = parser.parse_args()
    complete(arguments, parser)
    return arguments


def complete(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Fills in what was left open, and refuses what cannot be."""
    if arguments.trained:
        arguments.model = arguments.model or arguments.trained / "skim-lstm-imdb"
        arguments.plain_model = arguments.plain_model or arguments.trained / "plain-lstm-imdb"
        arguments.data = arguments.data or arguments.trained / "data"
    is_complete = all((arguments.model, arguments.plain_model, arguments.data))
    if arguments.sections is None:
        arguments.sections = SECTIONS if is_complete else ("tokens",)
    if set(arguments.sections) & set(OF_TEXTS) and not is_complete:
        parser.error(
            f"the sections {','.join(OF_TEXTS)} need --trained, or --model, --plain-model and --data"
        )
    if arguments.quick:
        shrink(arguments)
    counts = ("token_rounds", "text_rounds", "texts", "predictions", "thread_texts", "starts", "words")
    if any(getattr(arguments, name) < 1 for name in counts) or arguments.vocabulary < 4:
        parser.error("counts must be at least 1, and --vocabulary at least 4")


def shrink(arguments: argparse.Namespace) -> None:
    """The smallest sizes."""
    small = {
        "hidden_sizes": (7,),
        "lengths": (3, 40),
        "vocabulary": 50,
        "token_rounds": 4,
        "text_rounds": 4,
        "texts": 3,
        "predictions": 20,
        "thread_texts": 8,
        "starts": 1,
    }
    for name, value in small.items():
        setattr(arguments, name, value)


def read_data(arguments: argparse.Namespace) -> dict[str, dict[str, list[str]]]:
    """Texts and labels of the two splits."""
    import pyarrow.parquet as pq

    return {
        name: pq.read_table(arguments.data / f"{name}.parquet", columns=["text", "label"]).to_pydict()
        for name in ("train", "test")
    }


def measure_trained(
    arguments: argparse.Namespace,
    data: dict[str, dict[str, list[str]]],
    cores: list[int],
    results: dict[str, Any],
) -> None:
    """Adds the sections that read reviews with trained models."""
    test, sections = data["test"], arguments.sections
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        peers: list[str] = []
        missing: dict[str, str] = {}
        if {"texts", "start"} & set(sections):
            train = data["train"]
            peers, missing = train_peers(
                arguments.plain_model, scratch, train["text"], train["label"], arguments.seed
            )
        if "texts" in sections:
            results["texts"] = measure_texts(text_plan(arguments, test, scratch), peers)
            results["texts"]["missing"] |= missing
        if "parity" in sections:
            folders = {"skim": arguments.model, "plain": arguments.plain_model}
            results["parity"] = measure_parity(folders, test["text"], test["label"])
        engines = engines_of(arguments.model)
        if "start" in sections:
            present = [name for name in STARTING_PEERS if name in peers]
            fresh = {name: {"name": name, "folder": str(scratch / name)} for name in present}
            results["start"] = {
                "what": "start of Python to the first label of a review, files in the system's caches",
                "contestants": measure_start({**engines, **fresh}, test["text"][0], arguments.starts),
                "missing": {name: missing[name] for name in STARTING_PEERS if name in missing},
            }
    few = test["text"][: arguments.texts]
    if "memory" in sections:
        results["memory"] = measure_memory(engines, few, arguments.predictions)
    if "threads" in sections:
        native = {name: who for name, who in engines.items() if who["backend"] == "native"}
        results["two_threads"] = measure_threads(native, test["text"], arguments.thread_texts, 5, cores)


def trained_rate(arguments: argparse.Namespace, data: Any) -> float | None:
    """The skim rate of the trained model on the test reviews that are timed; None without a model."""
    if not data:
        return None
    runtime = load_ours(arguments.model, "numpy", "float32")
    readings = [runtime.read_ids(runtime.encode(text)) for text in data["test"]["text"][: arguments.texts]]
    tokens = sum(reading.decisions.size for reading in readings)
    return sum(int(reading.decisions.astype(bool).sum()) for reading in readings) / max(1, tokens)


def token_plan(arguments: argparse.Namespace, rate: float | None) -> TokenPlan:
    """What `measure_tokens` has to do; `rate` is the trained model's."""
    return TokenPlan(
        sizes=arguments.hidden_sizes,
        lengths=arguments.lengths,
        skim_rates={"50": 0.5, "90": 0.9, "99": 0.99} | ({} if rate is None else {"trained": rate}),
        rounds=arguments.token_rounds,
        vocab_size=arguments.vocabulary,
        stream=16 * max(arguments.lengths),
        seed=arguments.seed,
    )


def text_plan(arguments: argparse.Namespace, test: dict[str, list[str]], scratch: Path) -> TextPlan:
    """What `measure_texts` has to do."""
    return TextPlan(
        model=arguments.model,
        plain=arguments.plain_model,
        texts=test["text"],
        labels=test["label"],
        scratch=scratch,
        rounds=arguments.text_rounds,
        count=arguments.texts,
        words=arguments.words,
        seed=arguments.seed,
    )


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1, such as 64,100; got {text!r}")
    return numbers


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(SECTIONS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(SECTIONS)}; got {text!r}")
    return names


if __name__ == "__main__":
    main()
