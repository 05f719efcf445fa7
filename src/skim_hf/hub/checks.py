"""Whether the files of a saved model belong together, found out without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP
from skim_hf.runtime.config import SEQUENCE, RuntimeConfig
from skim_hf.runtime.model_files import CONFIG, TOKENIZER, describe_missing, missing_files, weights_of
from skim_hf.runtime.tensor_files import open_tensors
from skim_hf.runtime.text import TextEncoder
from skim_hf.runtime.weights import TRAINING_ONLY, expected_shapes, load_weights

NO_WORDS = "It reads features instead of text: pipeline() and the command line cannot run it."
NO_HEAD = "It is a bare encoder: AutoModel loads it, but pipeline() and SkimRuntime need a head."

_ENCODER = AUTO_MAP["AutoModel"].rpartition(".")[2]
_SHOWN = 5


def check_model(folder: Path, values: Mapping[str, Any]) -> list[str]:
    """Holds weights, configuration and tokenizer of a folder against each other.

    Args:
        folder: Of the saved model.
        values: What its `config.json` holds.

    Returns:
        What the model cannot be used for, as sentences.

    Raises:
        FileNotFoundError: Weights or tokenizer are missing.
        ValueError: They are damaged, foreign, or do not belong together.
    """
    is_encoder = values.get("architectures") == [_ENCODER]
    config = _read(folder / CONFIG, values, is_encoder)
    absent = [name for name in missing_files(folder) if config.vocab_size is not None or name != TOKENIZER]
    if absent:
        raise FileNotFoundError(describe_missing(folder, absent, (path.name for path in folder.iterdir())))
    if is_encoder:
        _check_encoder(weights_of(folder), config)
    else:
        load_weights(weights_of(folder), config)
    if config.vocab_size is not None:
        TextEncoder.load(folder / TOKENIZER, config.vocab_size)
    return [NO_HEAD] * is_encoder + [NO_WORDS] * (config.vocab_size is None)


def _read(path: Path, values: Mapping[str, Any], is_encoder: bool) -> RuntimeConfig:
    # The encoder is that of any head: the fields of one stand at their defaults, and nothing here uses them.
    head = {"architectures": [SEQUENCE]} if is_encoder else {}
    try:
        return RuntimeConfig.from_dict({**values, **head})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_encoder(path: Path, config: RuntimeConfig) -> None:
    """Compares names and shapes; the runtime has no use for the tensors themselves."""
    files = {name: file for name, file in open_tensors(path).items() if not name.endswith(TRAINING_ONLY)}
    stored = {name: file.form(name)[1] for name, file in files.items()}
    expected = {name: form for name, form in expected_shapes(config) if not name.startswith("classifier.")}
    wrong = sorted({name for name, _ in stored.items() ^ expected.items()})
    if wrong:
        raise ValueError(
            f"{path} does not belong to the {CONFIG} beside it: {', '.join(wrong[:_SHOWN])} are missing, "
            f"unexpected or of another shape (at most {_SHOWN} shown). Save the model again with "
            "model.save_pretrained(folder)."
        )
