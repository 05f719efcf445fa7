"""Smaller copies of models read as their originals do."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from skim_hf.hub import plan_push, slim_model
from skim_hf.hub import slimming as module
from skim_hf.results import ModelResults
from skim_hf.runtime import SkimRuntime

from .tiny import TEXTS, make_folder

QUESTIONS = "SkimRNNForQuestionAnswering"
MODELS = {
    "classifier": {},
    "both directions": {"bidirectional": True, "num_hidden_layers": 2, "cell_type": "gru"},
    "questions": {"head": QUESTIONS, "reader": "attention", "unk_token_id": 1, "char_vocab_size": 40},
}


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    """A model, with results and code."""
    pytest.importorskip("torch")
    pytest.importorskip("jinja2")
    return make_folder(tmp_path_factory.mktemp("saved") / "model", **MODELS[request.param])


def outputs(folder, backend="numpy", texts=TEXTS):
    """Labels, or answers, of some texts, with their scores."""
    runtime = SkimRuntime.from_pretrained(folder, backend=backend)
    if runtime.config.reader is None:
        return [(found["label"], found["score"]) for found in runtime(texts)]
    found = runtime.answer(["the plot?"] * len(texts), texts)
    return [(answer["answer"], answer["score"]) for answer in found]


def check_equal(found, expected, tolerance):
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=tolerance)


def test_a_copy_with_all_words_predicts_the_same(saved, tmp_path):
    copy = slim_model(saved, tmp_path / "copy", most_words=999)
    assert copy.words_cut == 0
    assert copy.size < 0.7 * copy.size_before
    assert {value.dtype for value in load_file(copy.folder / "model.safetensors").values()} == {
        np.dtype("f2")
    }
    check_equal(outputs(copy.folder), outputs(saved), 2e-3)
    assert not (copy.folder / "results.json").exists()


def test_every_engine_agrees_on_a_copy(saved, tmp_path):
    pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")
    import torch
    from transformers import AutoTokenizer

    import skim_hf

    copy = slim_model(saved, tmp_path / "copy", most_words=9).folder
    check_equal(outputs(copy, "native"), outputs(copy), 1e-5)
    (head,) = json.loads((copy / "config.json").read_text())["architectures"]
    model = getattr(skim_hf, head).from_pretrained(copy)
    # The numbers that the runtime computes with, not their halves.
    assert (model.dtype, len(model.get_input_embeddings().weight)) == (torch.float32, 11)
    assert len(AutoTokenizer.from_pretrained(copy)) == 11


def test_torch_gives_what_the_runtime_gives(tmp_path):
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    copy = slim_model(make_folder(tmp_path / "model"), tmp_path / "copy", most_words=9).folder
    model = AutoModelForSequenceClassification.from_pretrained(copy).eval()
    batch = AutoTokenizer.from_pretrained(copy)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = model(**batch).logits.softmax(-1).numpy()
    expected = SkimRuntime.from_pretrained(copy).predict_proba(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_words_that_are_cut_are_unknown_words(models, tmp_path):
    folder = models.folder()
    copy = slim_model(folder, tmp_path / "copy", most_words=4, dtype="float32").folder
    long, short = SkimRuntime.from_pretrained(folder), SkimRuntime.from_pretrained(copy)
    text = "The film was very good, not dull"
    trace = short.trace(text)
    # Words 2 to 5 of the vocabulary are a, the, film, was.
    assert [t.token for t in trace.tokens] == ["the", "film", "was", *["[UNK]"] * 5]
    assert [(t.start, t.end) for t in trace.tokens] == [(t.start, t.end) for t in long.trace(text).tokens]
    unknown = long.predict_proba("the film was xx xx xx xx xx")
    np.testing.assert_array_equal(short.predict_proba(text), unknown)


def test_the_words_that_are_kept_can_be_chosen(models, tmp_path):
    folder = models.folder()
    order = ["good", "unheard", "was", "good"]
    copy = slim_model(folder, tmp_path / "copy", most_words=3, order=order, dtype="float32")
    long, short = SkimRuntime.from_pretrained(folder), SkimRuntime.from_pretrained(copy.folder)
    # After those that were named the first of the vocabulary, a; the order among those kept stays.
    text = "a film was very good"
    assert [t.token for t in short.trace(text).tokens] == ["a", "[UNK]", "was", "[UNK]", "good"]
    vocabulary = json.loads((copy.folder / "tokenizer.json").read_text())["model"]["vocab"]
    assert list(vocabulary)[2:] == ["a", "was", "good"]
    np.testing.assert_array_equal(short.predict_proba(text), long.predict_proba("a xx was xx good"))


def test_a_copy_is_pushed_once_it_is_measured(saved, tmp_path):
    copy = slim_model(saved, tmp_path / "copy", most_words=9).folder
    with pytest.raises(ValueError, match="A card needs results"):
        plan_push(copy)
    measured = ModelResults.load(saved)
    with pytest.raises(ValueError, match="belong to the weights"):
        measured.check_weights(copy)
    ModelResults.of(copy, training=measured.training).save(copy)
    plan = plan_push(copy, repo_id="org/name")
    assert {"model.safetensors", "tokenizer_config.json", "README.md"} <= {file.path for file in plan.files}
    assert plan.left_out == {}


def test_split_weights_become_one_file(models, tmp_path):
    folder = models.folder()
    whole = slim_model(folder, tmp_path / "whole").folder
    models.split(folder)
    parts = slim_model(folder, tmp_path / "parts").folder
    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()


def test_a_copy_that_fails_leaves_the_old_one(models, tmp_path, monkeypatch):
    target = slim_model(models.folder(), tmp_path / "copy").folder
    (target / "README.md").write_text("my words")
    before = {path.name: path.read_bytes() for path in target.iterdir()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    other = models.folder(seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", full)
        with pytest.raises(OSError, match="No space"):
            slim_model(other, target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    for name in ("old.safetensors", "results.json", "old_skim_rnn.py"):
        (target / name).write_bytes(b"")
    slim_model(other, target)
    after = {path.name: path.read_bytes() for path in target.iterdir()}
    assert after.keys() == before.keys()
    assert after["model.safetensors"] != before["model.safetensors"]
    assert after["README.md"] == b"my words"
    # Nothing unfinished lies about.
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "model1", "model2"}


def test_folders_that_are_no_models_are_not_replaced(models, tmp_path):
    folder = models.folder()
    with pytest.raises(ValueError, match="another folder"):
        slim_model(folder, folder / ".." / folder.name)
    with pytest.raises(ValueError, match="would be replaced"):
        slim_model(folder, tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"mine\.txt"):
        slim_model(folder, tmp_path / "notes")
    with pytest.raises(FileNotFoundError, match=r"lacks config\.json"):
        slim_model(tmp_path / "nothing", tmp_path / "copy")


def test_impossible_wishes_are_refused(models, tmp_path):
    folder = models.folder(change=lambda tensors: tensors["classifier.bias"].fill(1e6))
    with pytest.raises(ValueError, match=r"classifier\.bias holds values beyond"):
        slim_model(folder, tmp_path / "copy")
    with pytest.raises(ValueError, match="most_words must be at least 1"):
        slim_model(folder, tmp_path / "copy", most_words=0)
    with pytest.raises(ValueError, match="dtype must be one of"):
        slim_model(folder, tmp_path / "copy", dtype="int8")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"] |= {"[UNK]": 2, "a": 1}
    content["added_tokens"][1]["id"] = 2
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="must have the first ids"):
        slim_model(folder, tmp_path / "copy", most_words=3)
    assert not (tmp_path / "copy").exists()
