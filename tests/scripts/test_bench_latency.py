"""The latency benchmark in its smallest sizes: what it writes, and that it stops where two disagree."""

import json
import os
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

from skim_hf.training import LabelSchema, build_tokenizer, new_classifier

TEXTS = ["a good film", "a bad film, a bad one!", "good", "bad", "unknown words only"] * 3
LABELS = ["positive", "negative", "positive", "negative", "negative"] * 3


@pytest.fixture
def trained(tmp_path):
    """What the quickstart leaves behind."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    labels = LabelSchema("single_label_classification", ("negative", "positive"))
    for name, options in (("skim", {"skim_sizes": [3]}), ("plain", {"policy": "full"})):
        model = new_classifier(labels, tokenizer, embedding_size=5, hidden_size=7, **options)
        if name == "skim":
            # Decisions of both kinds, which an untrained model hardly makes.
            torch.nn.init.normal_(model.skim_rnn.layers[0].readers[0].policy.decision.weight, std=3.0)
        model.eval().save_pretrained(tmp_path / f"{name}-lstm-imdb")
        tokenizer.save_pretrained(tmp_path / f"{name}-lstm-imdb")
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        table = pyarrow.table({"text": TEXTS, "label": LABELS})
        pyarrow.parquet.write_table(table, tmp_path / "data" / f"{split}.parquet")
    return tmp_path


@pytest.fixture
def bench(script, monkeypatch):
    """The script, which neither pins this process nor leaves it with one thread."""
    before = dict(os.environ)
    module = script("bench_latency")
    monkeypatch.setattr(script("_one_core"), "pin", lambda: None)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def without_peers(bench, script, monkeypatch):
    """As if nothing of the extra `bench` were installed; the peers have tests of their own."""
    for name in ("onnx", "onnxruntime", "fasttext", "model2vec"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def run(bench, tmp_path, monkeypatch):
    """Runs the benchmark with options and gives its results."""
    output = tmp_path / "new" / "results.json"

    def run(*options):
        command = ["scripts/bench_latency.py", "--quick", "--output", str(output), *options]
        monkeypatch.setattr(sys, "argv", command)
        bench.main()
        return json.loads(output.read_text(encoding="utf-8"))

    run.output = output
    return run


def test_tokens_are_measured_at_every_size(run, without_peers, capsys):
    results = run("--sections", "tokens", "--seed", "7")
    assert results["command"].endswith("--sections tokens --seed 7")
    assert results["seed"] == 7
    assert results["machine"]["processor"]
    settings = results["tokens"]["settings"]
    assert [(s["hidden_size"], s["skim_size"], s["length"]) for s in settings] == [(7, 1, 3), (7, 1, 40)]
    for setting in settings:
        found = setting["contestants"]
        wanted = {"numpy_float32_plain", "torch_lstm"} | {f"numpy_float32_skim_{r}" for r in (50, 90, 99)}
        assert wanted <= set(found)
        for name, measured in found.items():
            times = measured["us_per_token"]
            assert 0 < times["min_us"] <= times["median_us"] <= times["p99_us"]
            assert measured["largest_difference"] < 1e-4 or "int8" in name
        assert found["torch_lstm"]["times_faster_than"]["torch_lstm"] == 1
        assert set(setting["missing"]) >= {"onnx_float32", "onnx_int8"}
        assert all(setting["missing"].values())
        assert not set(setting["missing"]) & set(found)
    rates = [settings[1]["contestants"][f"numpy_float32_skim_{rate}"]["skim_rate"] for rate in (50, 90, 99)]
    assert rates == sorted(rates)
    assert "missing: onnx_float32, onnx_int8" in capsys.readouterr().out


def test_trained_models_are_measured_in_every_way(run, without_peers, trained, capsys):
    results = run("--trained", str(trained))
    assert results["data"]["splits"] == {"train": 15, "test": 15}
    texts = results["texts"]
    assert texts["texts"] == 3
    assert set(texts["contestants"]) >= {"numpy_float32_skim", "numpy_float32_plain"}
    for measured in texts["contestants"].values():
        assert 0 < measured["min_us"] <= measured["median_us"] <= measured["p99_us"]
        assert 0 <= measured["accuracy"] <= 1
    peers = {"onnx_float32", "onnx_int8", "fasttext", "fasttext_split", "model2vec", "transformer_int8"}
    assert set(texts["missing"]) >= peers
    assert set(results["start"]["missing"]) == {"onnx_int8", "fasttext", "model2vec"}
    numpy = results["start"]["contestants"]["numpy_float32"]
    assert 0 < numpy["seconds"] < 60
    assert not numpy["torch_loaded"]
    memory = results["memory"]["numpy_float32"]
    assert memory["predictions"] == 1
    assert len(memory["resident_megabytes"]) == 2
    assert set(results["parity"]["skim"]) == set(results["parity"]["plain"])
    assert set(results["two_threads"]) >= {"missing"} or "native_float32" in results["two_threads"]
    rates = results["tokens"]["skim_rates"]
    assert 0 < rates["trained"] < 1
    assert "string to label" in capsys.readouterr().out


def test_a_contestant_that_computes_something_else_stops_the_benchmark(
    run, script, without_peers, monkeypatch
):
    module = script("_peers_torch")
    honest = module.lstm_reader

    def wrong(weights):
        reader = honest(weights)
        return lambda ids: reader(ids) * 1.01

    monkeypatch.setattr(module, "lstm_reader", wrong)
    with pytest.raises(SystemExit, match=r"torch_lstm differs from NumPy by .*; nothing was measured"):
        run("--sections", "tokens")
    assert not run.output.exists()


def test_other_decisions_stop_the_benchmark(bench, script):
    module, texts = script("_latency_tokens"), [np.arange(4)]

    class Reading:
        def __init__(self, decisions):
            self.hidden, self.decisions = np.zeros((1, 3)), np.array(decisions)[:, None]

    readers = {
        "numpy_float32_plain": lambda ids: Reading([0, 0, 0, 0]),
        "numpy_float32_skim_50": lambda ids: Reading([0, 1, 0, 1]),
        "native_int8_skim_50": lambda ids: Reading([1, 1, 0, 1]),
    }
    notes = module.check_equal(readers, texts)
    assert notes["native_int8_skim_50"] == {
        "largest_difference": 0,
        "skim_rate": 0.75,
        "decisions_differing": 0.25,
    }
    readers["native_float32_skim_50"] = lambda ids: Reading([0, 1, 1, 1])
    with pytest.raises(
        SystemExit, match="native_float32_skim_50 decides otherwise than numpy_float32_skim_50"
    ):
        module.check_equal(readers, texts)


def test_parity_counts_what_differs(bench, script):
    compare = script("_latency_parity").compare
    names = ("negative", "positive")
    one = (names, np.array([[0.9, 0.1], [0.4, 0.6]]), [np.array([[0], [1]]), np.array([[1]])])
    two = (names, np.array([[0.8, 0.2], [0.6, 0.4]]), [np.array([[0], [0]]), np.array([[1]])])
    assert compare(one, two, ["negative", "positive"]) == {
        "labels_differing": 1,
        "label_agreement": 0.5,
        "largest_probability_difference": pytest.approx(0.2),
        "decisions": 3,
        "decisions_differing": 1,
        "skim_rate": pytest.approx(2 / 3),
        "accuracy": 1.0,
        "accuracy_of_other": 0.5,
    }


def test_reviews_of_one_length_are_timed(bench, script, tmp_path):
    module = script("_latency_texts")
    texts = ["word " * count for count in (5, 25, 34, 36, 90)]
    plan = module.TextPlan(tmp_path, tmp_path, texts, [""] * 5, tmp_path, rounds=1, count=9, words=30, seed=0)
    assert sorted(len(text.split()) for text in module.choose_texts(plan)) == [25, 34, 36]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sections", "texts"], "need --trained, or --model, --plain-model and --data"),
        (["--sections", "tokens,soup"], "expected some of tokens,texts"),
        (["--sections", "tokens", "--hidden-sizes", "8,0"], "whole numbers from 1"),
        (["--sections", "tokens", "--words", "0"], "at least 1"),
    ],
)
def test_wrong_options_are_explained(options, message, run, capsys):
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err
    assert not run.output.exists()
