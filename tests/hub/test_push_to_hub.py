"""The script that pushes: what it sends, what it says, and how it ends."""

import re

import pytest


@pytest.fixture
def run(load_script, hub, hub_cache, capsys):
    script = load_script("push_to_hub")

    def run(*arguments):
        script.main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return run


@pytest.fixture
def folder(make_folder, tmp_path):
    folder = make_folder(tmp_path / "model")
    (folder / "training_args.bin").write_bytes(b"")
    (folder / "\x1b[2J").write_bytes(b"")
    return folder


def test_a_push_says_where_the_model_is(run, hub, folder):
    repo_id = hub.repo_id("tiny")
    said = run(folder, repo_id, "--private", "--message", "The first", "--revision", "next")
    count, oid = re.fullmatch(rf"{hub.endpoint}/{repo_id} holds (\d+) files at commit (\w+)\n", said).groups()
    assert oid == hub.head(repo_id, "next") != hub.head(repo_id)
    assert int(count) == len(hub.files(repo_id, "next")) - 1
    assert hub.api.model_info(repo_id).private
    assert hub.api.list_repo_commits(repo_id, revision="next")[0].title == "The first"


def test_a_dry_run_lists_and_sends_nothing(run, hub, folder):
    said = run(folder, hub.repo_id("tiny"), "--dry-run")
    sizes = {
        name: int(size.replace(",", "")) for size, name in re.findall(r"^ *([\d,]+)  (\S+)$", said, re.M)
    }
    weights = folder / "model.safetensors"
    assert sizes["model.safetensors"] == weights.stat().st_size
    assert {"README.md", "results.json", "modeling_skim_rnn.py"} <= sizes.keys()
    assert re.search(rf"^ *{sum(sizes.values()):,}  in {len(sizes)} files$", said, re.M)
    assert "'training_args.bin': a pickle" in said
    assert "\x1b" not in said
    assert hub.count() == 0


def test_a_failure_ends_with_its_reason(run, hub, folder):
    hub.fail(1, status=403)
    with pytest.raises(SystemExit, match="push_to_hub: The Hub does not let this token push"):
        run(folder, hub.repo_id("tiny"))
    (folder / "tokenizer.json").unlink()
    for options in ([], ["--dry-run"]):
        with pytest.raises(SystemExit, match=r"push_to_hub: .*lacks tokenizer\.json"):
            run(folder, hub.repo_id("tiny"), *options)
