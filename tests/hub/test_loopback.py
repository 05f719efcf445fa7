"""The Hub that the other tests of this folder rely on, by the real client of the Hub."""

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

FILES = {"config.json": b"{}", "notes/a b+ä.txt": "ü".encode(), "model.safetensors": bytes(range(256)) * 9}


def add(files):
    return [CommitOperationAdd(path, content) for path, content in files.items()]


@pytest.fixture
def repo(hub):
    """A repository with one commit of `FILES`."""
    repo_id = hub.repo_id("tiny")
    assert hub.api.create_repo(repo_id).repo_id == repo_id
    hub.api.create_commit(repo_id, add(FILES), commit_message="first")
    return repo_id


def test_a_commit_holds_what_was_sent(hub, repo, tmp_path):
    assert {path: hub.files(repo)[path] for path in FILES} == FILES
    folder = Path(hub.api.snapshot_download(repo, cache_dir=tmp_path))
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert folder.name == hub.head(repo) == hub.api.model_info(repo).sha
    assert set(hub.api.list_repo_files(repo)) == {*FILES, ".gitattributes"}
    assert [entry.path for entry in hub.api.list_repo_tree(repo, "notes")] == ["notes/a b+ä.txt"]


def test_branches_tags_and_commits_resolve(hub, repo, tmp_path):
    first = hub.head(repo)
    hub.api.create_tag(repo, tag="v1.0")
    hub.api.create_branch(repo, branch="next/one")
    second = hub.api.upload_file(
        repo_id=repo, path_in_repo="new.txt", path_or_fileobj=b"new", revision="next/one"
    ).oid
    assert hub.head(repo) == hub.head(repo, "v1.0") == first != second == hub.head(repo, "next/one")
    for revision in ("main", "v1.0", first, "next/one", second):
        found = hub.api.hf_hub_download(repo, "config.json", revision=revision, cache_dir=tmp_path)
        assert Path(found).parent.name == (second if revision in ("next/one", second) else first)
    refs = hub.api.list_repo_refs(repo)
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "next/one": second}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1.0": first}
    assert [commit.commit_id for commit in hub.api.list_repo_commits(repo, revision="next/one")][:2] == [
        second,
        first,
    ]
    hub.api.delete_branch(repo, branch="next/one")
    with pytest.raises(RevisionNotFoundError):
        hub.api.model_info(repo, revision="next/one")


