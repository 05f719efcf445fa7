"""The runtime pulls models from a Hub: what it asks for, what it keeps, and whom it refuses."""

import json
import pickle
import re

import numpy as np
import pytest

from skim_hf.runtime import ModelFolder, SkimRuntime

from .pulling import CLUTTER, INDEX, LOAD, TEXTS, fetched, files_of, load, publish, refusal


def test_a_first_load_fetches_the_model_and_nothing_else(hub, hub_cache, models):
    folder = models.folder()
    repo_id = publish(hub, files_of(folder) | CLUTTER)
    hub.forget()
    assert np.array_equal(load(repo_id), load(folder))
    assert fetched(hub) == list(ModelFolder.FILES)
    assert {path.name for path in hub_cache.glob("*/snapshots/*/*")} == set(ModelFolder.FILES)


def test_split_weights_are_fetched_as_the_index_names_them(hub, hub_cache, models):
    folder = models.folder()
    expected = load(folder)
    shards = models.split(folder, 3)
    repo_id = publish(hub, files_of(folder) | CLUTTER | {"model-00004-of-00004.safetensors": b"old"})
    hub.forget()
    assert np.array_equal(load(repo_id), expected)
    assert fetched(hub) == ["config.json", "tokenizer.json", INDEX, *shards]
    hub.forget()
    assert np.array_equal(load(repo_id), expected)
    assert [*fetched(hub), *fetched(hub, "HEAD")] == ["config.json"]


def test_a_cached_model_costs_one_request_and_a_pinned_one_none(hub, hub_cache, models):
    repo_id = publish(hub, files_of(models.folder()))
    hub.api.create_tag(repo_id, tag="v1")
    load(repo_id)
    for revision, requests in ((None, 1), ("main", 1), ("v1", 1), ("v1", 1), (hub.head(repo_id), 0)):
        hub.forget()
        load(repo_id, revision=revision)
        assert hub.count() == requests, revision
    hub.forget()
    assert "absent" in refusal(FileNotFoundError, repo_id, revision="absent")
    assert hub.count() == 1


def test_another_process_asks_once_and_offline_never(hub, run_client, models):
    folder = models.folder()
    repo_id = publish(hub, files_of(folder))
    expected = load(folder).tolist()
    assert run_client(LOAD, repo_id, {}, TEXTS) == expected
    hub.forget()
    assert run_client(LOAD, repo_id, {}, TEXTS) == expected
    assert hub.count() == 1
    hub.forget()
    assert run_client(LOAD, repo_id, {}, TEXTS, offline=True) == expected
    told = run_client(LOAD, hub.repo_id("other"), {}, TEXTS, offline=True)
    assert re.match(r"FileNotFoundError: .*other' is not .* in the cache, and HF_HUB_OFFLINE=1 forbids", told)
    assert hub.count() == 0


def test_a_new_commit_is_loaded_and_an_old_one_stays(hub, hub_cache, models):
    old, new = models.folder(seed=1), models.folder(seed=2)
    repo_id = publish(hub, files_of(old))
    first = hub.head(repo_id)
    assert np.array_equal(load(repo_id), load(old))
    publish(hub, files_of(new))
    assert np.array_equal(load(repo_id), load(new))
    assert np.array_equal(load(repo_id, revision=first), load(old))
    hub.api.create_branch(repo_id, branch="feature/one", revision=first)
    assert np.array_equal(load(repo_id, revision="feature/one"), load(old))
    hub.forget()
    assert np.array_equal(load(repo_id), load(new))
    assert hub.count() == 1


def test_files_of_one_load_are_of_one_commit(hub, hub_cache, models, monkeypatch):
    old, new = models.folder(seed=1), models.folder(seed=2, hidden_size=9)
    repo_id = publish(hub, files_of(old))
    answer = hub.handle

    def push_meanwhile(request):
        if request.path.endswith("tokenizer.json") and hub.count("HEAD", "tokenizer.json") == 0:
            hub.put(repo_id, files_of(new))
        return answer(request)

    monkeypatch.setattr(hub, "handle", push_meanwhile)
    assert np.array_equal(load(repo_id), load(old))


@pytest.mark.parametrize("subfolder", ["checkpoint-2", "runs/checkpoint-2"])
def test_a_checkpoint_inside_a_repository(hub, hub_cache, models, subfolder):
    root, inner = models.folder(seed=1), models.folder(seed=2)
    files = {f"{subfolder}/{name}": content for name, content in files_of(inner).items()}
    repo_id = publish(hub, files_of(root) | files)
    assert np.array_equal(load(repo_id, subfolder=subfolder), load(inner))
    hub.forget()
    assert np.array_equal(load(repo_id, subfolder=subfolder + "/"), load(inner))
    assert hub.count() == 1
    told = refusal(FileNotFoundError, repo_id, subfolder="checkpoint-3")
    assert f"There are: {subfolder}." in told
    assert np.array_equal(load(repo_id), load(root))


def test_weights_of_half_the_size_and_without_prefix(hub, hub_cache, models):
    folder, changed = models.folder(), {}
    models.folder(change=changed.update)
    models.save_bfloat16(folder / "model.safetensors", changed)
    assert np.array_equal(load(publish(hub, files_of(folder))), load(folder))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": None}, "RemoteProtocolError"),
        ({"status": 503}, "503"),
        ({"status": 429}, "429"),
        ({"status": 200}, "what answers is no Hub"),
    ],
    ids=["cut", "out of order", "too many requests", "a portal"],
)
def test_without_an_answer_the_cached_model_is_loaded_and_a_warning_logged(
    hub, hub_cache, models, caplog, fault, reason
):
    repo_id = publish(hub, files_of(models.folder()))
    expected = load(repo_id)
    assert "could not be asked" not in caplog.text
    hub.fail(times=float("inf"), **fault)
    assert np.array_equal(load(repo_id), expected)
    [record] = [record for record in caplog.records if record.name == "skim_hf.runtime"]
    assert record.levelname == "WARNING"
    for part in (reason, repo_id, hub.head(repo_id), "HF_HUB_OFFLINE=1"):
        assert part in record.getMessage()
    told = refusal(FileNotFoundError, hub.repo_id("other"))
    assert "could not be fetched from the Hub" in told
    assert "try again" in told


