"""What transformers' own calls do with our models on a Hub: they push whole ones, and refusals are clear."""

import errno
import json
import os

import pytest
from huggingface_hub import file_download

from skim_hf.hub import push_folder
from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP


@pytest.fixture
def hub_client(hub, hub_cache, monkeypatch):
    """This process as a client, for transformers too; gives the folder of the cache."""
    import transformers.utils.hub

    monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)
    return hub_cache


@pytest.fixture
def load(hub_client):
    import skim_hf

    return skim_hf.SkimRNNForSequenceClassification.from_pretrained


@pytest.fixture
def files(make_folder, tmp_path):
    folder = make_folder(tmp_path / "model")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_pushed_alone_carries_its_classes_and_code(hub, hub_client, make_folder, tmp_path):
    import skim_hf

    folder = make_folder(tmp_path / "model")
    model = skim_hf.SkimRNNForSequenceClassification.from_pretrained(folder)
    repo_id = hub.repo_id("alone")
    model.push_to_hub(repo_id, private=True)
    found = hub.files(repo_id)
    assert json.loads(found["config.json"])["auto_map"] == AUTO_MAP
    assert {path for path in found if path.endswith(".py")} == {path.name for path in folder.glob("*.py")}
    assert found["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert len(hub.api.list_repo_commits(repo_id)) == 2
    skim_hf.SkimRNNForSequenceClassification.from_pretrained(repo_id)


def test_a_model_pushed_over_another_keeps_the_card(hub, hub_client, make_folder, tmp_path):
    from transformers import AutoTokenizer

    import skim_hf

    folder = make_folder(tmp_path / "model")
    repo_id = hub.repo_id("again")
    push_folder(folder, repo_id, endpoint=hub.endpoint, token=hub.token)
    card = hub.files(repo_id)["README.md"]
    skim_hf.SkimRNNForSequenceClassification.from_pretrained(folder).push_to_hub(repo_id)
    AutoTokenizer.from_pretrained(folder).push_to_hub(repo_id)
    assert hub.files(repo_id)["README.md"] == card


def test_what_is_not_there_is_named(hub, load, files):
    with pytest.raises(OSError, match=f"{hub.repo_id('absent')} is not a local folder"):
        load(hub.repo_id("absent"))
    hub.put(hub.repo_id("tiny"), files)
    with pytest.raises(OSError, match="absent is not a valid git identifier"):
        load(hub.repo_id("tiny"), revision="absent")


def test_a_private_model_needs_the_token(hub, load, files, monkeypatch):
    repo_id = hub.repo_id("tiny")
    hub.put(repo_id, files)
    hub.repos[repo_id].private = True
    with pytest.raises(OSError, match="private repository"):
        load(repo_id, token=False)
    assert load(repo_id).config.hidden_size == 7


def test_a_model_of_another_architecture_is_refused_before_its_weights(hub, load, files):
    repo_id = hub.repo_id("bert")
    hub.put(repo_id, {**files, "config.json": b'{"model_type": "bert", "architectures": ["BertModel"]}'})
    with pytest.raises(ValueError, match="'skim_rnn' model; got one of 'bert'"):
        load(repo_id)
    assert hub.count(part=".safetensors") == 0


def outside(cache):
    """Files that lie outside the cache, where a name such as `../x` would lead."""
    return {path for path in cache.parent.rglob("*") if cache not in (path, *path.parents)}


def test_names_that_lead_out_of_the_cache_write_nothing_there(hub, load, hub_client, files):
    from huggingface_hub import snapshot_download

    hub.put(hub.repo_id("names"), {**files, "../../../../stolen.txt": b"x"})
    weights = files.pop("model.safetensors")
    index = {"metadata": {}, "weight_map": {"classifier.bias": "../../../../stolen.safetensors"}}
    split = {**files, "model.safetensors.index.json": json.dumps(index).encode()}
    hub.put(hub.repo_id("index"), {**split, "../../../../stolen.safetensors": weights})
    before = outside(hub_client)
    assert load(hub.repo_id("names")).config.hidden_size == 7
    with pytest.raises(ValueError, match="Invalid filename"):
        snapshot_download(hub.repo_id("names"))
    with pytest.raises(ValueError, match="Invalid filename"):
        load(hub.repo_id("index"))
    assert hub.count(part="stolen") == 0
    assert outside(hub_client) == before


def test_code_that_lies_elsewhere_is_not_fetched(hub, run_client, files):
    config = json.loads(files["config.json"])
    config["auto_map"]["AutoModel"] = "../../../../stolen.Model"
    repo_id = hub.repo_id("code")
    hub.put(repo_id, {**files, "config.json": json.dumps(config).encode(), "../../../../stolen.py": b"x"})
    code = "from transformers import AutoModel; AutoModel.from_pretrained(args[0], trust_remote_code=True)"
    assert "ValueError" in run_client(code, repo_id, package=False, succeeds=False)
    assert hub.count(part="stolen") == 0


def test_a_full_disk_leaves_no_half_of_a_file(hub, load, hub_client, files, monkeypatch):
    repo_id = hub.repo_id("tiny")
    hub.put(repo_id, files)

    def fill(url, temp_file, **kwargs):
        temp_file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", fill)
        with pytest.raises(OSError, match="No space left"):
            load(repo_id)
    assert not [path for path in hub_client.rglob("*") if path.is_file() and path.read_bytes() == b"half"]
    assert load(repo_id).config.hidden_size == 7


def test_a_repository_that_cannot_be_read_now(hub, load, files):
    repo_id = hub.repo_id("tiny")
    hub.put(repo_id, files)
    hub.fail(status=501, times=float("inf"))
    with pytest.raises(OSError, match="couldn't connect"):
        load(repo_id)
    hub.heal()
    assert load(repo_id).config.hidden_size == 7
