"""Two question readers that are trained and published together, and what their trainings left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skim_hf.results import Block, ModelResults
from skim_hf.runtime import RuntimeConfig

POLICIES = {"plain": "full", "skim": "skim"}


@dataclass(frozen=True)
class QuestionStudy:
    """A plain and a skimming question reader, and how they are trained and published.

    Attributes:
        model: Name of the skimming model, such as `skim-reader-squad`.
        data: What result files say of the data.
        plain: Options of run_qa.py for the plain one.
        skim: And for the skimming one, which starts from it.
        thresholds: Those that are tried, beside the model's own.
        most_lost: Points of F1 on validation questions that skimming may cost.
        most_words: Words that published models keep.
        question: One whose answer the cards show.
        context: What it is about.
    """

    model: str
    data: Mapping[str, str]
    plain: Mapping[str, Any]
    skim: Mapping[str, Any]
    thresholds: tuple[float, ...]
    most_lost: float
    most_words: int
    question: str
    context: str


@dataclass(frozen=True)
class TrainedReader:
    """A model that run_qa.py has trained.

    Attributes:
        folder: Where it is.
        training: What its result file says of the training.
    """

    folder: Path
    training: Block

    @classmethod
    def load(cls, folder: Path, kind: str, command: str | None = None) -> TrainedReader:
        """Reads what run_qa.py has left in a folder.

        Args:
            folder: The trained model.
            kind: `plain` or `skim`.
            command: How the training is told; as the result file does if None.

        Raises:
            FileNotFoundError: No model, or one whose training has not ended.
            ValueError: Another kind of model, or results of other weights.
        """
        report = folder / "train_results.json"
        if not report.is_file():
            raise FileNotFoundError(
                f"{folder} lacks {report.name}, which ends a training. Train a model there with run_qa.py "
                "and --do_train, or let a training that was cut off go on with --resume_from_checkpoint last."
            )
        config = RuntimeConfig.load(folder / "config.json")
        if config.reader is None or config.policy != POLICIES[kind]:
            raise ValueError(
                f"{folder} should hold a question reader of policy {POLICIES[kind]!r}; got "
                f"{config.architecture} of policy {config.policy!r}."
            )
        results = ModelResults.load(folder)
        results.check_weights(folder)
        if results.training is None:
            raise ValueError(f"{folder} has results without those of a training. Train it with run_qa.py.")
        training = dict(results.training)
        if command is not None:
            training["command"] = command
        # Of a training in several goes that is the time of the last one alone.
        if "--resume_from_checkpoint" not in results.training["command"]:
            training["seconds"] = json.loads(report.read_text(encoding="utf-8"))["train_runtime"]
        return cls(folder, training)
