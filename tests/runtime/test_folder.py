import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.folder import ModelFolder


def test_a_saved_folder_names_its_files(folder):
    found = ModelFolder.find(folder)
    assert [found.config.name, found.tokenizer.name, found.weights.name] == list(ModelFolder.FILES)
    assert found == ModelFolder.find(str(folder)) == ModelFolder(folder)
    assert all(path.is_file() for path in (found.config, found.tokenizer, found.weights))


@pytest.mark.parametrize("name", ModelFolder.FILES)
def test_a_missing_file_is_named_with_all_that_belong_there(models, name):
    folder = models.folder()
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {re.escape(name)}") as caught:
        ModelFolder.find(folder)
    for expected in (str(folder), *ModelFolder.FILES, "save_pretrained"):
        assert expected in str(caught.value)


def test_a_folder_without_weights_but_with_a_pickle_says_why_it_is_not_read(models):
    folder = models.folder()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pickle \(pytorch_model.bin\).*model.save_pretrained"):
        ModelFolder.find(folder)


def test_what_a_trainer_leaves_beside_the_model_is_no_pickle_of_weights(models):
    folder = models.folder()
    (folder / "model.safetensors").unlink()
    for name in ("training_args.bin", "optimizer.pt", "rng_state.pth"):
        (folder / name).touch()
    with pytest.raises(FileNotFoundError, match=r"lacks model\.safetensors.*save_pretrained") as caught:
        ModelFolder.find(folder)
    assert "pickle" not in str(caught.value)


def test_split_weights_are_found_by_their_index(models):
    folder = models.folder()
    files = models.split(folder)
    assert ModelFolder.find(folder).weights.name == "model.safetensors.index.json"
    (folder / files[1]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks {files[1]}\..*index\.json names what is missing"):
        ModelFolder.find(folder)
    shutil.copy(models.folder() / "model.safetensors", folder)
    assert ModelFolder.find(folder).weights.name == "model.safetensors"


def test_split_weights_run_like_whole_ones(models):
    texts = ["a good film", "dull, very dull", ""]
    folder = models.folder()
    expected = SkimRuntime.from_pretrained(folder).predict_proba(texts)
    models.split(folder)
    clf = SkimRuntime.from_pretrained(folder)
    assert np.array_equal(clf.predict_proba(texts), expected)
    copy = pickle.loads(pickle.dumps(clf.by_path()))
    assert np.array_equal(copy.predict_proba(texts), expected)


def test_an_index_without_a_sound_list_is_refused(models):
    folder = models.folder()
    models.split(folder)
    text = json.dumps({"weight_map": {"classifier.bias": "../model.safetensors"}})
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"index\.json: 'classifier.bias' must lie in"):
        ModelFolder.find(folder)


@pytest.mark.parametrize(
    "subfolder", ["checkpoint-2", "checkpoint-2/", "./checkpoint-2", "runs/checkpoint-2"]
)
def test_a_model_may_lie_in_a_subfolder(models, tmp_path, subfolder):
    root = tmp_path / "outputs"
    shutil.copytree(models.folder(), root / subfolder)
    assert ModelFolder.find(root, subfolder=subfolder) == ModelFolder(root / subfolder)
    with pytest.raises(FileNotFoundError, match="lacks config"):
        ModelFolder.find(root)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*checkpoint-3"):
        ModelFolder.find(root, subfolder="checkpoint-3")


def test_no_subfolder_is_the_folder_itself(folder):
    assert ModelFolder.find(folder, subfolder="") == ModelFolder.find(folder, subfolder=".")


@pytest.mark.parametrize("subfolder", ["..", "../x", "a/../../b", "/etc", "a\\b", "C:x", "a\0b"])
def test_a_subfolder_lies_inside(folder, subfolder):
    for source in (folder, "org/name"):
        with pytest.raises(ValueError, match="subfolder must be a path inside"):
            ModelFolder.find(source, subfolder=subfolder)


@pytest.mark.parametrize("subfolder", [None, 3, b"a"])
def test_a_subfolder_is_text(folder, subfolder):
    with pytest.raises(TypeError, match=f"subfolder must be text.*got {type(subfolder).__name__}"):
        ModelFolder.find(folder, subfolder=subfolder)


def test_a_file_is_not_a_folder(folder):
    with pytest.raises(ValueError, match="is a file"):
        ModelFolder.find(folder / "config.json")


@pytest.mark.parametrize("source", ["./nowhere", "../nowhere", "/no/where", "a/b/c", "~/nowhere", "a/", ""])
def test_what_can_only_be_a_path_is_not_looked_up_on_the_hub(source, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(FileNotFoundError, match=r"There is no folder|lacks config.json"):
        ModelFolder.find(source)


@pytest.mark.parametrize("source", [None, 3, b"folder", ["folder"]])
def test_a_source_is_text_or_a_path(source):
    with pytest.raises(TypeError, match=f"got {type(source).__name__}"):
        ModelFolder.find(source)


def test_a_folder_wins_over_the_hub(monkeypatch, models):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    folder = models.folder()
    monkeypatch.chdir(folder.parent)
    assert ModelFolder.find(folder.name).root == Path(folder.name)


def test_what_the_hub_takes_for_no_name_is_said_so():
    with pytest.raises(FileNotFoundError, match=r"'my model'.* not a folder here.*Repo id"):
        ModelFolder.find("my model")


def test_the_real_hub_client_offline_gives_the_same_error(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = (
        "from skim_hf.runtime.folder import ModelFolder\n"
        "try: ModelFolder.find('skim-hf-tests/absent')\n"
        "except FileNotFoundError as error: assert 'HF_HUB_OFFLINE' in str(error), error\n"
        "else: raise SystemExit('no error')\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
