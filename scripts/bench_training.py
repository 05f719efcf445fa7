"""Measures what training costs next to torch.nn.LSTM: time, memory, and what is kept for the backward pass.

    python scripts/bench_training.py
    python scripts/bench_training.py --setting 16,400,128 --skim-size 16 --backends native --threads 4

torch.nn.LSTM (oneDNN on a CPU, cuDNN on a GPU) is the base of all ratios. Next to it stand a Skim-LSTM as a
step-by-step loop under autograd, the same Skim-LSTM as a fused scan, a plain LSTM as a fused scan, and a
Skip-LSTM and a selective LSTM (SA-RNN), which go step by step. All read the same rows of full length and give
the gradients of all weights and of the inputs; before anything is timed, results of those that compute the
same are compared. They take turns in one process, so that a busy moment of a shared machine hits all alike,
and a ratio is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from _plots import plot_training
from _training_checks import TOLERANCES, check_equal
from _training_contestants import LOOP, LSTM, Contestant, make_contestants, scan_by
from _training_memory import kept_bytes, peak_growth
from _training_times import LOOP_EVERY, PHASES, recurrent_nodes, summarise, take_turns
from _training_work import Size, Work
from tqdm.auto import tqdm

from skim_hf.modeling.scan_backends_skim_rnn import BACKENDS
from skim_hf.modeling.scan_layout_skim_rnn import BLOCKS, ScanLayout
from skim_hf.modeling.scan_native_skim_rnn import kernels
from skim_hf.results import command_line, describe_machine, write_json

SIZES = [Size(32, 256, 100), Size(64, 256, 200), Size(128, 64, 100)]
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in TOLERANCES}
FIGURE = Path("outputs/training.svg")


def main() -> None:
    """Lets the contestants take turns at every size, prints tables, writes a JSON file and draws a figure."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    # On a GPU nn.LSTM would round its products to 10 bits, which is other work than that of the others.
    torch.backends.cudnn.allow_tf32 = False
    if arguments.peak_of:
        print(json.dumps(peak_of(arguments, arguments.setting[0], arguments.peak_of)))
        return
    results = {
        "what": "training passes from packed inputs to hidden states, their gradients, and inference without "
        "graph, over rows of full length; milliseconds, and ratios to torch.nn.LSTM",
        "command": command_line(),
        "machine": describe_machine(),
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu",
        "instructions": getattr(kernels(), "instructions", None),
        "threads": torch.get_num_threads(),
        "dtype": arguments.dtype,
        "seed": arguments.seed,
        "rounds": arguments.rounds,
        "rounds_of_loop": math.ceil(arguments.rounds / LOOP_EVERY),
        "settings": [measure(arguments, size) for size in arguments.setting],
    }
    write_json(arguments.output, results)
    print(table(results))
    print(f"\nWritten to {arguments.output}")
    if has_matplotlib():
        figure = arguments.figure or FIGURE
        plot_training(results, figure)
        print(f"Drawn in {figure}")
    else:
        print("(No figure: that needs matplotlib, which the extra `plots` installs.)")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--setting",
        type=read_size,
        action="append",
        metavar="B,T,D",
        help="rows, tokens per row and width of inputs and state; may be repeated (default: "
        f"{' '.join(','.join(map(str, size)) for size in SIZES)})",
    )
    parser.add_argument("--skim-size", type=int, default=10, help="d', the units of the small cell")
    parser.add_argument(
        "--backends",
        help="of the fused scan, with commas: native, torch, triton (default: torch and the fast one)",
    )
    parser.add_argument("--rounds", type=int, default=15, help=f"loops have a turn in every {LOOP_EVERY}rd")
    parser.add_argument("--threads", type=int, default=cores(), help="default: all cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=DTYPES)
    parser.add_argument("--output", type=Path, default=Path("outputs/bench_training.json"))
    parser.add_argument("--figure", type=Path, help=f"default: {FIGURE}, where matplotlib is installed")
    # The name of a contestant, whose memory a process of its own measures.
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.setting = arguments.setting or SIZES
    if (problem := find_problem(arguments)) is not None:
        parser.error(problem)
    return arguments


def read_size(text: str) -> Size:
    """`32,256,100` as 32 rows of 256 tokens and a width of 100."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(
            f"expected three whole numbers B,T,D such as 32,256,100; got {text!r}"
        )
    size = Size(*map(int, parts))
    if size.batch < 1 or size.length < 2 or size.width < 1:
        raise argparse.ArgumentTypeError(f"B and D must be at least 1, and T at least 2; got {text!r}")
    return size


def find_problem(arguments: argparse.Namespace) -> str | None:
    """What is wrong with the arguments, or None."""
    if arguments.rounds < 1 or arguments.threads < 1:
        return "--rounds and --threads must be at least 1"
    narrowest = min(size.width for size in arguments.setting)
    if not 0 <= arguments.skim_size <= narrowest:
        return f"--skim-size must be from 0 to {narrowest}, the smallest width; got {arguments.skim_size}"
    if arguments.device == "cuda" and not torch.cuda.is_available():
        return "--device cuda needs a GPU, and torch finds none"
    if arguments.figure is not None and not has_matplotlib():
        return "--figure needs matplotlib: pip install 'skim-hf[plots]'"
    for backend in arguments.backends.split(",") if arguments.backends else ():
        if backend not in BACKENDS:
            return f"--backends must be among {', '.join(BACKENDS)}; got {backend!r}"
        for size in arguments.setting:
            if (reason := why_not(backend, arguments, size)) is not None:
                return f"--backends {backend} cannot run {','.join(map(str, size))}: {reason}"
    return None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_matplotlib() -> bool:
    """Whether a figure can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def why_not(backend: str, arguments: argparse.Namespace, size: Size) -> str | None:
    """Why a backend cannot run a setting, or None if it can."""
    sizes = tuple(units for units in (size.width, arguments.skim_size) if units)
    layout = ScanLayout("lstm", sizes, True, BLOCKS["lstm"] * sum(sizes) + 2)
    like = torch.empty(0, dtype=DTYPES[arguments.dtype], device=arguments.device)
    return BACKENDS[backend].declined(layout, like)


def choose_backends(arguments: argparse.Namespace, size: Size) -> dict[str, str | None]:
    """Those of `--backends`, or the fast one of the device and torch; each with why it cannot run."""
    usual = "triton,torch" if arguments.device == "cuda" else "native,torch"
    names = (arguments.backends or usual).split(",")
    return {backend: why_not(backend, arguments, size) for backend in names}


def gather(arguments: argparse.Namespace, size: Size) -> dict[str, Contestant]:
    """The contestants of one setting, each with its work."""
    work = Work.draw(size, arguments.seed, arguments.device, DTYPES[arguments.dtype])
    backends = [name for name, reason in choose_backends(arguments, size).items() if reason is None]
    return make_contestants(work, arguments.skim_size, backends, arguments.seed)


def measure(arguments: argparse.Namespace, size: Size) -> dict[str, Any]:
    """Checks that the contestants of one setting agree, and then measures them."""
    contestants = gather(arguments, size)
    steps = arguments.rounds + 1 + len(contestants)
    with tqdm(total=steps, desc="x".join(map(str, size)), unit=" steps") as bar:
        differences = check_equal(contestants)
        times = take_turns(contestants, arguments.rounds, arguments.device, bar.update)
        evaluate = cast(Callable[[], tuple[torch.Tensor, ...]], contestants[LOOP].evaluate)
        decisions = evaluate()[1]
        measured: dict[str, dict[str, Any]] = {}
        for name, contestant in contestants.items():
            with scan_by(contestant.backend):
                kept = kept_bytes(contestant)
            measured[name] = {
                "title": contestant.title,
                **{phase: summarise(t[name], t[LSTM]) for phase, t in times.items() if name in t},
                "kept_bytes_per_token": kept / (size.batch * size.length),
                "peak": peak_in_new_process(arguments, size, name),
            }
            bar.update()
    return {
        **size._asdict(),
        "skim_size": arguments.skim_size,
        "skim_rate_in_evaluation": float((decisions > 0).double().mean()),
        "left_out": {name: why for name, why in choose_backends(arguments, size).items() if why},
        "lstm_runs_as": recurrent_nodes(contestants[LSTM]),
        "largest_relative_difference": differences,
        "contestants": measured,
    }


def peak_in_new_process(arguments: argparse.Namespace, size: Size, name: str) -> dict[str, Any]:
    """What `peak_of` gives in a process that has done nothing else."""
    options = {
        "--peak-of": name,
        "--setting": ",".join(map(str, size)),
        "--skim-size": arguments.skim_size,
        "--threads": arguments.threads,
        "--seed": arguments.seed,
        "--device": arguments.device,
        "--dtype": arguments.dtype,
    }
    if arguments.backends:
        options["--backends"] = arguments.backends
    command = [sys.executable, __file__, *(str(part) for option in options.items() for part in option)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def peak_of(arguments: argparse.Namespace, size: Size, name: str) -> dict[str, Any]:
    """How far one forward and backward pass raises the memory of this process."""
    # Loads libraries and starts threads, which are no part of the pass.
    small = gather(arguments, Size(2, 3, size.width))[name]
    contestant = gather(arguments, size)[name]
    with scan_by(contestant.backend):
        small.forward_backward()
        gc.collect()
        growth, source = peak_growth(contestant.forward_backward, arguments.device)
    return {"mebibytes": growth / 2**20, "source": source}


def table(results: dict[str, Any]) -> str:
    """The results as text."""
    lines = [
        f"{results['machine']['processor']}, {results['device']}, {results['dtype']}, "
        f"threads: {results['threads']}, rounds: {results['rounds']}, C kernels: {results['instructions']}",
    ]
    for setting in results["settings"]:
        lines += [
            "",
            f"{setting['batch']} rows of {setting['length']} tokens, d = {setting['width']}, "
            f"d' = {setting['skim_size']}, {setting['skim_rate_in_evaluation']:.0%} skimmed in evaluation",
            f"{'':<40}" + "".join(f"{title:>21}" for title in PHASES.values()) + f"{'peak':>10}{'kept':>10}",
            f"{'':<40}" + f"{'ms':>12}{'x LSTM':>9}" * len(PHASES) + f"{'MiB':>10}{'B/token':>10}",
        ]
        for row in setting["contestants"].values():
            cells = (
                f"{row[phase]['median_ms']:>12.2f}{row[phase]['ratio']:>9.2f}" if phase in row else " " * 21
                for phase in PHASES
            )
            memory = f"{row['peak']['mebibytes']:>10.1f}{row['kept_bytes_per_token']:>10,.0f}"
            lines.append(f"{row['title']:<40}{''.join(cells)}{memory}")
        lines += [f"({name} is left out: {why})" for name, why in setting["left_out"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
