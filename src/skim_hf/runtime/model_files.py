"""Which files make a saved model, and what to do about those that are not there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from skim_hf.runtime.weight_index import shard_names

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
"""Stands for the weights where they are split over several files."""
FILES = (CONFIG, TOKENIZER, WEIGHTS)

SAVING = (
    "Save one with model.save_pretrained(folder) and tokenizer.save_pretrained(folder), "
    "or give the id of a model on the Hub."
)

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_STATES = ("training_args", "optimizer", "scheduler", "scaler", "rng_state", "random_states")
"""What a trainer keeps beside the weights begins like this."""
_SHOWN = 5


def weights_of(root: Path) -> Path:
    """Where the weights of a folder begin: the file itself or, if they are split, its index."""
    whole, index = root / WEIGHTS, root / INDEX
    return index if index.is_file() and not whole.is_file() else whole


def missing_files(root: Path) -> list[str]:
    """Names of the files that a folder lacks to hold a saved model.

    Raises:
        ValueError: The index of split weights is damaged.
    """
    weights = weights_of(root)
    names = [weights.name] if weights.name == WEIGHTS else shard_names(weights)
    tokenizer = [TOKENIZER] if needs_tokenizer(root / CONFIG) else []
    return [name for name in (CONFIG, *tokenizer, *names) if not (root / name).is_file()]


def needs_tokenizer(config: Path) -> bool:
    """Whether a model reads words; one of features says so by a `vocab_size` of null.

    What is wrong with a configuration is found where it is loaded, not here.
    """
    try:
        values = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(values, dict) or values.get("vocab_size", 0) is not None


def describe_missing(where: object, missing: list[str], present: Iterable[str]) -> str:
    """What to say of a model that lacks files.

    Args:
        where: The folder, or the model on the Hub.
        missing: Names of what it lacks.
        present: Names of what it has instead.
    """
    shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    advice = _advice(missing, sorted(present))
    return f"{where} lacks {shown}. A saved model holds {', '.join(FILES)}. {advice}"


def _advice(missing: list[str], present: list[str]) -> str:
    pickles = [name for name in present if name.endswith(_PICKLES) and not name.startswith(_STATES)]
    if WEIGHTS in missing and pickles:
        return (
            f"Its weights are a pickle ({pickles[0]}), which can run code when it is opened and is "
            "not read here: load it with transformers and call model.save_pretrained(folder)."
        )
    if missing == [TOKENIZER]:
        return (
            "Save the tokenizer beside the model with tokenizer.save_pretrained(folder), or on the Hub with "
            "tokenizer.push_to_hub(id)."
        )
    if not set(missing) & set(FILES):
        return f"{INDEX} names what is missing: copy it too, or save the model again."
    return SAVING
