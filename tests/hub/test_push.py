"""A push is one commit or none, whatever happens on the way."""

import shutil

import pytest
from huggingface_hub import constants

from skim_hf.hub import push
from skim_hf.hub.plan import plan_push
from skim_hf.hub.push import push_folder


@pytest.fixture(scope="module")
def saved(make_folder, tmp_path_factory):
    """Two models of the same form."""
    root = tmp_path_factory.mktemp("saved")
    return [make_folder(root / str(seed), seed=seed) for seed in (0, 1)]


@pytest.fixture
def send(hub):
    def send(folder, repo_id, **options):
        return push_folder(folder, repo_id, **{"endpoint": hub.endpoint, "token": hub.token, **options})

    return send


def planned(folder, repo_id):
    """What the Hub holds after a push, beside the file that it makes itself."""
    return {
        file.path: file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        for file in plan_push(folder, repo_id=repo_id).files
    }


def held(hub, repo_id, revision="main"):
    files = hub.files(repo_id, revision)
    files.pop(".gitattributes", None)
    return files


def test_everything_goes_in_one_commit(hub, send, saved):
    repo_id = hub.repo_id("tiny")
    pushed = send(saved[0], repo_id, message="The first")
    assert held(hub, repo_id) == planned(saved[0], repo_id)
    assert pushed.files == tuple(sorted(held(hub, repo_id)))
    assert (pushed.repo_id, pushed.url) == (repo_id, f"{hub.endpoint}/{repo_id}")
    assert pushed.oid == hub.head(repo_id)
    titles = [commit.title for commit in hub.api.list_repo_commits(repo_id)]
    assert titles == ["The first", "initial commit"]


def test_what_is_there_is_not_sent_again(hub, send, saved):
    repo_id = hub.repo_id("tiny")
    first = send(saved[0], repo_id)
    assert send(saved[0], repo_id) == first
    second = send(saved[1], repo_id)
    assert second.oid == hub.head(repo_id) != first.oid
    assert held(hub, repo_id) == planned(saved[1], repo_id)
    assert held(hub, repo_id, first.oid) == planned(saved[0], repo_id)


def test_a_name_alone_is_ones_own(hub, send, saved):
    repo_id = hub.repo_id("mine")
    assert send(saved[0], repo_id.split("/")[1]).repo_id == repo_id
    assert repo_id in hub.files(repo_id)["README.md"].decode()


def test_private_repositories(hub, send, saved):
    hidden, seen = hub.repo_id("hidden"), hub.repo_id("seen")
    send(saved[0], hidden, private=True)
    assert hub.api.model_info(hidden).private
    send(saved[1], hidden)
    assert hub.api.model_info(hidden).private
    first = send(saved[0], seen)
    with pytest.raises(ValueError, match="public already, and nothing was sent"):
        send(saved[1], seen, private=True)
    assert hub.head(seen) == first.oid


def test_a_branch_is_made_and_then_moved(hub, send, saved):
    repo_id = hub.repo_id("tiny")
    first = send(saved[0], repo_id)
    for model in saved:
        assert send(model, repo_id, revision="next/one").oid == hub.head(repo_id, "next/one")
    assert held(hub, repo_id, "next/one") == planned(saved[1], repo_id)
    assert hub.head(repo_id) == first.oid


def test_a_pull_request_moves_no_branch(hub, send, saved):
    repo_id = hub.repo_id("tiny")
    first = send(saved[0], repo_id)
    asked = send(saved[1], repo_id, create_pr=True)
    assert asked.pr_url.startswith(f"{hub.endpoint}/{repo_id}/discussions/")
    assert hub.head(repo_id) == first.oid
    assert held(hub, repo_id, asked.oid) == planned(saved[1], repo_id)


def test_weights_of_another_model_are_removed_by_the_same_commit(hub, send, saved):
    repo_id = hub.repo_id("tiny")
    hub.api.create_repo(repo_id)
    stale = {"pytorch_model.bin", "model-00001-of-00002.safetensors", "model.safetensors.index.json"}
    kept = {"notes.txt", "onnx/model.bin"}
    for name in stale | kept:
        hub.api.upload_file(repo_id=repo_id, path_in_repo=name, path_or_fileobj=name.encode())
    before = len(hub.api.list_repo_commits(repo_id))
    assert set(send(saved[0], repo_id).deleted) == stale
    assert held(hub, repo_id).keys() == planned(saved[0], repo_id).keys() | kept
    assert len(hub.api.list_repo_commits(repo_id)) == before + 1


