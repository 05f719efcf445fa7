"""The files of a saved model: which they are, where they lie, and what is wrong when they do not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

_SAVING = (
    "Save one with model.save_pretrained(folder) and tokenizer.save_pretrained(folder), "
    "or give the id of a model on the Hub."
)

_PICKLES = (".bin", ".pt", ".pth", ".pkl")


@dataclass(frozen=True)
class ModelFolder:
    """A saved model on disk; exists only if its three files do.

    Attributes:
        root: The folder.

    Example:
        >>> ModelFolder.CONFIG, ModelFolder.TOKENIZER, ModelFolder.WEIGHTS
        ('config.json', 'tokenizer.json', 'model.safetensors')
    """

    root: Path

    CONFIG: ClassVar[str] = "config.json"
    TOKENIZER: ClassVar[str] = "tokenizer.json"
    WEIGHTS: ClassVar[str] = "model.safetensors"
    FILES: ClassVar[tuple[str, ...]] = (CONFIG, TOKENIZER, WEIGHTS)

    def __post_init__(self) -> None:
        """Checks that the folder holds every file.

        Raises:
            ValueError: The path is a file.
            FileNotFoundError: There is no such folder, or a file is missing.
        """
        if self.root.is_file():
            raise ValueError(f"Expected the folder of a saved model, but {self.root} is a file. {_SAVING}")
        if not self.root.is_dir():
            raise FileNotFoundError(f"There is no folder {self.root}. {_SAVING}")
        missing = [name for name in self.FILES if not (self.root / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"{self.root} lacks {', '.join(missing)}. A saved model holds {', '.join(self.FILES)}. "
                f"{self._advice(missing)}"
            )

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
        """The tensors."""
        return self.root / self.WEIGHTS

    @classmethod
    def find(cls, source: str | os.PathLike[str], *, revision: str | None = None) -> ModelFolder:
        """Finds a saved model in a folder or, if there is no such folder, on the Hub.

        Args:
            source: Path of a folder, or a Hub id such as `"org/name"`.
            revision: Branch, tag or commit on the Hub; folders have none and ignore it.

        Returns:
            The folder; for a Hub id the one in the local cache, after downloading what it lacks.

        Raises:
            TypeError: `source` is neither text nor a path.
            ValueError: `source` is a file.
            FileNotFoundError: No such folder, a missing file, or a Hub id that cannot be fetched.
        """
        if not isinstance(source, (str, os.PathLike)):
            raise TypeError(
                f"Expected a folder or a Hub id such as 'org/name'; got {type(source).__name__}. {_SAVING}"
            )
        path = Path(source)
        if path.exists() or not _may_be_hub_id(source):
            return cls(path)
        return cls(_download(str(source), revision))

    def _advice(self, missing: list[str]) -> str:
        if self.WEIGHTS in missing:
            if (self.root / f"{self.WEIGHTS}.index.json").is_file():
                return "Its weights are split over several files: save again with a larger max_shard_size."
            pickles = sorted(file.name for file in self.root.iterdir() if file.suffix in _PICKLES)
            if pickles:
                return (
                    f"Its weights are a pickle ({pickles[0]}), which can run code when it is opened and is "
                    "not read here: load it with transformers and call model.save_pretrained(folder)."
                )
        if missing == [self.TOKENIZER]:
            return "Save the tokenizer beside the model with tokenizer.save_pretrained(folder)."
        return _SAVING


def _may_be_hub_id(source: str | os.PathLike[str]) -> bool:
    """Whether the text has the form `name` or `owner/name`."""
    if not isinstance(source, str) or not source:
        return False
    parts = source.split("/")
    return len(parts) <= 2 and "\\" not in source and all(part and part[0] not in ".~" for part in parts)


def _download(hub_id: str, revision: str | None) -> Path:
    # Imported here, because a model in a folder needs none of it.
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(ModelFolder.FILES)))
    except (OSError, ValueError) as error:
        version = f" at revision {revision!r}" if revision else ""
        raise FileNotFoundError(
            f"{hub_id!r} is not a folder here, and could not be fetched from the Hub{version}: {error}\n"
            f"Check the name, the network and, for a private model, `hf auth login`. {_SAVING}"
        ) from error
