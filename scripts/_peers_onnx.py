"""Our plain LSTM in ONNX Runtime, float32 and int8, and its classifier behind a tokenizer of Hugging Face."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime import RuntimeConfig
from skim_hf.runtime.weights import CellWeights, ModelWeights

DTYPES = ("float32", "int8")
_OPSET, _IR = 17, 9


def build_lstm(config: RuntimeConfig, weights: ModelWeights) -> Any:
    """The big cell of a model of one direction and layer as an ONNX graph.

    `ids` [T, 1] int64 to the last hidden state, `hidden` [1, d], and `logits` [1, labels].

    Raises:
        ImportError: onnx is not installed.
        ValueError: Another kind of model.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    if config.cell_type != "lstm" or config.num_readers != 1 or weights.embedding is None:
        raise ValueError("Expected a model of words with one LSTM layer in one direction.")
    tensors = {
        "embedding": weights.embedding,
        **_lstm_tensors(weights.readers[0].cells[0]),
        "classifier": np.ascontiguousarray(weights.classifier_weight.T),
        "classifier_bias": weights.classifier_bias,
        "direction": np.zeros(1, np.int64),
    }
    # Outputs of the LSTM: all states, the last one, the last memory.
    nodes = [
        helper.make_node("Gather", ["embedding", "ids"], ["inputs"]),
        helper.make_node("LSTM", ["inputs", "W", "R", "B"], ["", "last", ""], hidden_size=config.hidden_size),
        helper.make_node("Squeeze", ["last", "direction"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "classifier", "classifier_bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lstm",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["T", 1])],
        [
            helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, config.hidden_size]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(config.labels)]),
        ],
        [numpy_helper.from_array(np.asarray(tensor), name) for name, tensor in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    checker.check_model(model)
    return model


def save_lstm(model: Any, path: Path, dtype: str) -> None:
    """Writes an ONNX model, for `int8` with its LSTM as DynamicQuantizeLSTM.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnx

    if dtype == "float32":
        onnx.save(model, path)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Only the LSTM: quantised word vectors and two rows of a classifier make it no faster.
    with tempfile.TemporaryDirectory() as folder:
        unquantised = Path(folder) / "model.onnx"
        onnx.save(model, unquantised)
        quantize_dynamic(unquantised, path, op_types_to_quantize=["LSTM"], weight_type=QuantType.QInt8)


def new_session(path: Path) -> Any:
    """A session with one thread.

    Of the options we tried, none made an LSTM of batch 1 faster: IO binding, fixed shapes, no memory arena,
    denormals as zero, unsigned weights; scales per channel make it slower.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # The quantiser leaves hints that it could have done more.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def lstm_reader(path: Path) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """A saved LSTM as a function from [T] ids to the last hidden state, [d]."""
    session = new_session(path)
    return lambda ids: session.run(["hidden"], {"ids": ids[:, None]})[0][0]


def save_classifier(model: Path, folder: Path, dtype: str, tokenizer: Any) -> None:
    """Saves what `load_classifier` needs of one of our plain models.

    Args:
        model: Its folder.
        folder: Where to.
        dtype: `float32` or `int8`.
        tokenizer: What splits text for it.
    """
    from skim_hf.runtime.weights import load_weights

    config = RuntimeConfig.load(model / "config.json")
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_weights(model / "model.safetensors", config)
    save_lstm(build_lstm(config, weights), folder / "model.onnx", dtype)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "labels.json").write_text(json.dumps(config.labels), encoding="utf-8")


def load_classifier(folder: Path) -> Callable[[str], str]:
    """Text to label by `tokenizers` and ONNX Runtime; imports nothing of ours."""
    from tokenizers import Tokenizer

    session = new_session(folder / "model.onnx")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    labels: list[str] = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    # Without offsets, which nobody asks for here: the library's quickest way. Its own splitter for BERT in
    # place of our pattern makes no difference.
    encode = tokenizer.encode_batch_fast

    def run(text: str) -> str:
        ids = np.array(encode([text])[0].ids, np.int64)
        logits = session.run(["logits"], {"ids": ids[:, None]})[0]
        return labels[int(logits.argmax())]

    return run


def _lstm_tensors(cell: CellWeights | None) -> dict[str, NDArray[np.float32]]:
    """Weights as ONNX has them: a leading axis of directions, and the gates i, o, f, c."""
    if cell is None:
        raise ValueError("Expected a big cell.")

    def ordered(matrix: Any) -> Any:
        i, f, g, o = np.split(matrix, 4)
        return np.concatenate([i, o, f, g])

    return {
        "W": ordered(cell.weight_ih)[None],
        "R": ordered(cell.weight_hh)[None],
        "B": np.concatenate([ordered(cell.bias_ih), ordered(cell.bias_hh)])[None],
    }
