"""A saved model made small enough to publish: half-precision weights, and only the most frequent words."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from skim_hf.hub.checks import check_model
from skim_hf.hub.code import code_files, full_auto_map
from skim_hf.results.files import RESULTS_NAME
from skim_hf.runtime.json_files import read_object
from skim_hf.runtime.model_files import CONFIG, TOKENIZER, WEIGHTS, weights_of
from skim_hf.runtime.tensor_files import open_tensors

DTYPES = ("float16", "float32")

_TABLE = "embed_tokens.weight"
_SHOWN = 5
_COPIED = re.compile(
    r"tokenizer_config\.json|special_tokens_map\.json|(LICENSE|NOTICE)(\.txt|\.md)?|CITATION\.cff"
)
_OF_A_MODEL = re.compile(
    rf"{re.escape(CONFIG)}|{re.escape(TOKENIZER)}|{re.escape(RESULTS_NAME)}"
    r"|(tokenizer_config|special_tokens_map|added_tokens)\.json|.+\.(safetensors|safetensors\.index\.json|py)"
)


class SlimModel(NamedTuple):
    """What became of a model.

    Attributes:
        folder: Where it is.
        words: Rows of its table, special tokens included; 0 for a model of features.
        words_cut: Rows that it no longer has.
        size: Bytes of its weights.
        size_before: Bytes of the weights that it was made from.
    """

    folder: Path
    words: int
    words_cut: int
    size: int
    size_before: int


def slim_model(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    most_words: int | None = None,
    order: Sequence[str] | None = None,
    dtype: str = "float16",
) -> SlimModel:
    """Writes a saved model anew, with fewer words and smaller numbers.

    Vocabularies of `build_tokenizer` are in order of frequency in training: the first words are the most
    frequent ones. A word that is cut is read as the unknown token; how texts are split, and so every place in
    a text, stays as it is. Weights are stored in `dtype` and loaded in float32, by transformers because
    `config.json` says so: on a CPU half precision is no faster, and states rounded to it would give other
    results than the runtime, which computes in float32 too.

    Code and licences go along. Results do not: they belong to the weights that they were measured of. Measure
    the new model; what `results.json` says of the training still holds, and may be taken over with
    `ModelResults.of(target, training=ModelResults.load(source).training)`.

    Args:
        source: Folder of a saved model.
        target: Folder to be written. A model in it is replaced as a whole, with its results, or left alone if
            anything fails; other files, such as README.md, stay.
        most_words: How many words to keep, special tokens not counted. None keeps all, as does a number
            above that of the words.
        order: Words from the one to be kept first to the last; those that it lacks come after them, in the
            order of the vocabulary. Of use where many words stand there without a frequency, such as those
            that a question reader knows from its word vectors alone.
        dtype: `float16` or `float32`.

    Raises:
        FileNotFoundError: No saved model, or one that lacks a file.
        OSError: The target cannot be written.
        ValueError: A damaged model, one without words or with a tokenizer of another kind where words are to
            be cut, weights beyond the range of `dtype`, or a target that is the source or no model's folder.

    Example:
        >>> slim_model("outputs/imdb", "model_cards/imdb", most_words=20_000).words  # doctest: +SKIP
        20002
    """
    source, target = Path(source).resolve(), Path(target).resolve()
    _check(source, target, most_words, dtype)
    values = read_object(source / CONFIG)
    check_model(source, values)
    rows = kept = values.get("vocab_size")
    vocabulary = ids = None
    if most_words is not None:
        vocabulary, ids = _first_words(source / TOKENIZER, rows, most_words, order or ())
        kept = len(ids)
    with _replacing(target) as folder:
        for path in (*_others(target), *_travelling(source, values)):
            shutil.copyfile(path, folder / path.name)
        if vocabulary is not None:
            _write_json(folder / TOKENIZER, vocabulary)
        values |= {"auto_map": full_auto_map(source, values), "vocab_size": kept, "dtype": "float32"}
        _write_json(folder / CONFIG, values)
        size_before = _write_weights(weights_of(source), folder / WEIGHTS, ids, np.dtype(dtype))
        check_model(folder, values)
    return SlimModel(
        target, kept or 0, (rows or 0) - (kept or 0), (target / WEIGHTS).stat().st_size, size_before
    )


def _check(source: Path, target: Path, most_words: int | None, dtype: str) -> None:
    """Refuses what cannot be meant."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; got {dtype!r}.")
    if most_words is not None and most_words < 1:
        raise ValueError(f"most_words must be at least 1, or None for all; got {most_words!r}.")
    if not (source / CONFIG).is_file():
        raise FileNotFoundError(f"{source} lacks {CONFIG}. Give the folder of a saved model.")
    if source == target:
        raise ValueError(f"A model is written to another folder than its own, {source}. Give another target.")
    if not target.exists():
        return
    # A mistaken path must not cost anybody their files, nor fill a folder of something else.
    holds = [path.name for path in target.iterdir()] if target.is_dir() else [target.name]
    folders = [name for name in holds if (target / name).is_dir()]
    if holds and (folders or not (target / CONFIG).is_file()):
        raise ValueError(
            f"{target} would be replaced, but it holds more than a saved model "
            f"({', '.join(sorted(folders or holds)[:_SHOWN])}, ...). Give a new folder, or empty this one."
        )


