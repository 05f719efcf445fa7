"""The bytes of a stream that is put aside: versioned, and refused unless they are whole and fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skim_hf.runtime.loading import SavedModel
from skim_hf.runtime.options import RuntimeOptions

MAGIC = b"skim_hf stream"
VERSION = 2

_FORGED = (
    "The snapshot was not made by snapshot(): its checksum is right, but not its form. "
    "Read the text again from its start."
)
_DIGEST = 16
_HEADER = len(MAGIC) + 2 + _DIGEST


def settings_of(model: SavedModel, options: RuntimeOptions, backend: str) -> dict[str, Any]:
    """What has to be the same where a stream goes on.

    Args:
        model: What is run.
        options: How.
        backend: Name of what runs it.
    """
    jumps = model.config.with_jumps(options.jump_every, options.jump_limit)
    return {
        "model": _digest(f"{model.config!r} {model.weights.digest}".encode()).hex(),
        "backend": backend,
        "dtype": options.dtype,
        "threshold": options.threshold,
        "max_tokens": options.max_tokens,
        "jump_every": jumps.jump_every,
        "jump_limit": jumps.jump_limit,
    }


def pack(settings: Mapping[str, Any], parts: Sequence[bytes]) -> bytes:
    """Bytes that hold parts of any length.

    After the magic come the version (2 bytes, little-endian), a digest of all that follows, the length
    of a JSON text (4 bytes), that text with the settings and the parts' lengths, and the parts.

    Args:
        settings: What has to be the same where the parts are used; plain JSON values.
        parts: The state.
    """
    about = json.dumps({"settings": settings, "lengths": [len(part) for part in parts]}).encode()
    body = len(about).to_bytes(4, "little") + about + b"".join(parts)
    return MAGIC + VERSION.to_bytes(2, "little") + _digest(body) + body


def unpack(data: bytes, settings: Mapping[str, Any]) -> list[bytes]:
    """The parts that `pack` was given.

    Args:
        data: From `pack`.
        settings: Those that are in force here.

    Raises:
        TypeError: Not bytes.
        ValueError: Not a snapshot, a damaged one, one of another version, or one made with other
            settings; says which.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"Expected the bytes of snapshot(); got {type(data).__name__}.")
    if not data.startswith(MAGIC) or len(data) < _HEADER:
        raise ValueError("Expected the bytes of snapshot(); these are something else, or too few.")
    version = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "little")
    if version != VERSION:
        raise ValueError(
            f"The snapshot has version {version}, and this skim_hf reads version {VERSION}. "
            "Restore it with the skim_hf that made it."
        )
    body = data[_HEADER:]
    if _digest(body) != data[_HEADER - _DIGEST : _HEADER]:
        raise ValueError(
            "The snapshot is damaged: its checksum is wrong. Read the text again from its start."
        )
    at = 4 + int.from_bytes(body[:4], "little")
    found, lengths = _parse(body[4:at])
    _check_settings(found, dict(settings))
    if sum(lengths) != len(body) - at:
        raise ValueError(_FORGED)
    parts = []
    for length in lengths:
        parts.append(body[at : at + length])
        at += length
    return parts


def _parse(about: bytes) -> tuple[dict[str, Any], list[int]]:
    """Settings and lengths; whoever wrote the checksum may have written anything here."""
    try:
        content = json.loads(about)
    except (ValueError, RecursionError) as error:
        raise ValueError(_FORGED) from error
    settings, lengths = (
        (content.get("settings"), content.get("lengths")) if isinstance(content, dict) else (None, None)
    )
    if not isinstance(settings, dict) or not isinstance(lengths, list):
        raise ValueError(_FORGED)
    if not all(type(length) is int and length >= 0 for length in lengths):
        raise ValueError(_FORGED)
    return settings, lengths


def _check_settings(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if found.get("model") != wanted.get("model"):
        raise ValueError("The snapshot belongs to another model. Restore it with the model that made it.")
    other = [
        f"{name}={found.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    if other:
        raise ValueError(
            f"The snapshot was made with {', '.join(other)}. Restore it with a runtime of equal settings."
        )


def _digest(data: bytes) -> bytes:
    import hashlib  # slow to import

    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
