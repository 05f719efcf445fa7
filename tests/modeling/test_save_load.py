"""Saved folders: what is in them, and which are refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

import skim_hf
from skim_hf import (
    SkimRNNConfig,
    SkimRNNForSequenceClassification,
    SkimRNNForTokenClassification,
    SkimRNNModel,
)

CLASSES = {
    SkimRNNModel: AutoModel,
    SkimRNNForSequenceClassification: AutoModelForSequenceClassification,
    SkimRNNForTokenClassification: AutoModelForTokenClassification,
}
MODELING = Path(skim_hf.__file__).parent / "modeling"
IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
AUTO_MAP = {
    "AutoConfig": "configuration_skim_rnn.SkimRNNConfig",
    "AutoModel": "modeling_skim_rnn.SkimRNNModel",
    "AutoModelForQuestionAnswering": "question_skim_rnn.SkimRNNForQuestionAnswering",
    "AutoModelForSequenceClassification": "modeling_skim_rnn.SkimRNNForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_skim_rnn.SkimRNNForTokenClassification",
}


def expected_shapes(small_context, sizes=(7, 3)):
    """Names and shapes of two bidirectional LSTM layers, 23 words of 5, skim sizes [3, 0]."""
    shapes = {"embed_tokens.weight": [23, 5]}
    for layer, width in ((0, 5), (1, 14)):
        for r in (0, 1):
            reader = f"layers.{layer}.readers.{r}."
            for c, (size, context) in enumerate(zip(sizes, (7, small_context), strict=True)):
                shapes[f"{reader}cells.{c}.weight_ih"] = [4 * size, width]
                shapes[f"{reader}cells.{c}.weight_hh"] = [4 * size, context]
                shapes[f"{reader}cells.{c}.bias_ih"] = shapes[f"{reader}cells.{c}.bias_hh"] = [4 * size]
            shapes[f"{reader}policy.decision.weight"] = [3, width + 7]
            shapes[f"{reader}policy.decision.bias"] = [3]
    return shapes


@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
def test_names_and_shapes_of_the_tensors(small_input, tmp_path, make_model):
    fields = {"skim_sizes": [3, 0], "bidirectional": True, "num_hidden_layers": 2, "small_input": small_input}
    bare = expected_shapes(7 if small_input == "full_h" else 3)
    head = {f"skim_rnn.{name}": shape for name, shape in bare.items()}
    head |= {"classifier.weight": [2, 14], "classifier.bias": [2]}
    for cls in CLASSES:
        folder = tmp_path / cls.__name__
        make_model(cls, **fields).float().save_pretrained(folder)
        with safe_open(folder / "model.safetensors", framework="pt") as file:
            stored = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert stored == (bare if cls is SkimRNNModel else head)


def test_names_of_a_plain_network_of_features(tmp_path, make_model):
    make_model(SkimRNNModel, policy="full", input_size=5, cell_type="gru").save_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    parts = {"weight_ih": (21, 5), "weight_hh": (21, 7), "bias_ih": (21,), "bias_hh": (21,)}
    assert {n: tuple(t.shape) for n, t in stored.items()} == {
        f"layers.0.readers.0.cells.0.{n}": s for n, s in parts.items()
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_the_folder_carries_its_code_and_the_full_map(cls, tmp_path, make_model):
    make_model(cls).save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["auto_map"] == AUTO_MAP
    assert stored["architectures"] == [cls.__name__]
    assert stored["model_type"] == "skim_rnn"
    code = {path.name: path.read_text() for path in tmp_path.glob("*.py")}
    assert code == {path.name: path.read_text() for path in MODELING.glob("*_skim_rnn.py")}


def test_saving_twice_changes_nothing(tmp_path, make_model):
    make_model().save_pretrained(tmp_path / "a")
    SkimRNNForSequenceClassification.from_pretrained(tmp_path / "a").save_pretrained(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_auto_classes_know_the_type(tmp_path, make_config):
    make_config().save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is SkimRNNConfig
    assert type(AutoConfig.for_model("skim_rnn", hidden_size=20)) is SkimRNNConfig
    for cls, auto in CLASSES.items():
        assert type(auto.from_config(make_config())) is cls


def test_a_folder_whose_tensors_do_not_fit_is_refused(tmp_path, make_model):
    make_model().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    name = "skim_rnn.layers.0.readers.0.cells.0.weight_hh"
    save_file(tensors | {name: tensors[name][:, :-1].contiguous()}, path, metadata={"format": "pt"})
    with pytest.raises(RuntimeError, match="mismatch"):
        SkimRNNForSequenceClassification.from_pretrained(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Exception, match=r"(?i)safetensor|incomplete|header"):
        SkimRNNForSequenceClassification.from_pretrained(tmp_path)
    path.unlink()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        SkimRNNForSequenceClassification.from_pretrained(tmp_path)
