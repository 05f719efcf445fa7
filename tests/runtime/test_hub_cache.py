from pathlib import Path

import pytest

from skim_hf.runtime.hub_cache import CachedPlace, remedy

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    "name", [".", "config.json", "checkpoint-2/model.safetensors", "models--a/snapshots"]
)
@pytest.mark.parametrize(
    ("folder", "hub_id"), [("models--org--my-name", "org/my-name"), ("models--gpt2", "gpt2")]
)
def test_a_place_in_the_cache_is_told_from_the_path(tmp_path, folder, hub_id, name):
    path = tmp_path / "hub" / folder / "snapshots" / COMMIT / name
    assert CachedPlace.of(path) == (tmp_path / "hub", hub_id, COMMIT, name)


@pytest.mark.parametrize(
    "path",
    ["", "/", "model", "/models--a--b/blobs/x", "/a--b/snapshots/x/config.json", "/snapshots/x", "snapshots"],
)
def test_any_other_path_is_none(path):
    assert CachedPlace.of(Path(path)) is None


def test_a_damaged_file_is_saved_or_fetched_again(tmp_path):
    assert "model.save_pretrained(folder)" in remedy(tmp_path / "config.json")
    assert remedy(tmp_path / "tokenizer.json", "Save it.") == "Save it."
    cached = remedy(tmp_path / "models--org--name" / "snapshots" / COMMIT / "sub" / "config.json")
    command = f"hf download org/name sub/config.json --revision {COMMIT} --force-download"
    assert command in cached
    assert "save_pretrained" not in cached
