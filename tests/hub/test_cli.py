"""The command line and the Hub: push a model, and use it by its id."""

import json

import pytest
from typer.testing import CliRunner

from skim_hf.cli.app import app

TEXT = "the film was good"


@pytest.fixture
def cli(hub_cache):
    """Runs a command that succeeds, as a user of the Hub; gives its line of JSON."""

    def run(*arguments, code=0):
        found = CliRunner().invoke(app, list(map(str, arguments)))
        assert found.exit_code == code, found.stderr
        return json.loads(found.stdout) if code == 0 else found.stderr

    return run


@pytest.fixture
def folder(make_folder, tmp_path):
    return make_folder(tmp_path / "model")


def test_a_model_is_pushed_and_used_by_its_id(hub, cli, folder):
    repo_id = hub.repo_id("tiny")
    pushed = cli("push", folder, repo_id, "--message", "The first")
    assert pushed["oid"] == hub.head(repo_id)
    assert {"README.md", "results.json", "model.safetensors"} <= set(pushed["files"])
    assert hub.api.list_repo_commits(repo_id)[0].title == "The first"
    assert cli("predict", repo_id, TEXT) == cli("predict", folder, TEXT)
    told, expected = cli("info", repo_id), cli("info", folder)
    assert told["file_bytes"] == expected["file_bytes"]
    # The runtime has not fetched the results; they are asked for at the commit of the weights.
    assert told["measured"] == expected["measured"] is not None
    hub.forget()
    assert cli("info", repo_id, "--revision", pushed["oid"]) == {
        **told,
        "memory_bytes": pytest.approx(1e6, abs=1e6),
    }
    assert hub.count() == 0


def test_a_model_without_results_has_none(hub, cli, folder):
    repo_id = hub.repo_id("bare")
    hub.api.create_repo(repo_id)
    names = ("config.json", "tokenizer.json", "model.safetensors")
    hub.put(repo_id, {f"inner/{name}": (folder / name).read_bytes() for name in names})
    assert cli("info", repo_id, "--subfolder", "inner")["measured"] is None
    assert cli("predict", repo_id, TEXT, "--subfolder", "inner") == cli("predict", folder, TEXT)


def test_branches_and_private_models(hub, cli, folder):
    repo_id = hub.repo_id("branched")
    pushed = cli("push", folder, repo_id, "--private", "--revision", "next")
    assert hub.api.model_info(repo_id).private
    assert pushed["oid"] == hub.head(repo_id, "next") != hub.head(repo_id)
    assert cli("predict", repo_id, TEXT, "--revision", "next") == cli("predict", folder, TEXT)
    assert "lacks config.json" in cli("predict", repo_id, TEXT, code=1)


def test_a_dry_run_asks_nobody(hub, cli, folder):
    (folder / "training_args.bin").write_bytes(b"")
    planned = cli("push", folder, hub.repo_id("dry"), "--dry-run")
    assert planned["files"]["model.safetensors"] == (folder / "model.safetensors").stat().st_size
    assert planned["bytes"] == sum(planned["files"].values())
    assert "pickle" in planned["left_out"]["training_args.bin"]
    shown = CliRunner().invoke(
        app, ["push", str(folder), hub.repo_id("dry"), "--dry-run", "--format", "table"]
    )
    assert f"{planned['bytes']:,} bytes" in shown.stdout
    assert "training_args.bin" in shown.stdout
    assert hub.count() == 0


def test_what_cannot_be_pushed_or_loaded_is_said(hub, cli, folder):
    repo_id = hub.repo_id("tiny")
    assert f"Error: The model '{repo_id}' is not a folder here" in cli("predict", repo_id, TEXT, code=1)
    hub.fail(1, status=403)
    assert "does not let this token push" in cli("push", folder, repo_id, code=1)
    hub.heal()
    (folder / "tokenizer.json").unlink()
    assert "lacks tokenizer.json" in cli("push", folder, repo_id, code=1)
