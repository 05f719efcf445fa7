import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

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


def test_split_weights_are_recognised(models):
    folder = models.folder()
    (folder / "model.safetensors").rename(folder / "model.safetensors.index.json")
    with pytest.raises(FileNotFoundError, match="max_shard_size"):
        ModelFolder.find(folder)


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


def fake_hub(monkeypatch, answer):
    calls = []

    def snapshot_download(repo_id, **kwargs):
        calls.append((repo_id, kwargs))
        return answer()

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download)
    )
    return calls


def test_a_hub_id_downloads_the_three_files_of_a_revision(monkeypatch, folder):
    calls = fake_hub(monkeypatch, lambda: str(folder))
    assert ModelFolder.find("org/name", revision="v1").root == folder
    assert calls == [("org/name", {"revision": "v1", "allow_patterns": list(ModelFolder.FILES)})]


def test_a_folder_wins_over_the_hub(monkeypatch, tmp_path, models):
    calls = fake_hub(monkeypatch, lambda: "")
    folder = models.folder()
    monkeypatch.chdir(folder.parent)
    assert ModelFolder.find(folder.name).root == Path(folder.name)
    assert not calls


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("bad name")])
def test_a_failed_download_says_so(monkeypatch, error):
    def fail():
        raise error

    fake_hub(monkeypatch, fail)
    with pytest.raises(FileNotFoundError, match=f"'org/name'.*revision 'v1'.*{error}"):
        ModelFolder.find("org/name", revision="v1")


def test_the_real_hub_client_offline_gives_the_same_error(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = (
        "from skim_hf.runtime.folder import ModelFolder\n"
        "try: ModelFolder.find('skim-hf-tests/absent')\n"
        "except FileNotFoundError as error: assert 'could not be fetched' in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
