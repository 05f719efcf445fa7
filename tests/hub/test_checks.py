"""Weights, configuration and tokenizer that do not belong together are found out."""

import json
import shutil

import pytest
from safetensors.numpy import load_file, save_file

from skim_hf.hub.checks import NO_HEAD, NO_WORDS, check_model

HEADS = {
    "SkimRNNModel": [NO_HEAD],
    "SkimRNNForSequenceClassification": [],
    "SkimRNNForTokenClassification": [],
}


@pytest.fixture(scope="module")
def saved(make_folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("saved")
    return {head: make_folder(root / head, head, bidirectional=True) for head in HEADS}


@pytest.fixture(params=HEADS)
def folder(request, saved, tmp_path):
    return shutil.copytree(saved[request.param], tmp_path / "model")


def values_of(folder):
    return json.loads((folder / "config.json").read_text())


def check(folder, **changes):
    return check_model(folder, {**values_of(folder), **changes})


def test_what_belongs_together_passes(folder):
    assert check(folder) == HEADS[values_of(folder)["architectures"][0]]


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 8},
        {"skim_sizes": [2]},
        {"vocab_size": 99},
        {"num_hidden_layers": 2},
        {"cell_type": "gru"},
    ],
    ids=str,
)
def test_other_weights_than_the_configuration_says_are_refused(folder, changes):
    with pytest.raises(ValueError, match=r"model\.safetensors.* belong"):
        check(folder, **changes)


def test_another_tokenizer_is_refused(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["word"] = 99
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ValueError, match="ids up to 99"):
        check(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_what_is_missing_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {name}"):
        check(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_file_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=name):
        check(folder)


def test_weights_in_a_pickle_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pickle \(pytorch_model\.bin\)"):
        check(folder)


@pytest.mark.parametrize(
    "changes",
    [{"model_type": "bert"}, {"architectures": ["BertModel"]}, {"architectures": None}, {"hidden_size": "7"}],
    ids=str,
)
def test_other_kinds_of_models_are_refused_by_name(folder, changes):
    with pytest.raises(ValueError, match=r"config\.json: (model_type|.*architectures|hidden_size)"):
        check(folder, **changes)


@pytest.mark.parametrize("head", HEADS)
def test_a_model_of_features_needs_no_tokenizer(make_folder, tmp_path, head):
    folder = make_folder(tmp_path / "model", head, input_size=4)
    assert check(folder) == [*HEADS[head], NO_WORDS]
    with pytest.raises(ValueError, match="belong"):
        check(folder, input_size=5)


def test_an_encoder_with_a_head_or_without_a_tensor_is_refused(saved, tmp_path):
    for head, change in (("SkimRNNForSequenceClassification", None), ("SkimRNNModel", "embed_tokens.weight")):
        folder = shutil.copytree(saved[head], tmp_path / head)
        tensors = load_file(folder / "model.safetensors")
        tensors.pop(change, None)
        save_file(tensors, folder / "model.safetensors")
        with pytest.raises(ValueError, match=change or "classifier"):
            check(folder, architectures=["SkimRNNModel"])
