"""A model on the Hub, fetched into the local cache file by file, and not asked for more than needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import (
    HfApi,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, OfflineModeIsEnabled

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.download_errors import explain, is_answer
from skim_hf.runtime.model_files import (
    CONFIG,
    INDEX,
    TOKENIZER,
    WEIGHTS,
    describe_missing,
    missing_files,
)
from skim_hf.runtime.weight_index import shard_names


@dataclass(frozen=True)
class HubModel:
    """A revision of a model on the Hub.

    Attributes:
        hub_id: Such as `"org/name"`.
        revision: Branch, tag or commit; None for the main branch.
        subfolder: Where the model lies in the repository; empty for its root.
    """

    hub_id: str
    revision: str | None = None
    subfolder: str = ""

    def __str__(self) -> str:
        inside = f" in the folder {self.subfolder!r}" if self.subfolder else ""
        version = f" at revision {self.revision!r}" if self.revision else ""
        return f"The model {self.hub_id!r}{inside}{version}"

    def fetch(self) -> Path:
        """Downloads what the cache lacks: the files of a `ModelFolder` and no others, all of one commit.

        A cached model costs one request, which asks what commit the revision is now; none if the revision is
        a full commit hash, or with HF_HUB_OFFLINE=1. If there is no answer, the cached model is taken, with a
        warning in the log.

        Returns:
            The model's folder in the cache.

        Raises:
            FileNotFoundError: There is no such model, or not for this user, or it could not be fetched.
            OSError: The cache cannot be written to, such as on a full disk.
            ValueError: The model is none that the runtime runs; its weights were not fetched.
        """
        cached = self._cached()
        if cached is not None and self._is_current(cached):
            return cached
        config = self._need(CONFIG, self.revision)
        # A foreign model is refused before its weights, of any size, are fetched.
        is_of_words = RuntimeConfig.load(config).vocab_size is not None
        # Whatever is pushed meanwhile, all files are of the commit of the first.
        commit = self._commit(config)
        if is_of_words:
            self._need(TOKENIZER, commit)
        if self._get(WEIGHTS, commit) is None:
            self._get_shards(commit)
        return config.parent

    def _cached(self) -> Path | None:
        """The model's folder in the cache, if it is whole, at the commit that the revision was last."""
        with self._explained():
            config = try_to_load_from_cache(self.hub_id, self._path(CONFIG), revision=self.revision)
        if not isinstance(config, str) or missing_files(Path(config).parent):
            return None
        return Path(config).parent

    def _is_current(self, cached: Path) -> bool:
        """Whether the revision still is the cached commit, as far as the Hub can be asked."""
        commit = self._commit(cached / CONFIG)
        if self.revision == commit:
            return True
        try:
            url = hf_hub_url(self.hub_id, self._path(CONFIG), revision=self.revision)
            newest = get_hf_file_metadata(url).commit_hash
        except OfflineModeIsEnabled:
            return True
        except EntryNotFoundError:
            return False
        except Exception as error:  # which ones depends on the HTTP library of the client's version
            if is_answer(error):
                copy = f"A copy of commit {commit} is cached, and HF_HUB_OFFLINE=1 loads it."
                raise explain(error, self, copy) from error
            self._warn(commit, f"{type(error).__name__}: {error}")
            return True
        if newest is None:
            self._warn(commit, "what answers is no Hub")
        return newest in (None, commit)

    def _warn(self, commit: str, reason: str) -> None:
        logging.getLogger("skim_hf.runtime").warning(
            "The Hub could not be asked for the newest version (%s). %s is loaded from the cache, as commit "
            "%s. Set HF_HUB_OFFLINE=1 to load it without asking.",
            reason,
            self,
            commit,
        )

    def _get_shards(self, commit: str) -> None:
        index = self._get(INDEX, commit)
        if index is None:
            raise self._lacks(WEIGHTS, commit)
        for name in shard_names(index):
            self._need(name, commit)

    def _need(self, name: str, revision: str | None) -> Path:
        """Downloads a file without which there is no model."""
        file = self._get(name, revision)
        if file is None:
            raise self._lacks(name, revision)
        return file

    def _get(self, name: str, revision: str | None) -> Path | None:
        """Downloads a file unless it is cached; None if there is none such on the Hub."""
        with self._explained():
            try:
                return Path(hf_hub_download(self.hub_id, self._path(name), revision=revision))
            except LocalEntryNotFoundError:  # not cached, and nothing answered
                raise
            except EntryNotFoundError:
                return None

    def _lacks(self, name: str, revision: str | None) -> FileNotFoundError:
        with self._explained():
            files = HfApi().list_repo_files(self.hub_id, revision=revision)
        inside = self._path("")
        names = [file.removeprefix(inside) for file in files if file.startswith(inside)]
        if self.subfolder and not names:
            folders = sorted({str(PurePosixPath(file).parent) for file in files} - {"."})
            return FileNotFoundError(
                f"{self} does not exist: there is no such folder. There are: {', '.join(folders) or 'none'}."
            )
        return FileNotFoundError(describe_missing(self, [name], [name for name in names if "/" not in name]))

    def _path(self, name: str) -> str:
        return f"{self.subfolder}/{name}" if self.subfolder else name

    def _commit(self, config: Path) -> str:
        """The folder of a snapshot is named for its commit."""
        return config.parents[self._path(CONFIG).count("/")].name

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # not all of the client's errors are OSErrors
            raise explain(error, self) from error
