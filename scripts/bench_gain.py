"""Draws the figure of the Skim-RNN paper anew: saved arithmetic and saved time against the size of the state.

    python scripts/bench_gain.py
    python scripts/bench_gain.py --hidden-sizes 100,200 --backend numpy --dtypes float32

Theoretical gain: multiply-adds of a plain LSTM / those of a Skim-LSTM, by the paper's formula and by counting
what is executed. Actual gain: time of our own plain LSTM / time of our Skim-LSTM, so that it owes nothing to
better kernels. One process, one core, one thread; the two take turns on the same texts of random words, and
a gain is the median over turns. The part of the counted gain that arrives as time is the realised gain.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import _one_core
import numpy as np
from _gain_plot import plot_gain
from _ours import instructions, load_ours
from _random_models import draw_tokens, write_models
from tqdm.auto import tqdm

from skim_hf.costs import ReaderShape, choice_counts, macs_ratio, paper_flop_ratio
from skim_hf.results import command_line, describe_machine, write_json
from skim_hf.results.turns import Contestant, ratios, summarise, take_turns

RATES = (0.5, 0.9, 0.99)
# Texts that one of the two reads before the other's turn.
BLOCK = 4
SIZES = (50, 100, 200, 300, 400, 600, 800)


def main() -> None:
    """Measures every size, prints a table, writes a JSON file and draws the figure."""
    arguments = parse_arguments()
    _one_core.pin()
    results: dict[str, Any] = {
        "what": "plain LSTM / Skim-LSTM of ours: multiply-adds and time, token ids to last hidden state",
        "command": command_line(),
        "machine": describe_machine(),
        "instructions": instructions(),
        "environment": _one_core.choosing_variables(),
        "threads": 1,
        "seed": arguments.seed,
        "backend": arguments.backend,
        "vocab_size": arguments.vocabulary,
        "tokens_per_text": arguments.length,
        "turns": arguments.rounds * BLOCK,
        "points": [],
        "missing": {},
    }
    tokens = draw_tokens(arguments.length * arguments.texts, arguments.vocabulary, arguments.seed)
    for size in tqdm(arguments.hidden_sizes, desc="Sizes"):
        with tempfile.TemporaryDirectory() as folder:
            small = max(1, size // 10)
            write_models(Path(folder), size, small, tokens, arguments.vocabulary, arguments.seed)
            for dtype in arguments.dtypes:
                try:
                    points = measure(Path(folder), size, small, dtype, tokens, arguments)
                except ImportError as error:
                    results["missing"][dtype] = str(error)
                else:
                    results["points"] += points
    write_json(arguments.output, results)
    print(table(results))
    print(f"\nWritten to {arguments.output}")
    draw(results, arguments.figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--hidden-sizes", type=_numbers, default=SIZES, metavar="D,D", help="d; the small cell has d / 10")
    add("--backend", choices=("native", "numpy"), default="native")
    add("--dtypes", type=lambda text: text.split(","), default=["float32", "int8"])
    add("--length", type=int, default=250, help="tokens per text")
    add("--texts", type=int, default=32)
    add("--rounds", type=int, default=50)
    # With the largest state, tables of a larger vocabulary would take gigabytes.
    add("--vocabulary", type=int, default=10_000)
    add("--seed", type=int, default=0)
    add("--quick", action="store_true", help="the smallest sizes, to see that it works")
    add("--output", type=Path, default=Path("outputs/bench_gain.json"))
    add("--figure", type=Path, default=Path("outputs/gain.svg"), help="its ending names the format")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.hidden_sizes, arguments.vocabulary = (5, 20), 50
        arguments.length, arguments.texts, arguments.rounds = 40, 3, 2
    if min(arguments.length, arguments.texts, arguments.rounds) < 1 or arguments.vocabulary < 4:
        parser.error("counts must be at least 1, and --vocabulary at least 4")
    if not set(arguments.dtypes) <= {"float32", "int8"}:
        parser.error(f"--dtypes must be among float32,int8; got {','.join(arguments.dtypes)!r}")
    return arguments


def measure(
    folder: Path, size: int, small: int, dtype: str, tokens: Any, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """One point for each skim rate.

    Raises:
        ImportError: The backend is not compiled here.
    """
    texts = list(tokens.reshape(arguments.texts, arguments.length))
    load = {"backend": arguments.backend, "dtype": dtype}
    runs = {"plain": load_ours(folder / "plain", **load)}
    runs |= {str(rate): load_ours(folder / "skim", threshold=1 - rate, **load) for rate in RATES}
    contestants = {name: Contestant(run.read_ids) for name, run in runs.items()}
    times = take_turns(contestants, texts, arguments.rounds, f"d = {size}, {dtype}", BLOCK)
    shape = ReaderShape("lstm", input_size=size, hidden_size=size, skim_sizes=(small,))
    points = []
    for rate in RATES:
        name = str(rate)
        decisions = np.concatenate([runs[name].read_ids(text).decisions[:, 0] for text in texts])
        counts, skimmed = choice_counts(decisions, 2), float(decisions.mean())
        executed = macs_ratio(shape, counts, folded_input=True)
        gain = ratios(times, name, ["plain"])["plain"]
        points.append(
            {
                "hidden_size": size,
                "skim_size": small,
                "dtype": dtype,
                "wanted_skim_rate": rate,
                "skim_rate": skimmed,
                "paper_gain": paper_flop_ratio(size, small, skimmed),
                # Input products are looked up in tables by both; the second count has them computed.
                "macs_gain": executed,
                "macs_gain_with_input": macs_ratio(shape, counts),
                "actual_gain": gain,
                "realised": gain / executed,
                "plain_us_per_token": summarise(times["plain"].values(), arguments.length),
                "skim_us_per_token": summarise(times[name].values(), arguments.length),
            }
        )
    return points


def table(results: dict[str, Any]) -> str:
    """The points as text."""
    lines = [
        f"{results['backend']}, {results['machine']['processor']}, "
        f"{results['tokens_per_text']} tokens per text",
        "",
        f"{'d':>5}{'dtype':>9}{'skimmed':>9}{'paper':>8}{'macs':>8}{'actual':>8}{'realised':>10}"
        f"{'plain':>9}{'skim':>8}  \u00b5s per token",
    ]
    lines += [
        f"{p['hidden_size']:>5}{p['dtype']:>9}{p['skim_rate']:>9.1%}{p['paper_gain']:>8.1f}"
        f"{p['macs_gain']:>8.1f}{p['actual_gain']:>8.1f}{p['realised']:>10.2f}"
        f"{p['plain_us_per_token']['median_us']:>9.2f}{p['skim_us_per_token']['median_us']:>8.2f}"
        for p in results["points"]
    ]
    lines += [f"(missing: {dtype}; {reason})" for dtype, reason in results["missing"].items()]
    return "\n".join(lines)


def draw(results: dict[str, Any], path: Path) -> None:
    """Draws the figure, or says why not."""
    if not results["points"]:
        print("(No figure: nothing was measured.)")
        return
    try:
        plot_gain(results, path)
    except ImportError:
        print("(No figure: that needs matplotlib, which the extra `plots` installs.)")
    else:
        print(f"Drawn in {path}")


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1, such as 100,200; got {text!r}")
    return numbers


if __name__ == "__main__":
    main()
