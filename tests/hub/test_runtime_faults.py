"""Downloads that break, caches that break, and disks that are full: nothing half-written is ever loaded."""

import errno
import re
import shutil

import numpy as np
import pytest
from huggingface_hub import file_download

from .loopback_routes import Response
from .pulling import LOAD, TEXTS, assert_whole, files_of, load, publish, refusal


def test_a_download_that_is_cut_anywhere_is_said_so_and_can_be_repeated(hub, hub_cache, models):
    folder = models.folder()
    repo_id, files = publish(hub, files_of(folder)), files_of(folder)
    for request in range(1, 7):
        hub.fail(request, status=None, times=float("inf"))
        told = refusal(FileNotFoundError, repo_id)
        assert "could not be fetched from the Hub" in told
        assert_whole(hub_cache, files)
        hub.heal()
        if request < 6:
            # Begin anew, or later requests would not be made.
            shutil.rmtree(hub_cache, ignore_errors=True)
    assert np.array_equal(load(repo_id), load(folder))
    assert_whole(hub_cache, files)


@pytest.mark.parametrize("way", ["short", "cut"])
def test_half_a_file_is_never_kept(hub, hub_cache, models, monkeypatch, way):
    folder = models.folder()
    repo_id, files = publish(hub, files_of(folder)), files_of(folder)
    answer = hub.handle

    def half(request):
        response = answer(request)
        if request.method == "HEAD" or not request.path.endswith("model.safetensors"):
            return response
        if way == "cut" and hub.count("GET", "model.safetensors") > 1:
            return None
        size = len(response.content) if way == "cut" else len(response.content) // 2
        headers = {**response.headers, "Content-Length": str(size), "Connection": "close"}
        return Response(response.content[: len(response.content) // 2], response.status, headers)

    with monkeypatch.context() as patch:
        patch.setattr(hub, "handle", half)
        told = refusal(FileNotFoundError, repo_id)
    assert re.search("size" if way == "short" else "disconnected|peer closed", told)
    assert_whole(hub_cache, files)
    assert np.array_equal(load(repo_id), load(folder))


# A limit on the size of files is what a full disk looks like to the one that is written.
LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (args[3], args[3]))"


def test_a_full_disk_is_named_and_nothing_half_written_stays(hub, run_client, models, tmp_path):
    pytest.importorskip("resource", reason="no limits on files here")
    folder = models.folder(hidden_size=31)
    repo_id, files = publish(hub, files_of(folder)), files_of(folder)
    limit = len(files["model.safetensors"]) - 1
    assert limit > len(files["tokenizer.json"])
    told = run_client(LIMIT + LOAD, repo_id, {}, TEXTS, limit)
    assert re.match(rf"OSError: .*'{repo_id}' could not be written to the cache .*HF_HOME", told)
    assert_whole(tmp_path / "home", files)
    assert run_client(LOAD, repo_id, {}, TEXTS) == load(folder).tolist()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_no_space_for_any_of_the_files(hub, hub_cache, models, monkeypatch, name):
    folder = models.folder()
    repo_id, files = publish(hub, files_of(folder)), files_of(folder)
    download = file_download.http_get

    def fill(url, file, **kwargs):
        if not url.endswith(name):
            return download(url, file, **kwargs)
        file.write(files[name][:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", fill)
        told = refusal(OSError, repo_id)
    assert re.search(r"could not be written .*No space left on device.*Make room there, or let HF_HOME", told)
    assert_whole(hub_cache, files)
    assert np.array_equal(load(repo_id), load(folder))


REPAIR = """
import sys
from huggingface_hub.cli.hf import main
sys.argv = args
try:
    main()
finally:
    report(None)
"""


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_file_in_the_cache_is_named_with_the_command_that_repairs_it(
    hub, run_client, hub_cache, models, name
):
    folder = models.folder()
    repo_id = publish(hub, files_of(folder))
    load(repo_id)
    [path] = hub_cache.glob(f"*/snapshots/*/{name}")
    whole = path.read_bytes()
    flipped = bytes([whole[9] ^ 0x80])
    for damaged in (whole[: len(whole) // 2], whole[:9] + flipped + whole[10:], b""):
        path.write_bytes(damaged)
        for revision in (None, hub.head(repo_id)):
            told = refusal(ValueError, repo_id, revision=revision)
            assert str(path) in told
    [command] = re.findall(r"hf download .* --force-download", told)
    run_client(REPAIR, *command.split(), home=hub_cache.parent, environment={"HF_HUB_CACHE": str(hub_cache)})
    assert path.read_bytes() == whole
    assert np.array_equal(load(repo_id), load(folder))


def test_a_damaged_shard_or_index_is_named_too(hub, hub_cache, models):
    folder = models.folder()
    names = [models.split(folder, 2)[1], "model.safetensors.index.json"]
    repo_id = publish(hub, files_of(folder))
    load(repo_id)
    for name in names:
        [path] = hub_cache.glob(f"*/snapshots/*/{name}")
        path.write_bytes(path.read_bytes()[:-5])
        assert re.search(rf"{name} is not .*hf download {repo_id} {name} ", refusal(ValueError, repo_id))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("what", ["file", "link"])
def test_what_somebody_deleted_from_the_cache_is_fetched_again(hub, hub_cache, models, name, what):
    folder = models.folder()
    repo_id = publish(hub, files_of(folder))
    load(repo_id)
    [path] = hub_cache.glob(f"*/snapshots/*/{name}")
    (path.resolve() if what == "file" else path).unlink()
    assert np.array_equal(load(repo_id), load(folder))
