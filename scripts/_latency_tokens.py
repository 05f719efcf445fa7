"""Token ids to last hidden state: what a token costs, next to other LSTMs with the same weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _peers_onnx
import _peers_torch
import numpy as np
from _gather import gather
from _ours import ENGINES, engine_name, load_ours
from _random_models import Ids, draw_tokens, write_models
from numpy.typing import NDArray

from skim_hf.results.turns import Contestant, ratios, summarise, take_turns
from skim_hf.runtime import RuntimeConfig
from skim_hf.runtime.weights import load_weights

TOLERANCE = 1e-4
"""Largest difference between float32 states."""
INT8_TOLERANCE = 0.05
"""Largest difference of an int8 state from the float32 one; states are within [-1, 1]."""

ROUND_TOKENS = 1000
"""About how many tokens a reader reads before the next one's turn, and as many before that, untimed."""

Reader = Callable[[Ids], NDArray[np.float32]]


@dataclass(frozen=True)
class TokenPlan:
    """What to measure.

    Attributes:
        sizes: Widths d; the small cell has d' = d / 10.
        lengths: Tokens per text.
        skim_rates: Shares of tokens to skim, by the name that results give them.
        rounds: Per width and length; a round is one text, or as many as have a thousand tokens.
        vocab_size: V.
        stream: Tokens that are drawn and cut into texts.
        seed: Of weights and tokens.
    """

    sizes: tuple[int, ...]
    lengths: tuple[int, ...]
    skim_rates: dict[str, float]
    rounds: int
    vocab_size: int
    stream: int
    seed: int


def measure_tokens(plan: TokenPlan) -> dict[str, Any]:
    """Lets all contestants of every width read texts of every length.

    Raises:
        SystemExit: Two that should agree do not: a time of something else would be worthless.
    """
    tokens = draw_tokens(plan.stream, plan.vocab_size, plan.seed)
    settings = []
    for size in plan.sizes:
        with tempfile.TemporaryDirectory() as folder:
            small = max(1, size // 10)
            write_models(Path(folder), size, small, tokens, plan.vocab_size, plan.seed)
            readers, missing = _load_readers(Path(folder), plan.skim_rates, f"d = {size}")
            for length in plan.lengths:
                measured = _measure(readers, tokens, length, plan.rounds, f"d = {size}, {length} tokens")
                settings.append({"hidden_size": size, "skim_size": small, **measured, "missing": missing})
    return {
        "what": "token ids to last hidden state, one text at a time; random weights; the decision of the "
        "skimming models is forced by the word, its product with h is computed all the same",
        "vocab_size": plan.vocab_size,
        "skim_rates": plan.skim_rates,
        "tolerance": {"float32": TOLERANCE, "int8": INT8_TOLERANCE},
        "settings": settings,
    }


def _load_readers(
    folder: Path, skim_rates: dict[str, float], label: str
) -> tuple[dict[str, Reader | Any], dict[str, str]]:
    """Our runtimes and the readers of others, by name; and what is missing, with the reason."""
    makers: dict[str, Callable[[], Contestant]] = {}
    for backend, dtype in ENGINES:
        name = engine_name(backend, dtype)
        makers[f"{name}_plain"] = _maker(load_ours, folder / "plain", backend, dtype)
        for rate_name, rate in skim_rates.items():
            makers[f"{name}_skim_{rate_name}"] = _maker(
                load_ours, folder / "skim", backend, dtype, threshold=1 - rate
            )
    config = RuntimeConfig.load(folder / "plain" / "config.json")
    weights = load_weights(folder / "plain" / "model.safetensors", config)
    makers["torch_lstm"] = _maker(_peers_torch.lstm_reader, weights)
    for dtype in _peers_onnx.DTYPES:
        makers[f"onnx_{dtype}"] = _maker(_onnx_reader, config, weights, folder / f"{dtype}.onnx", dtype)
    made, missing = gather(makers, label)
    return {name: contestant.run for name, contestant in made.items()}, missing


def _maker(make: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Contestant]:
    def maker() -> Contestant:
        made = make(*arguments, **options)
        # A runtime of ours gives a whole reading, of which the last state is a part.
        return Contestant(made.read_ids if hasattr(made, "read_ids") else made)

    return maker


def _onnx_reader(config: RuntimeConfig, weights: Any, path: Path, dtype: str) -> Reader:
    _peers_onnx.save_lstm(_peers_onnx.build_lstm(config, weights), path, dtype)
    return _peers_onnx.lstm_reader(path)


def _measure(readers: dict[str, Any], tokens: Ids, length: int, rounds: int, label: str) -> dict[str, Any]:
    """Checks and times all readers on texts of one length."""
    block = max(1, ROUND_TOKENS // length)
    count = min(rounds * block, max(1, len(tokens) // length))
    texts = [tokens[start * length : (start + 1) * length] for start in range(count)]
    notes = check_equal(readers, texts)
    contestants = {name: Contestant(run) for name, run in readers.items()}
    times = take_turns(contestants, texts, rounds, label, block)
    plain = [name for name in times if name.endswith("_plain") or name.startswith(("torch", "onnx"))]
    return {
        "length": len(texts[0]),
        "texts": count,
        "contestants": {
            name: {
                "us_per_token": summarise(seconds.values(), len(texts[0])),
                "times_faster_than": ratios(times, name, plain),
                **notes[name],
            }
            for name, seconds in times.items()
        },
    }


def check_equal(readers: dict[str, Any], texts: list[Ids]) -> dict[str, dict[str, float]]:
    """Holds every reader to our NumPy engine with the same decisions on the same texts.

    Returns:
        Per reader its largest difference in the last hidden states and, for one that skims, its skim rate and
        the share of its decisions that differ.

    Raises:
        SystemExit: A difference above the tolerance.
    """
    notes: dict[str, dict[str, float]] = {}
    results = {name: [_as_pair(run(ids)) for ids in texts] for name, run in readers.items()}
    for name, found in results.items():
        base = "_".join(["numpy_float32", *name.split("_")[2:]])
        truth = results[base if base in results else "numpy_float32_plain"]
        difference = max(float(np.abs(a - b).max()) for (a, _), (b, _) in zip(found, truth, strict=True))
        notes[name] = {"largest_difference": difference}
        limit = INT8_TOLERANCE if "int8" in name else TOLERANCE
        choices = [decisions for _, decisions in found if decisions is not None]
        if "_skim_" in name and choices:
            wanted = np.concatenate([decisions for _, decisions in truth])
            differing = float((np.concatenate(choices) != wanted).mean())
            notes[name] |= {
                "skim_rate": float(np.concatenate(choices).mean()),
                "decisions_differing": differing,
            }
            if differing and "int8" not in name:
                raise SystemExit(f"{name} decides otherwise than {base}; nothing was measured.")
        # Where int8 decides otherwise it reads something else, and its state says nothing.
        if difference > limit and not notes[name].get("decisions_differing"):
            raise SystemExit(f"{name} differs from NumPy by {difference:.1e}; nothing was measured.")
    return notes


def _as_pair(result: Any) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Last hidden state, and decisions of one of ours."""
    if hasattr(result, "decisions"):
        return result.hidden[0], result.decisions[:, 0]
    return result, None
