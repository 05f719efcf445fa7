"""A transformer of DistilBERT's shape in int8 with random weights: what its time is, whatever it has learnt.

Six layers of width 768 with 12 heads, GELU layers of width 3072, and a vocabulary of 30,522 word pieces. For
want of the published vocabulary its word pieces are trained on the reviews themselves, which leaves more
words whole: the published one would give a text some more pieces, and a higher cost.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _peers_onnx import new_session

_OPSET, _IR = 17, 9
_MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Shape:
    """The widths of a transformer; DistilBERT's unless a test wants a smaller one."""

    layers: int = 6
    width: int = 768
    heads: int = 12
    inner: int = 3072
    pieces: int = 30_522
    positions: int = 512
    labels: int = 2


def save(folder: Path, texts: Iterable[str], seed: int, shape: Shape | None = None) -> None:
    """Trains word pieces, draws weights, and saves both.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shape = shape or Shape()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        unquantised = Path(scratch) / "model.onnx"
        onnx.save(_Graph(shape, seed).build(), unquantised)
        quantize_dynamic(
            unquantised,
            folder / "model.onnx",
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
            # Its check of shapes knows nothing of Microsoft's operators.
            extra_options={"DisableShapeInference": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    _train_word_pieces(texts, shape).save(str(folder / "tokenizer.json"))


def load(folder: Path) -> Callable[[str], int]:
    """Text to the number of a label, which is as random as the weights."""
    from tokenizers import Tokenizer

    session = new_session(folder / "model.onnx")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encode = tokenizer.encode_batch_fast

    def run(text: str) -> int:
        ids = np.array([encode([text])[0].ids], np.int64)
        return int(session.run(["logits"], {"ids": ids})[0].argmax())

    return run


def _train_word_pieces(texts: Iterable[str], shape: Shape) -> Any:
    from tokenizers.implementations import BertWordPieceTokenizer
    from tokenizers.processors import TemplateProcessing

    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(iter(texts), vocab_size=shape.pieces, show_progress=False)
    tokenizer = trained._tokenizer
    ends = [(mark, tokenizer.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(shape.positions)
    return tokenizer


class _Graph:
    """Collects the nodes and weights of the network.

    Attention, SkipLayerNormalization and BiasGelu are ONNX Runtime's fused operators, which its optimiser for
    transformers would put there.
    """

    def __init__(self, shape: Shape, seed: int) -> None:
        self._shape = shape
        self._generator = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._tensors: dict[str, Any] = {}

    def build(self) -> Any:
        """`ids` [1, T] int64 to `logits` [1, labels]."""
        from onnx import TensorProto, helper, numpy_helper

        shape = self._shape
        x = self._embed()
        for layer in range(shape.layers):
            x = self._layer(x, f"layer{layer}")
        self._tensors["first"] = np.array(0, np.int64)
        self._add("Gather", [x, "first"], "start", axis=1)
        hidden = self._op("Relu", [self._linear("start", "before", shape.width, shape.width)], "active")
        logits = self._linear(hidden, "classifier", shape.width, shape.labels)
        self._add("Identity", [logits], "logits")
        graph = helper.make_graph(
            self._nodes,
            "transformer",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "T"])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, shape.labels])],
            [numpy_helper.from_array(tensor, name) for name, tensor in self._tensors.items()],
        )
        sets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=_IR)

    def _embed(self) -> str:
        shape = self._shape
        words = self._weight("words", shape.pieces, shape.width)
        positions = self._weight("positions", shape.positions, shape.width)
        for name, number in (("zero", 0), ("one", 1)):
            self._tensors[name] = np.array([number], np.int64)
        length = self._op("Slice", [self._op("Shape", ["ids"], "ids_shape"), "one", self._end()], "length")
        here = self._op("Slice", [positions, "zero", length], "here")
        return self._norm(self._op("Gather", [words, "ids"], "gathered"), here, "embedded")

    def _end(self) -> str:
        self._tensors["two"] = np.array([2], np.int64)
        return "two"

    def _layer(self, x: str, name: str) -> str:
        width, inner = self._shape.width, self._shape.inner
        queries, keys, values = (self._linear(x, f"{name}.{part}", width, width) for part in "qkv")
        mixed = self._op(
            "MultiHeadAttention",
            [queries, keys, values],
            f"{name}.mixed",
            domain=_MICROSOFT,
            num_heads=self._shape.heads,
        )
        x = self._norm(self._linear(mixed, f"{name}.out", width, width), x, f"{name}.first")
        wide = self._op("MatMul", [x, self._weight(f"{name}.up", width, inner)], f"{name}.wide")
        bias = self._weight(f"{name}.up_bias", inner)
        active = self._op("BiasGelu", [wide, bias], f"{name}.active", domain=_MICROSOFT)
        return self._norm(self._linear(active, f"{name}.down", inner, width), x, f"{name}.second")

    def _linear(self, x: str, name: str, rows: int, columns: int) -> str:
        product = self._op("MatMul", [x, self._weight(f"{name}.weight", rows, columns)], f"{name}.product")
        return self._op("Add", [product, self._weight(f"{name}.bias", columns)], f"{name}.sum")

    def _norm(self, x: str, skip: str, name: str) -> str:
        scale, shift = f"{name}.scale", f"{name}.shift"
        self._tensors[scale] = np.ones(self._shape.width, np.float32)
        self._tensors[shift] = np.zeros(self._shape.width, np.float32)
        both = self._op("Add", [x, skip], f"{name}.both")
        return self._op("LayerNormalization", [both, scale, shift], f"{name}.normal", axis=-1)

    def _weight(self, name: str, *size: int) -> str:
        drawn = self._generator.standard_normal(size, np.float32)
        self._tensors[name] = drawn / np.float32(size[0] ** 0.5)
        return name

    def _op(self, kind: str, inputs: list[str], name: str, **options: Any) -> str:
        self._add(kind, inputs, name, **options)
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **options: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **options))
