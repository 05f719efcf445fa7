"""Repositories of the loopback Hub: immutable commits, and names that point to them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone


class HubError(Exception):
    """What the Hub answers instead of a result; the clients choose their exceptions by the code."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Blob:
    """One file's content, and whether git keeps it itself or only a pointer to it."""

    content: bytes
    is_lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        version = "version https://git-lfs.github.com/spec/v1"
        return f"{version}\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()

    @property
    def oid(self) -> str:
        kept = self.pointer if self.is_lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()

    @property
    def etag(self) -> str:
        """What clients compare their own file with."""
        return self.sha256 if self.is_lfs else self.oid


@dataclass(frozen=True)
class Commit:
    """A snapshot of all files; nothing changes it."""

    files: Mapping[str, Blob]
    title: str
    parent: Commit | None = None
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    @property
    def oid(self) -> str:
        parts = [self.title, self.date, self.parent.oid if self.parent else ""]
        parts += [f"{path} {blob.oid}" for path, blob in sorted(self.files.items())]
        return hashlib.sha1("\n".join(parts).encode()).hexdigest()

    @property
    def history(self) -> list[Commit]:
        """This commit and those before it, the newest first."""
        return [self, *(self.parent.history if self.parent else [])]


class Repo:
    """A model's repository; `private` hides it from strangers, `gated` its files."""

    def __init__(self, *, private: bool = False, gated: bool = False) -> None:
        self.private, self.gated = private, gated
        first = Commit({".gitattributes": Blob(b"*.safetensors filter=lfs\n")}, "initial commit")
        self.commits = {first.oid: first}
        self.branches = {"main": first}
        self.tags: dict[str, Commit] = {}
        self._lock = threading.Lock()

    def resolve(self, revision: str) -> Commit:
        """The commit of a branch, a tag or a full commit id."""
        for names in (self.branches, self.tags, self.commits):
            if revision in names:
                return names[revision]
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def commit(
        self,
        branch: str,
        changes: Mapping[str, Blob | None],
        *,
        title: str = "commit",
        parent: str | None = None,
        target: str | None = None,
    ) -> Commit:
        """Makes one commit; the branch is moved to it as the last step.

        Args:
            branch: What the commit follows.
            changes: New files by path; None deletes one.
            title: Of the commit.
            parent: Refuses where the branch is no longer at this commit.
            target: Another branch to move, such as that of a pull request.
        """
        with self._lock:
            if branch not in self.branches:
                raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
            before = self.branches[branch]
            if parent not in (None, before.oid):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            for path, blob in changes.items():
                if blob is None and path not in before.files:
                    raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            files = {p: blob for p, blob in {**before.files, **changes}.items() if blob is not None}
            commit = Commit(files, title, before)
            self.commits[commit.oid] = commit
            self.branches[target or branch] = commit
            return commit
