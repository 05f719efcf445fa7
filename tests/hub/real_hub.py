"""The real Hub behind the attributes of the loopback one, as far as it has them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from huggingface_hub import HfApi, hf_hub_download


class RealHub:
    """The Hub at the client's default address.

    Attributes:
        token: Of a user who may create repositories.
        namespace: Where they are created.
    """

    lfs = True

    def __init__(self, token: str, namespace: str) -> None:
        self.token, self.namespace = token, namespace
        self.api = HfApi(token=token)
        self.endpoint = self.api.endpoint
        self._mark = f"skim-hf-test-{uuid.uuid4().hex[:8]}"
        self._named: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"the real Hub offers no {name!r}")

    @contextmanager
    def serve(self) -> Iterator[RealHub]:
        """Removes every repository afterwards whose id was asked for."""
        try:
            yield self
        finally:
            for repo_id in self._named:
                self.api.delete_repo(repo_id, missing_ok=True)

    def repo_id(self, name: str) -> str:
        self._named.add(f"{self.namespace}/{self._mark}-{name}")
        return f"{self.namespace}/{self._mark}-{name}"

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        contents = {}
        for path in self.api.list_repo_files(repo_id, revision=revision):
            with open(hf_hub_download(repo_id, path, revision=revision, token=self.token), "rb") as file:
                contents[path] = file.read()
        return contents

    def head(self, repo_id: str, revision: str = "main") -> str | None:
        return self.api.model_info(repo_id, revision=revision).sha
