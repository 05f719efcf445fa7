"""A training of a comparison as a process, and what its folder says of how far it came."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skim_hf.results import write_json

# The last file that a checkpoint gets.
_STATE = "trainer_state.json"


@dataclass(frozen=True)
class MadeWith:
    """The options that a folder of a model is being made with, kept beside it.

    Attributes:
        folder: Of the model.
        options: What makes it this model and no other.
    """

    folder: Path
    options: Mapping[str, Any]

    def is_trained(self) -> bool:
        """Whether a training with these options ended, and its model is there."""
        return self._is_mine() and self._kept()["trained"] and (self.folder / "train_results.json").exists()

    def was_resumed(self) -> bool:
        """Whether the training took more than one go, so that its time is that of the last one alone."""
        return bool(self._kept()["resumed"])

    def begin(self) -> bool:
        """Makes ready for a training.

        What is there of other options, and a checkpoint that was not written to its end, is removed.

        Returns:
            Whether there is a checkpoint to go on from.
        """
        if self.folder.exists() and not self._is_mine():
            shutil.rmtree(self.folder)
        for checkpoint in self._checkpoints():
            if not (checkpoint / _STATE).exists():
                shutil.rmtree(checkpoint)
        resuming = bool(self._checkpoints())
        self._keep(trained=False, resumed=resuming)
        return resuming

    def end(self) -> None:
        """Notes that the training ended, whose checkpoints are not needed any more."""
        self._keep(trained=True, resumed=self.was_resumed())
        for checkpoint in self._checkpoints():
            shutil.rmtree(checkpoint)

    @property
    def _path(self) -> Path:
        return self.folder.with_suffix(".json")

    def _keep(self, **state: bool) -> None:
        write_json(self._path, {"options": dict(self.options), **state})

    def _kept(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return found

    def _is_mine(self) -> bool:
        # As a file gives them back.
        return bool(self._kept().get("options") == json.loads(json.dumps(self.options)))

    def _checkpoints(self) -> list[Path]:
        return list(self.folder.glob("checkpoint-*"))


def train(command: list[str], log: Path, threads: int) -> None:
    """Runs a training, whose output goes to the end of a file.

    Raises:
        RuntimeError: It failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with log.open("a", encoding="utf-8") as file:
        code = subprocess.run(command, env=environment, stdout=file, stderr=file, check=False).returncode
    if code:
        raise RuntimeError(f"{shlex.join(['python', *command[1:]])} failed; see {log}.")