def _first_words(
    path: Path, rows: int | None, most_words: int, order: Sequence[str]
) -> tuple[dict[str, Any], NDArray[np.intp]]:
    """A `tokenizer.json` with its special tokens and first words alone, and the rows that they had, [n]."""
    content = {} if rows is None else read_object(path)
    model = content.get("model", {})
    if rows is None or model.get("type") != "WordLevel":
        raise ValueError(
            f"Words can be cut from a tokenizer of whole words, as build_tokenizer makes it; "
            f"{'this model reads features' if rows is None else f'{path} holds another one'}. Leave "
            "most_words out."
        )
    words: dict[str, int] = model["vocab"]
    special = {token["content"] for token in content.get("added_tokens") or []} | {model["unk_token"]}
    if {words.get(token) for token in special} != set(range(len(special))):
        raise ValueError(
            f"The special tokens of {path} must have the first ids of its vocabulary, as build_tokenizer "
            f"gives them; got {sorted(special)} in other places. Leave most_words out."
        )
    wanted = dict.fromkeys((*order, *sorted(words, key=words.__getitem__)))
    first = [word for word in wanted if word in words and word not in special][:most_words]
    # Those that stay keep their order, so that all words together are the vocabulary as it was.
    kept = sorted((*special, *first), key=words.__getitem__)
    vocabulary = {word: number for number, word in enumerate(kept)}
    ids = np.array([words[word] for word in kept], dtype=np.intp)
    return {**content, "model": {**model, "vocab": vocabulary}}, ids


def _travelling(source: Path, values: Mapping[str, Any]) -> Iterator[Path]:
    """What is copied as it is; what belongs to the weights' figures is not."""
    yield from code_files(source, values).values()
    for path in source.iterdir():
        if path.is_file() and (path.name == TOKENIZER or _COPIED.fullmatch(path.name)):
            yield path


def _others(target: Path) -> Iterator[Path]:
    """What a target holds beside a model, such as what users have written in its card."""
    for path in target.iterdir() if target.is_dir() else ():
        if not _OF_A_MODEL.fullmatch(path.name):
            yield path


def _write_weights(source: Path, target: Path, ids: NDArray[np.intp] | None, dtype: np.dtype[Any]) -> int:
    """Converts all tensors, of the table some rows; the bytes of the files that they came from."""
    files = open_tensors(source)
    tensors = {}
    for name, file in files.items():
        tensor = file.read(name)
        kept = tensor if ids is None or not name.endswith(_TABLE) else tensor[ids]
        with np.errstate(over="ignore"):
            tensors[name] = np.ascontiguousarray(kept, dtype=dtype)
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds values beyond the range of {dtype}. Use dtype='float32'.")
    # transformers loads only what says which library's order its tensors are in.
    save_file(tensors, target, metadata={"format": "pt"})
    return sum(path.stat().st_size for path in {file.path for file in files.values()})


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder that takes the target's place when all went well, and else leaves no trace."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = (target.with_name(f".{target.name}.{os.getpid()}.{what}") for what in ("new", "old"))
    new.mkdir()
    try:
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
