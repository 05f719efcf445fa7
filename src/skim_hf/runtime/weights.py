"""The tensors of a saved model, each checked by name, shape, dtype and value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.hub_cache import remedy
from skim_hf.runtime.tensor_files import READABLE, open_tensors

Array = NDArray[np.floating[Any]]

_PREFIX = "skim_rnn."
TRAINING_ONLY = (".baseline.weight", ".baseline.bias")
"""Ends of the names of tensors that inference has no use for."""
_CLASSIFIER = ["classifier.weight", "classifier.bias"]
_ENDS = ("reader.start.weight", "reader.end.weight")
_SHOWN = 5


@dataclass(frozen=True)
class CellWeights:
    """One cell of size m, with its gates in torch's order.

    Attributes:
        weight_ih: [G * m, d_x].
        weight_hh: [G * m, ctx]; ctx is how many hidden units the cell sees.
        bias_ih: [G * m].
        bias_hh: [G * m].
    """

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array


class Linear(NamedTuple):
    """An affine map.

    Attributes:
        weight: [out, in].
        bias: [out].
    """

    weight: Array
    bias: Array


@dataclass(frozen=True)
class ReaderWeights:
    """One directional layer.

    Attributes:
        cells: One entry per choice, the big cell first; None for a size of 0, which owns no tensors.
        decision_weight: [k, d_x + d], the input's columns first; of policy `skim`, else None.
        decision_bias: [k]; of policy `skim`, else None.
        dtype: Of all arrays.
        gate: d to 1, what policy `skip` adds to its accumulator; in the top layer only.
        coordinator: d_x to d, the input's part of the likelihoods of policy `selective`.
        own: [d], what each unit's own value adds to its likelihood; of policy `selective`.
        jump: d to K + 1 logits of the jumps; in the top layer of a model that jumps.
        initial_state: [parts, d], h and for an LSTM c before the first token; None for zeros.
    """

    cells: tuple[CellWeights | None, ...]
    decision_weight: Array | None
    decision_bias: Array | None
    dtype: np.dtype[Any]
    gate: Linear | None = None
    coordinator: Linear | None = None
    own: Array | None = None
    jump: Linear | None = None
    initial_state: Array | None = None

    def tensors(self) -> Iterator[Array]:
        """All arrays, in an order that never changes: digests depend on it."""
        for cell in self.cells:
            if cell is not None:
                yield from (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        linear = (*(self.gate or ()), *(self.coordinator or ()), self.own, *(self.jump or ()))
        for tensor in (self.decision_weight, self.decision_bias, *linear, self.initial_state):
            if tensor is not None:
                yield tensor


@dataclass(frozen=True)
class ModelWeights:
    """A whole classifier; its tensors are never changed.

    Attributes:
        embedding: [V, E]; None for continuous inputs.
        readers: R readers, at index layer * directions + direction; none without layers.
        classifier_weight: [labels, d * directions], or [labels, d_x] without layers; of a question reader
            [2, width], what scores the start and the end of an answer.
        classifier_bias: [labels]; zeros of a question reader.
        words: Of a question reader all else that it makes of words, by name; empty for other models.
    """

    embedding: Array | None
    readers: tuple[ReaderWeights, ...]
    classifier_weight: Array
    classifier_bias: Array
    words: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """A short name for these very numbers."""
        import hashlib  # needed for snapshots only, and slow to import

        digest = hashlib.blake2b(digest_size=16)
        for tensor in self._tensors():
            digest.update(np.ascontiguousarray(tensor).data)
        return digest.hexdigest()

    @property
    def num_parameters(self) -> int:
        """How many numbers there are."""
        return sum(tensor.size for tensor in self._tensors())

    def _tensors(self) -> Iterator[Array]:
        if self.embedding is not None:
            yield self.embedding
        for reader in self.readers:
            yield from reader.tensors()
        yield self.classifier_weight
        if not self.words:
            yield self.classifier_bias
        yield from self.words.values()


def expected_shapes(config: RuntimeConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names, without the encoder's prefix, and shapes of every tensor of a model."""
    if config.vocab_size is not None:
        yield "embed_tokens.weight", (config.vocab_size, config.input_width)
    if config.reader is None:
        yield "classifier.weight", (len(config.labels), config.output_width)
        yield "classifier.bias", (len(config.labels),)
    else:
        yield from word_shapes(config)
        yield from ((name, (1, config.output_width)) for name in _ENDS)
    for reader in range(config.num_readers):
        d_x = config.layer_width(reader // config.num_directions)
        prefix = _reader_prefix(config, reader)
        for name, policy_shape in _policy_shapes(config, reader, d_x):
            yield f"{prefix}.{name}", policy_shape
        for choice, size in enumerate(config.sizes):
            if size:
                rows = config.num_gates * size
                context = config.context_width(choice)
                # Sizes of 0 own no tensors and, being the smallest, come last: numbers have no gaps.
                yield f"{prefix}.cells.{choice}.weight_ih", (rows, d_x)
                yield f"{prefix}.cells.{choice}.weight_hh", (rows, context)
                yield f"{prefix}.cells.{choice}.bias_ih", (rows,)
                yield f"{prefix}.cells.{choice}.bias_hh", (rows,)


def word_shapes(config: RuntimeConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What a question reader has beside its table of words, its layers and the scores of both ends."""
    width = config.word_width
    if config.char_vocab_size is not None:
        yield "characters.embed.weight", (config.char_vocab_size, config.char_embedding_size)
        yield (
            "characters.filters.weight",
            (config.char_filters, config.char_embedding_size, config.char_width),
        )
        yield "characters.filters.bias", (config.char_filters,)
    for layer in range(config.num_highway_layers):
        yield from _linear(f"highway.transforms.{layer}", width, width)
        yield from _linear(f"highway.gates.{layer}", width, width)
    yield "reader.similarity.scores.weight", (1, 3 * config.encoded_width)


def _policy_shapes(config: RuntimeConfig, reader: int, d_x: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What decides how one reader reads, and what it starts from."""
    d, is_top = config.hidden_size, reader >= config.num_readers - config.num_directions
    if config.policy == "skim":
        yield from _linear("policy.decision", config.num_choices, d_x + d)
    # Every layer of a question reader has a gate of its own.
    if config.policy == "skip" and (is_top or config.reader):
        yield from _linear("policy.gate", 1, d)
    if config.policy == "selective":
        yield from _linear("policy.coordinator", d, d_x)
        yield "policy.own", (d,)
    if config.jump_size is not None and is_top:
        yield from _linear("jump.head", config.jump_size + 1, d)
    if config.learned_initial_state:
        yield "initial_state", (2 if config.cell_type == "lstm" else 1, d)


def _linear(name: str, rows: int, columns: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (rows, columns)
    yield f"{name}.bias", (rows,)


def load_weights(
    path: Path, config: RuntimeConfig, *, dtype: type[np.floating[Any]] = np.float32
) -> ModelWeights:
    """Reads and checks the tensors of a model.

    Baselines of a policy gradient, `*.baseline.weight` and `*.baseline.bias`, serve training only: they may
    be there and are not read.

    Args:
        path: A `model.safetensors`, or the `model.safetensors.index.json` of several such files.
        config: What the files must hold.
        dtype: What to convert the stored float16, bfloat16, float32 or float64 values to.

    Raises:
        ValueError: A file is damaged, an index does not fit its files, or a tensor is missing, unexpected,
            of a wrong shape or dtype, or holds NaN or infinity. The message names the file, the tensor and
            the remedy.
    """
    tensors: dict[str, Array] = {}
    files = open_tensors(path)
    names = [name for name in files if not name.endswith(TRAINING_ONLY)]
    stored = _stored_names(path, names, config)
    for name, shape in expected_shapes(config):
        file = files[stored[name]]
        _check_form(file.path, name, *file.form(stored[name]), shape)
        tensors[name] = _convert(file.path, name, file.read(stored[name]), dtype)
    return assemble(config, tensors)


def _reader_prefix(config: RuntimeConfig, reader: int) -> str:
    layer, direction = divmod(reader, config.num_directions)
    return f"{_layer_name(config, layer)}.readers.{direction}"


def _layer_name(config: RuntimeConfig, layer: int) -> str:
    if config.reader is None:
        return f"layers.{layer}"
    after = layer - config.num_encoder_layers
    if after < 0:
        return f"encoder.{layer}"
    return f"reader.layers.{after}" if after < config.num_hidden_layers else "reader.output_layer"


def _stored_names(path: Path, names: list[str], config: RuntimeConfig) -> dict[str, str]:
    """Maps every expected name to the name in the file; refuses any difference between the two sets."""
    stored = {name.removeprefix(_PREFIX): name for name in names}
    # A damaged configuration can promise millions of layers: look no further than the first few gaps.
    missing = list(islice((name for name, _ in expected_shapes(config) if name not in stored), _SHOWN))
    known = set(stored) if missing else {name for name, _ in expected_shapes(config)}
    unexpected = sorted(set(stored) - known) + sorted(set(names) - set(stored.values()))
    if missing == _CLASSIFIER:
        raise ValueError(
            f"{path} holds a bare encoder: it lacks the classifier ({', '.join(_CLASSIFIER)}), without which "
            "there are no labels. Fine-tune the encoder as one of the classes that config.json may name, and "
            "save that model."
        )
    if missing or unexpected:
        found = [f"lacks {', '.join(missing)}"] if missing else []
        found += [f"has the unexpected {', '.join(unexpected[:_SHOWN])}"] if unexpected else []
        raise ValueError(
            f"{path} {' and '.join(found)} (at most {_SHOWN} shown). Its tensors are "
            f"{', '.join(sorted(names)[:_SHOWN]) or 'none'}, ...: it does not belong to the config.json "
            f"beside it. {remedy(path)}"
        )
    return stored


def _check_form(path: Path, name: str, dtype: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise ValueError(
            f"{path}: {name} has shape {list(shape)}, but config.json asks for {list(expected)}. "
            f"The two files do not belong together. {remedy(path)}"
        )
    if dtype not in READABLE:
        raise ValueError(
            f"{path}: {name} is stored as {dtype}; the runtime reads {', '.join(READABLE)}. "
            "Save the model in float32: model.float().save_pretrained(folder)."
        )


def _convert(path: Path, name: str, tensor: Array, dtype: type[np.floating[Any]]) -> Array:
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(tensor, dtype=dtype)
    if not np.isfinite(converted).all():
        raise ValueError(
            f"{path}: {name} holds NaN or values that are infinite in {converted.dtype}. "
            "The training that made it diverged; use an earlier checkpoint."
        )
    return converted


def assemble(config: RuntimeConfig, tensors: dict[str, Array]) -> ModelWeights:
    """Gives tensors their places.

    Args:
        config: Of the model.
        tensors: All that `expected_shapes` names, of one dtype.
    """
    readers, dtype = [], next(iter(tensors.values())).dtype
    for reader in range(config.num_readers):
        prefix = _reader_prefix(config, reader)
        cells = (
            CellWeights(
                weight_ih=tensors[f"{prefix}.cells.{choice}.weight_ih"],
                weight_hh=tensors[f"{prefix}.cells.{choice}.weight_hh"],
                bias_ih=tensors[f"{prefix}.cells.{choice}.bias_ih"],
                bias_hh=tensors[f"{prefix}.cells.{choice}.bias_hh"],
            )
            if size
            else None
            for choice, size in enumerate(config.sizes)
        )
        readers.append(
            ReaderWeights(
                tuple(cells),
                tensors.get(f"{prefix}.policy.decision.weight"),
                tensors.get(f"{prefix}.policy.decision.bias"),
                dtype,
                gate=_find_linear(tensors, f"{prefix}.policy.gate"),
                coordinator=_find_linear(tensors, f"{prefix}.policy.coordinator"),
                own=tensors.get(f"{prefix}.policy.own"),
                jump=_find_linear(tensors, f"{prefix}.jump.head"),
                initial_state=tensors.get(f"{prefix}.initial_state"),
            )
        )
    embedding = tensors.get("embed_tokens.weight")
    if config.reader is not None:
        ends = np.concatenate([tensors[name] for name in _ENDS])
        words = {name: tensors[name] for name, _ in word_shapes(config)}
        return ModelWeights(embedding, tuple(readers), ends, np.zeros(2, dtype), words)
    return ModelWeights(embedding, tuple(readers), tensors["classifier.weight"], tensors["classifier.bias"])


def _find_linear(tensors: dict[str, Array], name: str) -> Linear | None:
    weight = tensors.get(f"{name}.weight")
    return None if weight is None else Linear(weight, tensors[f"{name}.bias"])
