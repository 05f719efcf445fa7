"""Result files: written whole or not at all, and checked when they are read."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from skim_hf.results.saved import describe_model, load_saved
from skim_hf.results.schema import ANYTHING, BLOCKS, COUNT, TEXT, Block, check

RESULTS_NAME = "results.json"
"""What the file is called in a model's folder."""

FORMAT = 1

_AGAIN = "Make it again with `skim-hf evaluate --results`, or remove it."


@dataclass(frozen=True)
class ModelResults:
    """What was measured of one model; blocks that nobody measured are None.

    Attributes:
        weights: Digest of the weights that the figures belong to.
        model: Architecture, number of parameters and sizes of the files in bytes.
        training: Data, splits, recipe, seed, command, machine with versions.
        evaluation: Data, split, scores, skim rates, cost ratios, a dense model and a curve of thresholds.
        latency: Times of a text, and the length of the texts.
        example: One text with the words that were read of it, and texts to try.
        answer: Instead, of a model that answers questions: one with its context and what was read of that.
        predictions: Of some texts or questions, for whoever loads the model to compare with.

    Raises:
        ValueError: A block that is not complete, or holds what it should not.

    Example:
        >>> results = ModelResults.of(folder)  # doctest: +SKIP
        >>> replace(results, latency=measure_latency({"adaptive": clf}, texts)).save(folder)  # doctest: +SKIP
    """

    weights: str
    model: Block
    training: Block | None = None
    evaluation: Block | None = None
    latency: Block | None = None
    example: Block | None = None
    answer: Block | None = None
    predictions: Block | None = None

    def __post_init__(self) -> None:
        check(self.weights, TEXT, "weights")
        for name, schema in BLOCKS.items():
            block = getattr(self, name)
            if block is not None or name == "model":
                check(block, schema, name)

    @classmethod
    def of(cls, folder: str | os.PathLike[str], **blocks: Block | None) -> ModelResults:
        """Results that belong to the weights in a folder.

        Args:
            folder: A saved model.
            **blocks: What was measured; `model` is made here.

        Raises:
            FileNotFoundError: No saved model, or one that lacks a file.
            ValueError: A damaged model, or a block that is not complete.
        """
        saved = load_saved(folder)
        return cls(saved.weights.digest, describe_model(folder, saved), **blocks)

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> ModelResults:
        """Reads a result file.

        Args:
            source: The file, or the folder of a model with its `results.json`.

        Raises:
            FileNotFoundError: There is none.
            ValueError: A damaged file, one of an unknown format, or one that is not complete.
        """
        path = _path(source)
        try:
            values = json.loads(
                path.read_bytes().decode("utf-8"), parse_constant=_finite, parse_float=_finite
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"There are no results in {path}. Make them with `skim-hf evaluate --results`."
            ) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not valid JSON ({error}). {_AGAIN}") from error
        try:
            return cls(**_fields(values))
        except ValueError as error:
            raise ValueError(f"{path}: {error} {_AGAIN}") from error

    def save(self, target: str | os.PathLike[str]) -> Path:
        """Writes the results.

        Args:
            target: A file, or the folder of the model.

        Returns:
            The file.
        """
        path = _path(target)
        blocks = {name: block for name, block in asdict(self).items() if block is not None}
        write_json(path, {"format": FORMAT, **blocks})
        return path

    def check_weights(self, folder: str | os.PathLike[str]) -> None:
        """Refuses a model other than the measured one.

        The digest is that of the numbers which the runtime computes with. So it stays the same when a model
        is saved again, in several files, or without the prefix of its tensors' names, where a checksum of the
        file would not; and it changes with any weight that could change a figure. The tokenizer and the
        configuration are not part of it.

        Raises:
            FileNotFoundError: No saved model, or one that lacks a file.
            ValueError: Other weights.
        """
        found = load_saved(folder).weights.digest
        if found != self.weights:
            raise ValueError(
                f"These results belong to the weights {self.weights}, but {folder} holds {found}: the model "
                "was trained or changed after it was measured. Measure it again with "
                f"`skim-hf evaluate --results`, or remove {RESULTS_NAME}."
            )


def write_json(path: str | os.PathLike[str], results: dict[str, Any]) -> None:
    """Writes a result file in one go: an interrupted run leaves the old one."""
    write_text(path, json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 file in one go, making its folder if there is none."""
    path = Path(path)
    # Before anything is touched: some texts cannot be encoded.
    content = text.encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _path(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    return path / RESULTS_NAME if path.is_dir() else path


def _finite(text: str) -> float:
    """A number of JSON, or of the constants that Python takes for JSON."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it holds {text}, and no figure may be infinite or not a number")
    return number


def _fields(values: Any) -> dict[str, Any]:
    """The arguments of `ModelResults` in a file's contents."""
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object; got {type(values).__name__}.")
    if values.get("format") != FORMAT:
        raise ValueError(
            f"expected format {FORMAT}; got {values.get('format')!r}. A newer skim-hf may read it."
        )
    names = [field.name for field in fields(ModelResults)]
    schema = {name if name in ("weights", "model") else f"{name}?": ANYTHING for name in names}
    check(values, {"format": COUNT, **schema}, "the file")
    return {name: value for name, value in values.items() if name != "format"}
