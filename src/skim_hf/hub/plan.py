"""What a push would send: found, checked and completed without the network."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skim_hf.hub.card import CARD_NAME, check_replaceable, render_card
from skim_hf.hub.checks import NO_HEAD, check_model
from skim_hf.hub.code import code_files, full_auto_map
from skim_hf.results.files import RESULTS_NAME
from skim_hf.runtime.json_files import read_object
from skim_hf.runtime.model_files import CONFIG, INDEX, TOKENIZER, weights_of
from skim_hf.runtime.weight_index import shard_names

_TRAVELS = re.compile(
    r"tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json"
    r"|\w+_results\.json|trainer_state\.json|(LICENSE|NOTICE)(\.txt|\.md)?|CITATION\.cff"
)
_REASONS = (
    (r"checkpoint-\d+|last-checkpoint", "a checkpoint of the training"),
    (r".+\.(bin|pt|pth|pkl|pickle|ckpt|joblib)", "a pickle, which can run code when it is opened"),
    (r".+\.(safetensors|safetensors\.index\.json)", "weights that are not those of the model"),
    (r".+\.py", "code that the model does not need"),
    (r"\..+|__pycache__|runs", "hidden or a cache"),
)
_OTHER = "not a file of a model; `hf upload` sends any file"


@dataclass(frozen=True)
class PlannedFile:
    """One file of a push.

    Attributes:
        path: Its name in the repository.
        size: In bytes.
        content: Where it lies, or what it holds if it was made for the push.
    """

    path: str
    size: int
    content: Path | bytes = field(repr=False)


@dataclass(frozen=True)
class PushPlan:
    """What a push sends.

    Attributes:
        folder: Of the saved model, which is not changed.
        files: What goes, in order of names.
        left_out: What stays, by name, and why.
        notes: What the model cannot be used for, as sentences.
    """

    folder: Path
    files: tuple[PlannedFile, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def plan_push(folder: str | os.PathLike[str], *, repo_id: str | None = None) -> PushPlan:
    """Finds out what a push of a saved model would send; needs no network.

    Weights, configuration and tokenizer are held against each other, and results against the weights. The
    configuration gets its full map of classes, the code what it lacks, and the card is made anew. A bare
    encoder, which nothing can be measured of, has neither results nor card; a model of features has them if
    there are any.

    Args:
        folder: A saved model.
        repo_id: Where it is to go, for the examples of the card.

    Raises:
        FileNotFoundError: There is no folder, or it lacks a file.
        ValueError: Files that are damaged or do not belong together, no results, code that cannot be
            completed, a README.md written by hand, or a file that lies outside the folder.
        ImportError: The extra `hub` is not installed.

    Example:
        >>> plan_push("outputs/skim-lstm-imdb").left_out  # doctest: +SKIP
        {'training_args.bin': 'a pickle, which can run code when it is opened'}
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. Give the folder of a saved model.")
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(
            f"{folder} lacks {CONFIG}. Save the model with model.save_pretrained(folder)."
        )
    values = read_object(folder / CONFIG)
    notes = check_model(folder, values)
    contents: dict[str, Path | bytes] = {path.name: path for path in _files_of(folder)}
    contents |= code_files(folder, values)
    contents[CONFIG] = _completed(folder / CONFIG, values)
    if not notes or (NO_HEAD not in notes and (folder / RESULTS_NAME).is_file()):
        check_replaceable(folder)
        contents[RESULTS_NAME] = folder / RESULTS_NAME
        contents[CARD_NAME] = str(render_card(folder, repo_id=repo_id)).encode()
    for content in contents.values():
        _check_place(content, folder)
    files = tuple(PlannedFile(name, _size(content), content) for name, content in sorted(contents.items()))
    names = sorted(path.name for path in folder.iterdir() if path.name not in contents)
    return PushPlan(folder, files, {name: _reason(name) for name in names}, tuple(notes))


def _files_of(folder: Path) -> Iterator[Path]:
    """The files of the folder that travel, but for the code."""
    weights = weights_of(folder)
    names = {weights.name, TOKENIZER}
    if weights.name == INDEX:
        names |= set(shard_names(weights))
    for path in folder.iterdir():
        if path.is_file() and (path.name in names or _TRAVELS.fullmatch(path.name)):
            yield path


def _completed(path: Path, values: Mapping[str, Any]) -> Path | bytes:
    """The configuration with all of its classes: the file itself if it has them."""
    full = full_auto_map(path.parent, values)
    if values.get("auto_map") == full:
        return path
    return (json.dumps({**values, "auto_map": full}, indent=2, sort_keys=True) + "\n").encode()


def _check_place(content: Path | bytes, folder: Path) -> None:
    """Refuses a link that leads out of the folder: what it names may be anything on this machine."""
    if isinstance(content, bytes) or content.parent != folder:
        return
    if not content.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{content} is a link out of the folder, to {content.resolve()}. Put the file itself there, or "
            "remove the link."
        )


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _reason(name: str) -> str:
    return next((reason for pattern, reason in _REASONS if re.fullmatch(pattern, name)), _OTHER)
