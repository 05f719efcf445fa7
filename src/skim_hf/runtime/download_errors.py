"""What it means when a model cannot be fetched from the Hub, and what to do about it."""

from __future__ import annotations

from huggingface_hub import get_token
from huggingface_hub.errors import (
    GatedRepoError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


def is_answer(error: Exception) -> bool:
    """Whether the Hub refused the request, rather than being out of reach, overloaded or out of order."""
    status = _status(error)
    return 400 <= status < 500 and status not in (408, 429)


def explain(error: Exception, model: object, hint: str = "") -> OSError:
    """The error to raise instead of one of huggingface_hub.

    Args:
        error: What came.
        model: What was to be fetched; its text begins the message.
        hint: More to say.

    Returns:
        A FileNotFoundError, or with the error number of the file system where that is at fault.
    """
    number = _disk_error(error)
    if number is not None:
        return OSError(
            number,
            f"{model} could not be written to the cache of the Hub ({error}). Nothing was kept of the file "
            "that failed. Make room there, or let HF_HOME name another folder.",
        )
    return FileNotFoundError(f"{model} {_reason(error)}" + (f" {hint}" if hint else ""))


def _reason(error: Exception) -> str:
    if isinstance(error, OfflineModeIsEnabled) or isinstance(error.__cause__, OfflineModeIsEnabled):
        return (
            "is not a folder here and not, or not wholly, in the cache, and HF_HUB_OFFLINE=1 forbids to "
            "fetch it. Load it once without HF_HUB_OFFLINE."
        )
    if isinstance(error, GatedRepoError):
        return (
            "is gated: its owner grants access. Ask for it on the model's page on the Hub, and log in with "
            "`hf auth login`, or set HF_TOKEN."
        )
    if isinstance(error, RepositoryNotFoundError) or _status(error) in (401, 403):
        if get_token() is None:
            access = "or it is private: then log in with `hf auth login`, or set HF_TOKEN"
        else:
            access = "or your token may not read it: see `hf auth whoami`, and `hf auth login` for another"
        return f"is not a folder here, and the Hub has no such model, {access}. Check the name."
    if isinstance(error, RevisionNotFoundError):
        return (
            "does not exist: the Hub has the model, but not this revision. Give a branch, a tag or the full "
            "hash of a commit, as the model's page on the Hub lists them."
        )
    # The client says in general that there was no answer, and names what happened as the cause.
    cause = error.__cause__ or error
    return (
        f"is not a folder here, and could not be fetched from the Hub ({type(cause).__name__}: {cause}). "
        "Check the name and the network, and try again: what is in the cache is whole, and is not fetched "
        "twice."
    )


def _status(error: Exception) -> int:
    """Of the Hub's answer; 0 without one."""
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _disk_error(error: Exception) -> int | None:
    """The number of an error of the file system; those of the network have none, or are of two kinds."""
    if isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
        return error.errno
    return None
