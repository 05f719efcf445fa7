"""The files of a saved model: where they lie, and what is wrong when they do not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from skim_hf.runtime import model_files
from skim_hf.runtime.model_files import SAVING, describe_missing, missing_files, weights_of


@dataclass(frozen=True)
class ModelFolder:
    """A saved model on disk; exists only if its files do.

    Attributes:
        root: The folder.

    Example:
        >>> ModelFolder.CONFIG, ModelFolder.TOKENIZER, ModelFolder.WEIGHTS
        ('config.json', 'tokenizer.json', 'model.safetensors')
    """

    root: Path

    CONFIG: ClassVar[str] = model_files.CONFIG
    TOKENIZER: ClassVar[str] = model_files.TOKENIZER
    WEIGHTS: ClassVar[str] = model_files.WEIGHTS
    FILES: ClassVar[tuple[str, ...]] = model_files.FILES

    def __post_init__(self) -> None:
        """Checks that the folder holds every file.

        Raises:
            ValueError: The path is a file, or the index of split weights is damaged.
            FileNotFoundError: There is no such folder, or a file is missing.
        """
        if self.root.is_file():
            raise ValueError(f"Expected the folder of a saved model, but {self.root} is a file. {SAVING}")
        if not self.root.is_dir():
            raise FileNotFoundError(f"There is no folder {self.root}. {SAVING}")
        missing = missing_files(self.root)
        if missing:
            present = (file.name for file in self.root.iterdir())
            raise FileNotFoundError(describe_missing(self.root, missing, present))

    @property
    def config(self) -> Path:
        """What the model is."""
        return self.root / self.CONFIG

    @property
    def tokenizer(self) -> Path:
        """How text becomes token ids."""
        return self.root / self.TOKENIZER

    @property
    def weights(self) -> Path:
        """The tensors or, where they are split over several files, the index of these."""
        return weights_of(self.root)

    @classmethod
    def find(
        cls, source: str | os.PathLike[str], *, revision: str | None = None, subfolder: str = ""
    ) -> ModelFolder:
        """Finds a saved model in a folder or, if there is no such folder, on the Hub.

        Args:
            source: Path of a folder, or a Hub id such as `"org/name"`.
            revision: Branch, tag or commit on the Hub; folders have none and ignore it.
            subfolder: Where the model lies inside, such as `"checkpoint-2"`; in a folder or on the Hub.

        Returns:
            The folder; for a Hub id the one in the local cache, after downloading what it lacks.

        Raises:
            TypeError: `source` is neither text nor a path, or `subfolder` no text.
            ValueError: `source` is a file, `subfolder` leads out of it, or the model on the Hub is one of
                another kind.
            FileNotFoundError: No such folder, a missing file, or a Hub id that cannot be fetched.
            OSError: The disk is full.
        """
        if not isinstance(source, (str, os.PathLike)):
            raise TypeError(
                f"Expected a folder or a Hub id such as 'org/name'; got {type(source).__name__}. {SAVING}"
            )
        subfolder = _check_subfolder(subfolder)
        path = Path(source)
        if path.exists() or not _may_be_hub_id(source):
            return cls(path if path.is_file() else path / subfolder)
        # Imported here, because a model in a folder needs none of it.
        from skim_hf.runtime.download import HubModel

        return cls(HubModel(str(source), revision, subfolder).fetch())


def _check_subfolder(subfolder: str) -> str:
    """A relative path in the form that the Hub takes."""
    if not isinstance(subfolder, str):
        raise TypeError(
            f"subfolder must be text such as 'checkpoint-2', or ''; got {type(subfolder).__name__}."
        )
    path = PurePosixPath(subfolder)
    if path.is_absolute() or ".." in path.parts or any(sign in subfolder for sign in "\\:\0"):
        raise ValueError(
            f"subfolder must be a path inside the model's folder, with '/', such as 'checkpoint-2'; "
            f"got {subfolder!r}."
        )
    return "" if path == PurePosixPath() else str(path)


def _may_be_hub_id(source: str | os.PathLike[str]) -> bool:
    """Whether the text has the form `name` or `owner/name`."""
    if not isinstance(source, str) or not source:
        return False
    parts = source.split("/")
    return len(parts) <= 2 and "\\" not in source and all(part and part[0] not in ".~" for part in parts)
