"""Result files: written whole, checked when read, and held against the weights."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from skim_hf.results import RESULTS_NAME, ModelResults, write_json

DIGEST = "0123456789abcdef"


@pytest.fixture
def results(blocks):
    return ModelResults(DIGEST, **blocks)


def load_or_fault(path):
    try:
        return ModelResults.load(path), None
    except ValueError as error:
        return None, str(error)


@pytest.fixture
def text(results, tmp_path):
    """A valid file's text."""
    return results.save(tmp_path / "valid.json").read_text(encoding="utf-8")


def test_results_come_back_as_they_were(results, tmp_path):
    path = results.save(tmp_path)
    assert path == tmp_path / RESULTS_NAME
    assert ModelResults.load(tmp_path) == ModelResults.load(path) == results


def test_blocks_that_nobody_measured_are_left_out(results, tmp_path):
    few = dataclasses.replace(results, latency=None, training=None)
    assert json.loads(few.save(tmp_path).read_text(encoding="utf-8")).keys() == {
        *("format", "weights", "model", "evaluation", "example", "answer", "predictions")
    }
    assert ModelResults.load(tmp_path) == few


def test_an_incomplete_block_is_refused_when_it_is_made(blocks):
    del blocks["latency"]["machine"]
    with pytest.raises(ValueError, match="latency lacks machine"):
        ModelResults(DIGEST, **blocks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.update(format=2), "expected format 1; got 2"),
        (lambda values: values.pop("format"), "expected format 1; got None"),
        (lambda values: values.update(format="1"), "expected format 1; got '1'"),
        (lambda values: values.pop("weights"), "the file lacks weights"),
        (lambda values: values.update(weights=7), "weights must be a text; got 7"),
        (lambda values: values.update(model=None), "model must be an object; got None"),
        (lambda values: values.update(notes={}), "unknown key 'notes'"),
        (lambda values: values.update(training=[]), "training must be an object"),
        (lambda values: values["training"].pop("command"), "training lacks command"),
    ],
)
def test_what_a_file_must_not_say(text, tmp_path, change, message):
    values = json.loads(text)
    change(values)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        ModelResults.load(path)
    assert str(path) in str(caught.value)
    assert "skim-hf evaluate" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b'{"format": 1, "weights": NaN}',
        b'{"format": 1, "weights": 1e999}',
        b'{"format": 1, "weights": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_result_file_is_a_value_error(tmp_path, content):
    (tmp_path / RESULTS_NAME).write_bytes(content)
    with pytest.raises(ValueError, match=RESULTS_NAME):
        ModelResults.load(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_loads_or_is_a_value_error(text, tmp_path, data):
    content = bytearray(text.encode("utf-8"))
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(start + 40, len(content))))
    content[start:end] = data.draw(st.binary(max_size=8))
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    loaded, fault = load_or_fault(path)
    if loaded is None:
        assert str(path) in fault
    else:
        # What is accepted can be written again.
        assert ModelResults.load(loaded.save(path)) == loaded


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="skim-hf evaluate"):
        ModelResults.load(tmp_path)


def test_an_interrupted_write_leaves_the_old_file(results, tmp_path, monkeypatch):
    path = results.save(tmp_path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            dataclasses.replace(results, training=None).save(path)
    assert [(path, path.read_bytes()) for path in tmp_path.iterdir()] == [(path, before)]


def test_a_text_that_cannot_be_written_touches_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_json(tmp_path / "new" / "a.json", {"text": "\ud800"})
    assert not (tmp_path / "new").exists()


def test_results_know_their_model(folder):
    results = ModelResults.of(folder)
    tensors = load_file(folder / "model.safetensors")
    assert results.model["parameters"] == sum(tensor.size for tensor in tensors.values())
    assert results.model["architecture"] == "SkimRNNForSequenceClassification"
    assert results.model["bytes"] == {
        name: (folder / name).stat().st_size
        for name in ("config.json", "tokenizer.json", "model.safetensors")
    }
    results.check_weights(folder)


def test_weights_are_known_by_their_numbers_and_not_by_their_file(folder, tmp_path):
    results = ModelResults.of(folder)
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    tensors = load_file(folder / "model.safetensors")
    shorter = {name.removeprefix("skim_rnn."): tensor for name, tensor in reversed(tensors.items())}
    save_file(shorter, copied / "model.safetensors", metadata={"format": "np"})
    assert (copied / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()
    results.check_weights(copied)
    shorter["classifier.bias"] = shorter["classifier.bias"] + 1e-4
    save_file(shorter, copied / "model.safetensors")
    with pytest.raises(ValueError, match=f"belong to the weights {results.weights}, but"):
        results.check_weights(copied)
