"""Times training steps of question readers next to the same model with `torch.nn.LSTM` layers.

python scripts/bench_question_training.py --threads 2 --output outputs/bench_question_training.json

A step is a forward pass, a backward pass and an update by AdamW, on rows of full length.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _question_lstm import with_lstms
from _training_times import clock, summarise
from torch import Tensor
from tqdm.auto import tqdm

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering
from skim_hf.results import command_line, describe_machine, write_json

VOCABULARY = 1000
LSTM = "torch.nn.LSTM"


def main() -> None:
    """Lets the models take turns, prints a table and writes a JSON file."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    results = {
        "what": "training steps of question readers (forward, backward, AdamW) on rows of full length; "
        "milliseconds, examples per second, and ratios to the same model with torch.nn.LSTM layers",
        "command": command_line(),
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "device": arguments.device,
        **{name: getattr(arguments, name) for name in ("batch", "context", "question", "width", "layers")},
        **{name: getattr(arguments, name) for name in ("skim_size", "characters", "rounds", "seed")},
        "readers": {reader: measure(arguments, reader) for reader in arguments.readers},
    }
    write_json(arguments.output, results)
    print(table(results))
    print(f"\nWritten to {arguments.output}")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--readers", nargs="+", default=["attention", "bidaf"])
    parser.add_argument("--batch", type=int, default=32, help="rows")
    parser.add_argument("--context", type=int, default=300, help="tokens of a context")
    parser.add_argument("--question", type=int, default=15, help="tokens of a question")
    parser.add_argument("--width", type=int, default=100, help="d, of words and of states")
    parser.add_argument("--layers", type=int, default=2, help="after the attention")
    parser.add_argument("--skim-size", type=int, default=50, help="d', units of the small cells")
    parser.add_argument("--characters", action="store_true", help="with a character CNN")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--output", type=Path, default=Path("outputs/bench_question_training.json"))
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    return arguments


def make_models(arguments: argparse.Namespace, reader: str) -> dict[str, SkimRNNForQuestionAnswering]:
    """The plain model, the same with `torch.nn.LSTM`, and the skimming one."""
    fields = {
        "vocab_size": VOCABULARY,
        "embedding_size": arguments.width,
        "hidden_size": arguments.width,
        "num_hidden_layers": arguments.layers,
        "reader": reader,
        "freeze_embeddings": True,
        "char_vocab_size": 258 if arguments.characters else None,
    }
    torch.manual_seed(arguments.seed)
    plain = SkimRNNForQuestionAnswering(SkimRNNConfig(policy="full", **fields))
    skim = SkimRNNForQuestionAnswering(SkimRNNConfig(skim_sizes=[arguments.skim_size], **fields))
    models = {LSTM: with_lstms(plain), "plain": plain, "skim": skim}
    return {name: model.to(arguments.device).train() for name, model in models.items()}


def make_batch(arguments: argparse.Namespace) -> dict[str, Tensor]:
    """Random words and answers."""
    generator = torch.Generator().manual_seed(arguments.seed)
    rows, tokens, asked = arguments.batch, arguments.context, arguments.question

    def numbers(high: int, *shape: int) -> Tensor:
        return torch.randint(1, high, shape, generator=generator).to(arguments.device)

    batch = {"input_ids": numbers(VOCABULARY, rows, tokens), "question_ids": numbers(VOCABULARY, rows, asked)}
    if arguments.characters:
        batch |= {
            "char_ids": numbers(258, rows, tokens, 16),
            "question_char_ids": numbers(258, rows, asked, 16),
        }
    places = numbers(tokens, rows)
    return {**batch, "start_positions": places, "end_positions": places}


def measure(arguments: argparse.Namespace, reader: str) -> dict[str, Any]:
    """Checks that the two plain models agree, and times all, which take turns."""
    models, batch = make_models(arguments, reader), make_batch(arguments)
    with torch.no_grad():
        one, other = (models[name](**batch).start_logits for name in (LSTM, "plain"))
    difference = float((one - other).abs().max() / one.abs().max())
    steps = {name: make_step(model, batch) for name, model in models.items()}
    times: dict[str, dict[int, float]] = {name: {} for name in steps}
    for turn in tqdm(range(-1, arguments.rounds), desc=reader, unit=" rounds"):
        for name in steps if turn % 2 else reversed(steps):
            elapsed = clock(steps[name], arguments.device)
            # The first round warms up.
            if turn >= 0:
                times[name][turn] = elapsed
    measured = {name: summarise(seconds, times[LSTM]) for name, seconds in times.items()}
    for each in measured.values():
        each["examples_per_second"] = 1000 * arguments.batch / each["median_ms"]
    return {"largest_relative_difference": difference, "models": measured}


def make_step(model: SkimRNNForQuestionAnswering, batch: dict[str, Tensor]) -> Callable[[], object]:
    """A training step of a model."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, 1e-3)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(**batch).loss
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def table(results: dict[str, Any]) -> str:
    """The results as text."""
    size = (
        f"{results['batch']} rows, contexts of {results['context']} and questions of {results['question']} "
        f"tokens, d = {results['width']}, d' = {results['skim_size']}"
    )
    lines = [f"{results['machine']['processor']}, threads: {results['threads']}", size]
    for reader, measured in results["readers"].items():
        lines += ["", f"{reader:<16}{'ms':>10}{'p90':>10}{'examples/s':>12}{'x LSTM':>9}"]
        for name, row in measured["models"].items():
            lines.append(
                f"{name:<16}{row['median_ms']:>10.1f}{row['p90_ms']:>10.1f}"
                f"{row['examples_per_second']:>12.1f}{row['ratio']:>9.2f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
