"""String to label on real reviews: trained models of ours next to trained peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import _peers_fasttext
import _peers_model2vec
import _peers_onnx
import _peers_transformer
import numpy as np
from _gather import gather
from _ours import ENGINES, engine_name, load_ours
from tqdm.auto import tqdm

from skim_hf.results.turns import Contestant, ratios, summarise, take_turns

TRANSFORMER_EVERY = 4
# Reviews of a round, after as many untimed ones: frequent words are then in the caches as in a service.
BLOCK = 32


@dataclass(frozen=True)
class TextPlan:
    """What to measure.

    Attributes:
        model: Folder of the trained skimming model.
        plain: Folder of the trained plain one.
        texts: The test reviews.
        labels: Theirs.
        scratch: Folder of the trained peers, filled by `train_peers`.
        rounds: How many.
        count: Reviews among which the turns alternate.
        words: Length of these reviews, in words between blanks, give or take ten.
        seed: Of the choice of reviews.
    """

    model: Path
    plain: Path
    texts: list[str]
    labels: list[str]
    scratch: Path
    rounds: int
    count: int
    words: int
    seed: int


def train_peers(
    plain: Path, scratch: Path, texts: list[str], labels: list[str], seed: int
) -> tuple[list[str], dict[str, str]]:
    """Trains or builds all peers, each in its folder; returns their names, and what is missing and why."""

    def onnx(dtype: str) -> None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(plain / "tokenizer.json"))
        _peers_onnx.save_classifier(plain, scratch / f"onnx_{dtype}", dtype, tokenizer)

    def fasttext(variant: str) -> None:
        _peers_fasttext.save(scratch / variant, variant, texts, labels, seed)

    def model2vec() -> None:
        _peers_model2vec.save(scratch / "model2vec", texts, labels, seed)

    def transformer() -> None:
        _peers_transformer.save(scratch / "transformer_int8", texts, seed)

    makers: dict[str, Callable[[], Any]] = {
        **{f"onnx_{dtype}": partial(onnx, dtype) for dtype in _peers_onnx.DTYPES},
        **{variant: partial(fasttext, variant) for variant in _peers_fasttext.VARIANTS},
        "model2vec": model2vec,
        "transformer_int8": transformer,
    }
    made, missing = gather(makers, "Training peers")
    return list(made), missing


def peer_loader(name: str, folder: Path) -> Callable[[str], object]:
    """Loads a peer that `train_peers` saved, as a function from text to label."""
    if name.startswith("onnx_"):
        return _peers_onnx.load_classifier(folder)
    if name in _peers_fasttext.VARIANTS:
        return _peers_fasttext.load(folder, name)
    modules = {"model2vec": _peers_model2vec, "transformer_int8": _peers_transformer}
    return modules[name].load(folder)


def measure_texts(plan: TextPlan, peers: list[str]) -> dict[str, Any]:
    """Times string to label on reviews of one length, and scores everybody on all test reviews."""
    makers: dict[str, Callable[[], Contestant]] = {}
    for backend, dtype in ENGINES:
        for kind, folder in (("skim", plan.model), ("plain", plan.plain)):
            name = f"{engine_name(backend, dtype)}_{kind}"
            makers[name] = partial(_ours, folder, backend, dtype)
    for name in peers:
        makers[name] = partial(_peer, name, plan.scratch / name)
    contestants, missing = gather(makers)
    texts = choose_texts(plan)
    times = take_turns(contestants, texts, plan.rounds, f"{plan.words} words", BLOCK)
    tokens = load_ours(plan.model, "numpy", "float32")
    return {
        "what": f"string to label, one review at a time, in blocks of {BLOCK} after as many untimed ones",
        "texts": len(texts),
        "words_per_text": float(np.mean([len(text.split()) for text in texts])),
        "tokens_per_text": float(np.mean([len(tokens.encode(text)) for text in texts])),
        "settings_of_peers": {
            "fasttext": _peers_fasttext.SETTINGS,
            "model2vec": f"{_peers_model2vec.VECTORS}, fine-tuned; no limit of length",
            "transformer_int8": "DistilBERT's shape, random weights; word pieces trained on the reviews, "
            "at most 512",
        },
        "contestants": {
            name: {
                **summarise(seconds.values()),
                "times_faster_than": ratios(times, name, times),
                "accuracy": accuracy(contestants[name].run, plan, name),
            }
            for name, seconds in times.items()
        },
        "missing": missing,
    }


def choose_texts(plan: TextPlan) -> list[str]:
    """Random reviews within ten words of the wanted length; where there are none, any."""
    near = [text for text in plan.texts if abs(len(text.split()) - plan.words) <= 10] or plan.texts
    order = np.random.default_rng(plan.seed).permutation(len(near))
    return [near[row] for row in order[: plan.count]]


def accuracy(run: Callable[[str], object], plan: TextPlan, name: str) -> float | None:
    """Share of the test reviews with the right label; None for the one whose weights are random."""
    if name.startswith("transformer"):
        return None
    bar = tqdm(zip(plan.texts, plan.labels, strict=True), desc=name, total=len(plan.texts), leave=False)
    return float(np.mean([_label(run(text)) == label for text, label in bar]))


def _label(result: Any) -> object:
    return result["label"] if isinstance(result, dict) else result


def _ours(folder: Path, backend: str, dtype: str) -> Contestant:
    return Contestant(load_ours(folder, backend, dtype))


def _peer(name: str, folder: Path) -> Contestant:
    return Contestant(peer_loader(name, folder), TRANSFORMER_EVERY if name.startswith("transformer") else 1)
