"""What a push would send, and what it leaves at home."""

import json
import os
import pickle
import shutil
import socket

import pytest

from skim_hf.hub.card import write_card
from skim_hf.hub.code import PACKAGE
from skim_hf.hub.plan import plan_push
from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP


@pytest.fixture(scope="module")
def saved(make_folder, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a plan needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def names_of(plan):
    return {file.path for file in plan.files}


def contents_of(plan):
    return {
        file.path: file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        for file in plan.files
    }


def test_a_model_goes_with_its_code_and_card(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    plan = plan_push(folder, repo_id="org/name")
    assert names_of(plan) == {*before, "README.md"}
    assert {**contents_of(plan), "README.md": None} == {**before, "README.md": None}
    assert b"org/name" in contents_of(plan)["README.md"]
    assert {file.path: file.size for file in plan.files} == {n: len(c) for n, c in contents_of(plan).items()}
    assert plan.size == sum(file.size for file in plan.files)
    assert (plan.left_out, plan.notes) == ({}, ())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_is_not_the_model_stays(folder):
    for name in ("checkpoint-7", "runs", "__pycache__", ".cache", "images"):
        (folder / name).mkdir()
        (folder / name / "optimizer.pt").write_bytes(b"")
    pickles = ("training_args.bin", "optimizer.pt", "rng_state.pth", "data.pkl", "pytorch_model.bin")
    for name in (*pickles, "model-00001-of-00002.safetensors", "train.py", ".env", "train.csv"):
        (folder / name).write_bytes(pickle.dumps(name))
    travelling = (
        "results.json",
        "all_results.json",
        "trainer_state.json",
        "LICENSE",
        "special_tokens_map.json",
    )
    for name in travelling[1:]:
        (folder / name).write_text("{}")
    plan = plan_push(folder)
    assert {name for name in names_of(plan) if not name.endswith(".py")} == {
        *("README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *travelling,
    }
    assert plan.left_out.keys() == {path.name for path in folder.iterdir()} - names_of(plan)
    assert {name for name, reason in plan.left_out.items() if "pickle" in reason} == set(pickles)
    assert "checkpoint" in plan.left_out["checkpoint-7"]
    assert not [file for file in plan.files if pickle.PROTO in contents_of(plan)[file.path][:1]]


@pytest.mark.parametrize(
    "name", ["config.json\n", "tokenizer_config.json ", "..\\x_results.json", "\x1b[2J", "LICENSE.é"]
)
def test_odd_names_stay(folder, name):
    (folder / name).write_text("{}")
    plan = plan_push(folder)
    assert name in plan.left_out
    assert name not in names_of(plan)


def test_classes_and_code_are_completed(folder):
    values = json.loads((folder / "config.json").read_text())
    values["auto_map"] = {"AutoModel": AUTO_MAP["AutoModel"]}
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "cells_skim_rnn.py").unlink()
    contents = contents_of(plan_push(folder))
    assert json.loads(contents["config.json"]) == {**values, "auto_map": AUTO_MAP}
    assert contents["cells_skim_rnn.py"] == (PACKAGE / "cells_skim_rnn.py").read_bytes()
    assert not (folder / "cells_skim_rnn.py").exists()
    assert json.loads((folder / "config.json").read_text()) == values


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer_config.json", "modeling_skim_rnn.py", "LICENSE"]
)
def test_a_link_out_of_the_folder_is_refused(folder, tmp_path, name):
    outside, inside = tmp_path / "outside", folder / name
    if inside.exists():
        inside.rename(outside)
    else:
        outside.write_text("")
    inside.symlink_to(outside)
    with pytest.raises(ValueError, match="link out of the folder"):
        plan_push(folder)
    inside.unlink()
    outside.rename(folder / "kept")
    inside.symlink_to("kept")
    assert name in names_of(plan_push(folder))


def test_split_weights_go_as_the_index_names_them(make_folder, tmp_path):
    import skim_hf

    folder = make_folder(tmp_path / "model")
    model = skim_hf.SkimRNNForSequenceClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="1KB")
    (folder / "model-00001-of-00009.safetensors").write_bytes(b"")
    weights = {name for name in names_of(plan_push(folder)) if ".safetensors" in name}
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert weights == {"model.safetensors.index.json", *index["weight_map"].values()}
    assert len(weights) > 2


@pytest.mark.parametrize("name", ["absent", "model/config.json", ""])
def test_where_no_model_is(folder, tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"There is no folder|lacks config"):
        plan_push(os.path.join(tmp_path, name))


@pytest.mark.parametrize(
    ("head", "fields", "note"),
    [
        ("SkimRNNModel", {}, "bare encoder"),
        ("SkimRNNForTokenClassification", {"input_size": 4}, "features"),
    ],
)
def test_what_the_runtime_cannot_measure_goes_with_a_note_and_without_card(
    make_folder, tmp_path, head, fields, note
):
    plan = plan_push(make_folder(tmp_path / "model", head, **fields))
    assert note in " ".join(plan.notes)
    assert not {"README.md", "results.json"} & names_of(plan)
    assert {"config.json", "model.safetensors", "modeling_skim_rnn.py"} <= names_of(plan)


def test_no_results_or_those_of_other_weights_are_refused(folder, make_folder, tmp_path):
    other = make_folder(tmp_path / "other", seed=1)
    shutil.copy(other / "results.json", folder)
    with pytest.raises(ValueError, match="belong to the weights"):
        plan_push(folder)
    (folder / "results.json").unlink()
    with pytest.raises(ValueError, match=r"no results\.json"):
        plan_push(folder)


def test_a_card_written_by_hand_is_not_replaced_unseen(folder):
    (folder / "README.md").write_text("# Mine\n")
    with pytest.raises(ValueError, match="not made by skim-hf"):
        plan_push(folder)
    (folder / "README.md").unlink()
    write_card(folder, repo_id="org/older")
    plan = plan_push(folder, repo_id="org/newer")
    assert b"org/newer" in contents_of(plan)["README.md"]
    assert b"org/older" in (folder / "README.md").read_bytes()