def test_a_folder_is_uploaded_and_files_are_deleted(hub, repo, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    (tmp_path / "config.json").write_text("{}")
    hub.api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert set(hub.files(repo)) == {*FILES, ".gitattributes", "sub/a.txt"}
    operations = [CommitOperationDelete("sub/"), CommitOperationDelete("config.json")]
    hub.api.create_commit(repo, operations, commit_message="less")
    assert set(hub.files(repo)) == {"notes/a b+ä.txt", "model.safetensors", ".gitattributes"}


def test_what_has_not_changed_makes_no_commit(hub, repo):
    before = hub.head(repo)
    assert hub.api.create_commit(repo, add(FILES), commit_message="again").oid == before == hub.head(repo)


def test_a_commit_that_is_refused_leaves_nothing(hub, repo):
    before = hub.head(repo)
    operations = [*add({"new.txt": b""}), CommitOperationDelete("absent.txt")]
    with pytest.raises(RemoteEntryNotFoundError):
        hub.api.create_commit(repo, operations, commit_message="half")
    with pytest.raises(HfHubHTTPError, match="412"):
        hub.api.create_commit(repo, add({"new.txt": b"n"}), commit_message="late", parent_commit="0" * 40)
    assert hub.head(repo) == before


def test_a_pull_request_leaves_the_branch_alone(hub, repo):
    before = hub.head(repo)
    info = hub.api.create_commit(repo, add({"new.txt": b"n"}), commit_message="ask", create_pr=True)
    assert (info.pr_num, hub.head(repo)) == (1, before)
    assert hub.files(repo, "refs/pr/1")["new.txt"] == b"n"


def test_what_is_not_there_and_what_is_not_for_everybody(hub, repo, tmp_path):
    stranger = HfApi(endpoint=hub.endpoint, token=False)
    with pytest.raises(RemoteEntryNotFoundError):
        hub.api.hf_hub_download(repo, "absent.txt", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        hub.api.snapshot_download(repo, revision="absent", cache_dir=tmp_path)
    for api in (hub.api, stranger):
        with pytest.raises(RepositoryNotFoundError):
            api.snapshot_download(hub.repo_id("absent"), cache_dir=tmp_path)
    with pytest.raises(HfHubHTTPError, match="401"):
        stranger.create_commit(repo, add(FILES), commit_message="mine now")
    hidden = hub.repo_id("hidden")
    hub.api.create_repo(hidden, private=True)
    with pytest.raises(RepositoryNotFoundError):
        stranger.model_info(hidden)
    assert hub.api.model_info(hidden).private
    hub.api.delete_repo(hidden)
    assert not hub.api.repo_exists(hidden)
    with pytest.raises(HfHubHTTPError, match="409"):
        hub.api.create_repo(repo)
    assert hub.api.create_repo(repo, exist_ok=True).repo_id == repo
    hub.repos[repo].gated = True
    assert stranger.model_info(repo).gated == "auto"
    with pytest.raises(GatedRepoError):
        stranger.hf_hub_download(repo, "config.json", cache_dir=tmp_path)


def test_weights_go_by_lfs_if_the_hub_says_so(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.lfs = True
    repo_id = hub.repo_id("large")
    hub.api.create_repo(repo_id)
    hub.api.create_commit(repo_id, add(FILES), commit_message="first")
    assert hub.count("PUT", "/lfs/") == len(hub.objects) == 1
    path = hub.api.hf_hub_download(repo_id, "model.safetensors", cache_dir=tmp_path)
    assert Path(path).read_bytes() == FILES["model.safetensors"]
    assert Path(path).resolve().name in hub.objects
    before = hub.head(repo_id)
    assert hub.api.create_commit(repo_id, add(FILES), commit_message="again").oid == before
    hub.forget()
    hub.api.create_commit(repo_id, add({"again.safetensors": FILES["model.safetensors"]}), commit_message="2")
    assert hub.count("PUT", "/lfs/") == 0
    assert hub.files(repo_id)["again.safetensors"] == FILES["model.safetensors"]


def test_cards_are_pushed_and_read(hub, repo):
    hub.api.upload_file(
        repo_id=repo,
        path_in_repo="README.md",
        path_or_fileobj=b"---\npipeline_tag: text-classification\nlibrary_name: transformers\n---\nA card.\n",
    )
    info = hub.api.model_info(repo)
    assert (info.pipeline_tag, info.library_name) == ("text-classification", "transformers")
    with pytest.raises(ValueError, match="metadata"):
        hub.api.upload_file(repo_id=repo, path_in_repo="README.md", path_or_fileobj=b"---\nno: end\n")
    assert ModelCard(hub.files(repo)["README.md"].decode()).text == "A card.\n"


def test_faults_come_before_or_after_the_effect(hub, repo, no_waiting, tmp_path):
    before = hub.head(repo)
    hub.fail(2)  # 1 asks how to upload, 2 commits
    with pytest.raises(HfHubHTTPError, match="501"):
        hub.api.create_commit(repo, add({"a": b"a"}), commit_message="a")
    assert hub.head(repo) == before
    hub.fail(2, status=None, after=True)
    with pytest.raises(Exception, match="disconnected"):
        hub.api.create_commit(repo, add({"a": b"a"}), commit_message="a")
    assert hub.head(repo) != before
    assert hub.files(repo)["a"] == b"a"
    hub.fail(1, status=None, times=2)
    hub.forget()
    hub.api.create_commit(repo, add({"b": b"b"}), commit_message="b")
    assert hub.count("POST", "/preupload/") == 3
    hub.fail(1, status=503, times=float("inf"))
    with pytest.raises(LocalEntryNotFoundError):
        hub.api.snapshot_download(repo, cache_dir=tmp_path)
    hub.heal()
    assert hub.api.snapshot_download(repo, cache_dir=tmp_path)


CHILD = """
import os
from huggingface_hub import HfApi, snapshot_download
folder = snapshot_download(args[0], allow_patterns=["config.json"])
report({"name": HfApi().whoami()["name"] if args[1] else None, "files": sorted(os.listdir(folder))})
"""


def test_a_child_process_is_online_once_and_offline_after(hub, repo, run_client):
    first = run_client(CHILD, repo, True)
    assert first == {"name": hub.namespace, "files": ["config.json"]}
    seen = hub.count()
    assert run_client(CHILD, repo, False, offline=True)["files"] == ["config.json"]
    assert hub.count() == seen
    assert "RepositoryNotFound" in run_client(CHILD, hub.repo_id("absent"), False, succeeds=False)
    assert "skim_hf" in run_client("import skim_hf", package=False, succeeds=False)
