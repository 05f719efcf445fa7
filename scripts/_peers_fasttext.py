"""fastText, trained on the same reviews, with and without punctuation set apart."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = {
    "dim": 10,
    "wordNgrams": 2,
    "epoch": 25,
    "lr": 0.2,
    "minCount": 2,
    "bucket": 2_000_000,
}
"""Few dimensions and bigrams, as its authors recommend for sentiment."""

_MARK = "__label__"
_SYMBOLS = re.compile(r"([^\w\s'])")


def lowered(text: str) -> str:
    """The least that fastText needs: one line, which it splits at blanks. The quickest."""
    return text.lower().replace("\n", " ")


def split(text: str) -> str:
    """With blanks around symbols, as in the authors' tutorial: more accurate, and slower for it."""
    return _SYMBOLS.sub(r" \1 ", lowered(text))


VARIANTS: dict[str, Callable[[str], str]] = {"fasttext": lowered, "fasttext_split": split}


def save(folder: Path, variant: str, texts: Iterable[str], labels: Iterable[str], seed: int) -> float:
    """Trains and saves a classifier.

    Returns:
        The learning rate: that of the settings, or half of it, and so on, where fastText's own arithmetic
        fails, as it does now and then.

    Raises:
        ImportError: fastText is not installed.
    """
    import fasttext

    clean = VARIANTS[variant]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "train.txt"
        with path.open("w", encoding="utf-8") as file:
            for text, label in zip(texts, labels, strict=True):
                file.write(f"{_MARK}{label} {clean(text)}\n")
        model, rate = _train(fasttext.train_supervised, path, seed)
    model.save_model(str(folder / "model.bin"))
    return rate


def _train(train: Callable[..., Any], path: Path, seed: int) -> tuple[Any, float]:
    """The model and its learning rate."""
    settings = dict(SETTINGS)
    while True:
        try:
            # More than one thread would make the result depend on their race.
            return train(str(path), thread=1, seed=seed, verbose=0, **settings), settings["lr"]
        except RuntimeError as error:
            if "NaN" not in str(error) or settings["lr"] < SETTINGS["lr"] / 8:
                raise
            settings["lr"] /= 2


def load(folder: Path, variant: str) -> Callable[[str], str]:
    """Text to label."""
    import fasttext

    clean = VARIANTS[variant]
    model = fasttext.load_model(str(folder / "model.bin"))
    return lambda text: model.predict(clean(text))[0][0].removeprefix(_MARK)
