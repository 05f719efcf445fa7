"""Sends a saved model to the Hub: all of it in one commit, or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import validate_repo_id

from skim_hf.hub.plan import PushPlan, plan_push

_MESSAGE = "Upload model"
# What transformers would load instead of the weights that are pushed, or together with them.
_WEIGHTS = re.compile(r"(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?")


@dataclass(frozen=True)
class Pushed:
    """What a push has done.

    Attributes:
        repo_id: Full id of the repository.
        url: Its page.
        oid: Full id of the commit that holds the model; the old one if nothing was new.
        commit_url: The page of the commit.
        files: Names of the files that make up the model there.
        deleted: Names of weights of an earlier model that the same commit removed.
        pr_url: The page of the pull request, if one was asked for.
    """

    repo_id: str
    url: str
    oid: str
    commit_url: str
    files: tuple[str, ...]
    deleted: tuple[str, ...]
    pr_url: str | None


def push_folder(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    message: str | None = None,
    token: str | None = None,
    create_pr: bool = False,
    endpoint: str | None = None,
) -> Pushed:
    """Pushes a saved model, with its code, results and card.

    The branch moves once everything is there. An interrupted push leaves the old model, or the whole new one
    if only the answer was lost, and can be repeated.

    Args:
        folder: A saved model; `plan_push` says what goes and what stays.
        repo_id: `"org/name"`, or `"name"` for one's own; created if it is not there.
        private: Whether a repository that is created is private; None for the default of its owner.
        revision: Branch, made from the main one if it is not there; None for the main one.
        message: Of the commit.
        token: Access token; None for that of HF_TOKEN or `hf auth login`.
        create_pr: Opens a pull request in a repository that is there, instead of moving its branch.
        endpoint: Address of the Hub; None for that of HF_ENDPOINT, or the public one.

    Raises:
        FileNotFoundError: No saved model, or one that lacks a file.
        ValueError: A model whose files do not belong together, an impossible id, or `private=True` for what
            is public already.
        PermissionError: No token, or one that may not write there.
        ConnectionError: The Hub does not answer, refuses, or has got another commit meanwhile.

    Example:
        >>> push_folder("outputs/skim-lstm-imdb", "org/skim-lstm-imdb").url  # doctest: +SKIP
        'https://huggingface.co/org/skim-lstm-imdb'
    """
    api, repo_id = _connect(repo_id, token, endpoint)
    plan = plan_push(folder, repo_id=repo_id)
    with _explained(repo_id):
        if not create_pr:
            api.create_repo(repo_id, private=private, exist_ok=True)
        before = _look(api, repo_id, revision)
    if private and not before.private:
        raise ValueError(
            f"{repo_id} is public already, and nothing was sent. Make it private in its settings, choose "
            "another name, or leave private out."
        )
    stale = _stale_weights(plan, before)
    additions = [CommitOperationAdd(file.path, file.content) for file in plan.files]
    with _explained(repo_id):
        commit = api.create_commit(
            repo_id,
            [*(CommitOperationDelete(name) for name in stale), *additions],
            commit_message=message or _MESSAGE,
            revision=revision,
            create_pr=create_pr,
            # Whatever somebody else has pushed since we looked is not to be undone unseen.
            parent_commit=before.sha,
        )
    return Pushed(
        repo_id=repo_id,
        url=f"{api.endpoint}/{repo_id}",
        oid=commit.oid,
        commit_url=commit.commit_url,
        files=tuple(file.path for file in plan.files),
        deleted=tuple(stale),
        pr_url=commit.pr_url,
    )


def _connect(repo_id: str, token: str | None, endpoint: str | None) -> tuple[HfApi, str]:
    """The client and the full id of the repository, before anything is read or sent."""
    validate_repo_id(repo_id)
    if token is None and get_token() is None:
        raise PermissionError(
            "Pushing needs an access token, and there is none. Run `hf auth login`, set HF_TOKEN, or pass "
            "token=."
        )
    api = HfApi(endpoint=endpoint, token=token)
    if "/" in repo_id:
        return api, repo_id
    with _explained(repo_id):
        return api, f"{api.whoami()['name']}/{repo_id}"


def _look(api: HfApi, repo_id: str, revision: str | None) -> ModelInfo:
    """What the Hub has; makes the branch if there is none."""
    try:
        return api.model_info(repo_id, revision=revision)
    except RevisionNotFoundError:
        if revision is None:
            raise
        api.create_branch(repo_id, branch=revision, exist_ok=True)
        return api.model_info(repo_id, revision=revision)


def _stale_weights(plan: PushPlan, before: ModelInfo) -> list[str]:
    planned = {file.path for file in plan.files}
    there = (sibling.rfilename for sibling in before.siblings or ())
    return sorted(name for name in there if _WEIGHTS.fullmatch(name) and name not in planned)


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Says what an error of the client means for the model on the Hub."""
    try:
        yield
    except Exception as error:  # what the client lets through depends on its version's HTTP library
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise PermissionError(
                f"The Hub does not let this token push to {repo_id}: see `hf auth whoami`, and whether the "
                f"token may write and the name is right. Nothing was changed. The Hub says: {error}"
            ) from error
        if status == 412:
            raise ConnectionError(
                f"Somebody else has pushed to {repo_id} meanwhile, so nothing was changed. Push again to put "
                "this model on top."
            ) from error
        raise ConnectionError(
            f"The push to {repo_id} has failed ({type(error).__name__}: {error}). The Hub has the old "
            "model or, if only the answer was lost, the new one, whole. Push again."
        ) from error
