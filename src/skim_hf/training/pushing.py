"""The pushes of a Trainer: whole models with cards of their own, each in one commit."""

from __future__ import annotations

import logging
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, run_as_future
from transformers.trainer_utils import HubStrategy, SaveStrategy
from transformers.utils import PushInProgress

from skim_hf._optional import require
from skim_hf.hub.card import check_replaceable, write_card
from skim_hf.hub.push import Pushed, push_folder
from skim_hf.results import RESULTS_NAME

from .reporting import ReportingTrainer

logger = logging.getLogger(__name__)


class PushingTrainer(ReportingTrainer):
    """A Trainer whose pushes are those of `skim_hf.hub`, by every `hub_strategy`.

    What is pushed while training goes on is the model of a checkpoint, complete with code and card.
    Strategies that push checkpoints send them, optimizer and all, in a commit that follows.
    """

    hub_model_id: Any
    push_in_progress: Any

    def create_model_card(self, *_: Any, **told: Any) -> None:
        """Writes the card of the saved model, from its results and from nothing else."""
        if told:
            logger.warning(
                "The card is made from results.json, so %s have no effect. Name the data set with "
                "SkimTrainer(..., data={'name': ..., 'hub_id': ...}).",
                ", ".join(sorted(told)),
            )
        if self.is_world_process_zero():
            write_card(str(self.args.output_dir), repo_id=self.hub_model_id)

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Saves the model with its results and card, and pushes the folder.

        Args:
            commit_message: Of the commit.
            blocking: Whether to wait for the end.
            token: Access token; that of the arguments if None.
            revision: Branch; that of the arguments if None.
            private: Whether a repository that is made now is private; as the arguments say if None.
            **kwargs: See `create_model_card`.

        Returns:
            What `skim_hf.hub.push_folder` returns or, without `blocking`, its future; None in all
            processes but the first.
        """
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        if self.hub_model_id is None:
            self.init_hf_repo(token=token, private=private)
        self.save_model(_internal_call=True)
        if not self.args.push_to_hub:
            # Else it is done already.
            self.save_results()
        if not self.is_world_process_zero():
            return None
        if Path(str(self.args.output_dir), RESULTS_NAME).exists():
            self.create_model_card(**kwargs)
        self._finish_current_push()
        push = partial(self._push, self.args.output_dir, commit_message, revision=revision, token=token)
        return push() if blocking else run_as_future(push)

    def _push(
        self, folder: Any, message: str | None, *, revision: str | None = None, token: str | None = None
    ) -> Pushed:
        return push_folder(
            folder,
            self.hub_model_id,
            message=message,
            revision=revision or self.args.hub_revision,
            token=token or self.args.hub_token,
        )

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Pushes a checkpoint while training goes on; the Trainer calls it after each."""
        if not self.is_world_process_zero() or self.args.hub_strategy == HubStrategy.END:
            return
        busy = self.push_in_progress is not None and not self.push_in_progress.is_done()
        if busy and not self.args.hub_always_push:
            return
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        staged = self._stage(checkpoint_folder)
        if staged is None:
            return
        places = {"checkpoint": "last-checkpoint", "all_checkpoints": Path(checkpoint_folder).name}
        job = run_as_future(
            self._push_staged, staged, self._commit_message(), places.get(self.args.hub_strategy)
        )
        jobs: Any = [*self.push_in_progress.jobs, job] if busy else [job]
        self.push_in_progress = PushInProgress(jobs)

    def _stage(self, checkpoint_folder: str) -> Path | None:
        """Copies a checkpoint, which may have to give way to newer ones before it is sent."""
        staged = Path(tempfile.mkdtemp(prefix="_push-", dir=self.args.output_dir))
        try:
            return Path(shutil.copytree(checkpoint_folder, staged, dirs_exist_ok=True))
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            logger.warning("%s: not pushed. %s", self._commit_message(), error)
            return None

    def _commit_message(self) -> str:
        by_steps = self.args.save_strategy == SaveStrategy.STEPS
        done = f"step {self.state.global_step}" if by_steps else f"epoch {int(self.state.epoch or 0)}"
        return f"Training in progress, {done}"

    def _push_staged(self, staged: Path, message: str, checkpoint: str | None) -> None:
        try:
            self._push(staged, message)
            if checkpoint is not None:
                HfApi().upload_folder(
                    repo_id=self.hub_model_id,
                    folder_path=staged,
                    path_in_repo=checkpoint,
                    commit_message=f"{message}, checkpoint",
                    revision=self.args.hub_revision,
                    token=self.args.hub_token,
                )
        except Exception as error:  # nobody waits for this thread, and training must not end for it
            logger.warning("%s: not pushed, or not wholly. %s", message, error)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def check_pushing(output_dir: Any, model: Any, tokenizer: Any, collator: Any) -> None:
    """Refuses, before the training, what could not be pushed after it.

    Args:
        output_dir: Where the model will be saved.
        model: What is trained; None if it is made later.
        tokenizer: The Trainer's `processing_class`.
        collator: Its `data_collator`, whose tokenizer is saved in want of another.

    Raises:
        ImportError: The extra `hub` is not installed.
        ValueError: There is no tokenizer, or a README.md that was written by hand.
    """
    require("jinja2", "hub")
    check_replaceable(output_dir)
    reads_words = model is None or model.config.vocab_size is not None
    if reads_words and tokenizer is None and getattr(collator, "tokenizer", None) is None:
        raise ValueError(
            "push_to_hub=True needs the tokenizer, without which nobody could run the model from the Hub: "
            "pass processing_class=tokenizer."
        )