def test_a_refusal_of_the_hub_is_no_missing_answer(hub, hub_cache, models, monkeypatch):
    repo_id = publish(hub, files_of(models.folder()))
    expected = load(repo_id)
    hub.repos[repo_id].private = True
    assert np.array_equal(load(repo_id), expected)
    monkeypatch.delenv("HF_TOKEN")
    told = refusal(FileNotFoundError, repo_id)
    assert f"A copy of commit {hub.head(repo_id)} is cached, and HF_HUB_OFFLINE=1 loads it." in told
    assert np.array_equal(load(repo_id, revision=hub.head(repo_id)), expected)
    del hub.repos[repo_id].branches["main"]
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert "not this revision" in refusal(FileNotFoundError, repo_id)


def test_who_may_not_read_a_model_is_told_what_to_do(hub, hub_cache, models, monkeypatch):
    repo_id = publish(hub, files_of(models.folder()))
    absent = hub.repo_id("absent")
    told = refusal(FileNotFoundError, absent)
    assert re.search(rf"'{absent}' is not a folder here, and the Hub has no such model.*hf auth whoami", told)
    told = refusal(FileNotFoundError, repo_id, revision="v9")
    assert re.search(rf"'{repo_id}' at revision 'v9' does not exist.*a branch, a tag or the full hash", told)
    monkeypatch.delenv("HF_TOKEN")
    hub.repos[repo_id].private = True
    told = refusal(FileNotFoundError, repo_id)
    assert "or it is private: then log in with `hf auth login`, or set HF_TOKEN" in told
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "your token may not read it" in refusal(FileNotFoundError, repo_id)
    hub.repos[repo_id].private, hub.repos[repo_id].gated = False, True
    told = refusal(FileNotFoundError, repo_id)
    assert re.search("is gated: its owner grants access.*hf auth login", told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "model_type must be 'skim_rnn'; got 'bert'.*use transformers"),
        (
            {"architectures": ["SkimRNNModel"]},
            "This model is a bare encoder, .*no classifier.*Fine-tune",
        ),
        ({"hidden_size": "large"}, "hidden_size must be an integer"),
    ],
    ids=["another architecture", "no head", "damaged"],
)
def test_a_foreign_model_is_refused_before_its_weights_are_fetched(hub, hub_cache, models, change, message):
    files = files_of(models.folder())
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | change).encode()
    repo_id = publish(hub, files)
    hub.forget()
    assert re.search(rf"config\.json: {message}", refusal(ValueError, repo_id))
    assert {*fetched(hub), *fetched(hub, "HEAD")} == {"config.json"}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("config.json", "model.save_pretrained"),
        ("tokenizer.json", "tokenizer.save_pretrained"),
        ("model.safetensors", r"Its weights are a pickle \(pytorch_model.bin\), which can run code"),
    ],
)
def test_a_missing_file_is_named_and_no_pickle_is_fetched(hub, hub_cache, models, name, advice):
    files = files_of(models.folder()) | CLUTTER
    del files[name]
    repo_id = publish(hub, files)
    hub.forget()
    told = refusal(FileNotFoundError, repo_id)
    assert re.search(rf"'{repo_id}' lacks {re.escape(name)}\. A saved model holds .*{advice}", told)
    assert not {*fetched(hub), *fetched(hub, "HEAD")} & set(CLUTTER)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../../secret.safetensors", ValueError, "named without a path; got '../../secret.safetensors'"),
        ("pytorch_model.bin", ValueError, "must lie in a safetensors file"),
        ("model-9.safetensors", FileNotFoundError, r"lacks model-9\.safetensors.*index\.json names"),
    ],
)
def test_an_index_that_names_other_files(hub, hub_cache, models, name, kind, message):
    folder = models.folder()
    models.split(folder, 2)
    files = files_of(folder)
    index = json.loads(files[INDEX])
    index["weight_map"]["classifier.bias"] = name
    repo_id = publish(hub, files | CLUTTER | {INDEX: json.dumps(index).encode()})
    hub.forget()
    assert re.search(message, refusal(kind, repo_id))
    assert not any("secret" in path or ".bin" in path for _, path in hub.requests)


def test_pickles_by_path_and_snapshots_of_streams_need_no_hub(hub, hub_cache, models):
    inner = models.folder()
    files = {f"checkpoint-2/{name}": content for name, content in files_of(inner).items()}
    repo_id = publish(hub, files)
    clf = SkimRuntime.from_pretrained(repo_id, subfolder="checkpoint-2")
    stream = clf.stream()
    stream.feed("A good film, ve")
    hub.forget()
    copy = pickle.loads(pickle.dumps(clf.by_path()))
    assert np.array_equal(copy.predict_proba(TEXTS), clf.predict_proba(TEXTS))
    assert hub.count() == 0
    other = SkimRuntime.from_pretrained(inner).stream()
    for session in (other, copy.stream()):
        session.restore(stream.snapshot())
        session.feed("ry dull")
        assert session.result() == clf("A good film, very dull")