def test_split_weights_by_lfs(hub, send, saved, tmp_path, monkeypatch):
    import skim_hf

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.lfs = True
    folder = shutil.copytree(saved[0], tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    model = skim_hf.SkimRNNForSequenceClassification.from_pretrained(saved[0])
    model.save_pretrained(folder, max_shard_size="1KB")
    repo_id = hub.repo_id("split")
    send(folder, repo_id)
    assert held(hub, repo_id) == planned(folder, repo_id)
    assert "model.safetensors" in send(saved[0], repo_id).files
    assert [name for name in held(hub, repo_id) if ".safetensors" in name] == ["model.safetensors"]


def test_before_anything_is_sent(hub, send, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(push, "get_token", lambda: None)
    with pytest.raises(PermissionError, match="hf auth login"):
        send(saved[0], hub.repo_id("tiny"), token=None)
    monkeypatch.undo()
    for wrong in ("a/b/c", "../x", "a//b", ""):
        with pytest.raises(ValueError, match=r"[Rr]epo"):
            send(saved[0], wrong)
    folder = shutil.copytree(saved[0], tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        send(folder, hub.repo_id("tiny"))
    assert hub.count() == 0


def test_a_token_that_may_not_write(hub, send, saved):
    with pytest.raises(PermissionError, match="does not let this token push"):
        send(saved[0], hub.repo_id("tiny"), token="hf_unknown")


def test_somebody_else_s_commit_is_not_undone(hub, send, saved, monkeypatch):
    repo_id = hub.repo_id("tiny")
    send(saved[0], repo_id)
    look = push._look

    def look_and_be_late(api, *args):
        found = look(api, *args)
        api.upload_file(repo_id=repo_id, path_in_repo="theirs.txt", path_or_fileobj=b"theirs")
        return found

    monkeypatch.setattr(push, "_look", look_and_be_late)
    with pytest.raises(ConnectionError, match="meanwhile"):
        send(saved[1], repo_id)
    assert held(hub, repo_id) == {**planned(saved[0], repo_id), "theirs.txt": b"theirs"}
    monkeypatch.undo()
    send(saved[1], repo_id)
    assert held(hub, repo_id) == {**planned(saved[1], repo_id), "theirs.txt": b"theirs"}


FAULTS = {
    "refused": {"status": 501},
    "refused too late": {"status": 501, "after": True},
    "cut": {"status": None},
    "cut too late": {"status": None, "after": True},
    "down from there on": {"status": None, "times": float("inf")},
}


def fails_to(send, folder, repo_id):
    """The error of a push; None if the client has overcome the fault by repeating itself."""
    try:
        send(folder, repo_id)
    except ConnectionError as error:
        return error
    return None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("lfs", [False, True], ids=["regular", "lfs"])
def test_a_fault_at_any_request_leaves_the_old_model_or_the_new_one(
    hub, send, saved, monkeypatch, no_waiting, fault, lfs
):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.lfs = lfs
    old = {"model.safetensors": b"old", "pytorch_model.bin": b"old", "config.json": b"old"}
    hub.put(hub.repo_id("clean"), old)
    hub.forget()
    send(saved[0], hub.repo_id("clean"))
    requests = hub.count()
    assert requests == (7 if lfs else 5)
    failed = 0
    for index in range(1, requests + 1):
        repo_id = hub.repo_id(f"faulty-{index}")
        hub.put(repo_id, old)
        hub.objects.clear()
        new = planned(saved[0], repo_id)
        hub.fail(index, **FAULTS[fault])
        error = fails_to(send, saved[0], repo_id)
        # Only a commit whose answer was lost may have arrived; it has then arrived whole.
        arrived = error is None or (index == requests and FAULTS[fault].get("after", False))
        assert held(hub, repo_id) == (new if arrived else old)
        failed += error is not None
        hub.heal()
        send(saved[0], repo_id)
        assert held(hub, repo_id) == new
        commits = [commit.title for commit in hub.repos[repo_id].resolve("main").history]
        assert commits == ["Upload model", "commit", "initial commit"]
    assert failed >= 1
