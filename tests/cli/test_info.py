"""What a model is, on the command line."""

import dataclasses

import pytest

from skim_hf import costs
from skim_hf.results import ModelResults, measure_latency
from skim_hf.runtime import SkimRuntime

TEXTS = ["a good film", "very bad, not fine", "a dull film " * 9]


def test_what_a_model_is(records, folder):
    (found,) = records("info", folder)
    clf = SkimRuntime.from_pretrained(folder)
    assert found["labels"] == ["negative", "positive"]
    assert found["threshold"] == 0.5
    assert found["backend"] == clf.backend
    assert set(found["file_bytes"]) == {"config.json", "tokenizer.json", "model.safetensors"}
    # The tensors in float32 at least.
    assert found["memory_bytes"] > 4 * found["parameters"]
    (shape,) = costs.reader_shapes(clf.config)
    done = {row["choice"]: row["multiply_adds"] for row in found["costs"]}
    assert done == {
        "plain": costs.macs(dataclasses.replace(shape, skim_sizes=()), [1]),
        "read": costs.macs(shape, [1, 0]),
        "skim": costs.macs(shape, [0, 1]),
    }
    assert found["measured"] is None
    assert "reading" not in found


def test_several_readers_and_sizes(records, shared_models):
    model = shared_models.folder(bidirectional=True, num_hidden_layers=2, skim_sizes=[3, 0])
    (found,) = records("info", model, "--backend", "numpy")
    clf = SkimRuntime.from_pretrained(model)
    assert [row["choice"] for row in found["costs"]] == ["plain", "read", "skim", "skip"]
    read = sum(costs.macs(shape, [1, 0, 0]) for shape in costs.reader_shapes(clf.config))
    assert found["costs"][1]["multiply_adds"] == read


def test_where_a_model_reads(records, cli, write, folder):
    path = write("a.csv", text=TEXTS)
    (found,) = records("info", folder, "--input", path)
    clf = SkimRuntime.from_pretrained(folder)
    traces = [clf.trace(text) for text in TEXTS]
    read = [token.token for trace in traces for token in trace.tokens if token.is_read]
    reading = found["reading"]
    assert reading["read"] == pytest.approx(len(read) / sum(len(trace.tokens) for trace in traces))
    assert {word["token"]: word["read"] for word in reading["words"]} == {
        word: read.count(word) for word in read
    }
    shown = cli("info", folder, "--input", path, "--format", "table").stdout
    assert "Most read" in shown
    assert "tenth of the text" in shown


def test_what_was_measured_is_told_if_it_belongs_to_the_weights(records, cli, models):
    folder = models.folder()
    block = measure_latency({"adaptive": SkimRuntime.from_pretrained(folder)}, TEXTS, rounds=1)
    ModelResults.of(folder, latency=block).save(folder)
    (found,) = records("info", folder)
    assert found["measured"]["latency"] == block
    assert "string to label" in cli("info", folder, "--format", "table").stdout
    ModelResults.of(models.folder(seed=1), latency=block).save(folder)
    found = cli("info", folder, "--format", "table")
    assert found.exit_code == 0
    assert "belong to the weights" in found.stderr
    assert "string to label" not in found.stdout


def test_why_a_backend_was_declined(records, folder, monkeypatch):
    monkeypatch.setattr("skim_hf.runtime.backends.NATIVE_MODULE", "skim_hf_absent")
    (found,) = records("info", folder)
    assert found["backend"] == "numpy"
    assert "not installed with its C extension" in found["backend_declined"]


def test_a_folder_without_a_model(cli, tmp_path):
    found = cli("info", tmp_path)
    assert found.exit_code == 1
    assert "lacks config.json, tokenizer.json, model.safetensors" in found.stderr
