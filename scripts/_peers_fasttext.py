"""fastText, trained on the same reviews, with and without punctuation set apart."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

SETTINGS = {"dim": 10, "wordNgrams": 2, "epoch": 25, "lr": 0.2, "minCount": 2, "bucket": 2_000_000}
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


def save(folder: Path, variant: str, texts: Iterable[str], labels: Iterable[str], seed: int) -> None:
    """Trains and saves a classifier.

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
        # More than one thread would make the result depend on their race.
        model = fasttext.train_supervised(str(path), thread=1, seed=seed, verbose=0, **SETTINGS)
    model.save_model(str(folder / "model.bin"))


def load(folder: Path, variant: str) -> Callable[[str], str]:
    """Text to label."""
    import fasttext

    clean = VARIANTS[variant]
    model = fasttext.load_model(str(folder / "model.bin"))
    return lambda text: model.predict(clean(text))[0][0].removeprefix(_MARK)
