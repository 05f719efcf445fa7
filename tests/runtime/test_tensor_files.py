import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skim_hf.runtime.tensor_files import TensorFile, open_tensors, widen

INDEX = "model.safetensors.index.json"
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def split(models):
    """A folder of two shards."""
    folder = models.folder()
    models.split(folder, 2)
    return folder


def names_of(folder, change):
    """The changed `weight_map` of a folder."""
    content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    change(content["weight_map"])
    (folder / INDEX).write_text(json.dumps(content), encoding="utf-8")


def test_shards_are_read_like_one_file(models):
    folder = models.folder()
    whole = load_file(folder / "model.safetensors")
    files = models.split(folder, 3)
    found = open_tensors(folder / INDEX)
    assert {file.path.name for file in found.values()} == set(files)
    assert set(found) == set(whole)
    for name, value in whole.items():
        assert found[name].form(name) == ("F32", value.shape)
        assert np.array_equal(found[name].read(name), value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_tensors_come_as_they_are_stored(tmp_path, dtype):
    value = np.arange(6, dtype=dtype).reshape(2, 3) / 7
    save_file({"a": value}, tmp_path / "x.safetensors")
    read = TensorFile(tmp_path / "x.safetensors").read("a")
    assert read.dtype == dtype
    assert np.array_equal(read, value)


def test_every_bfloat16_becomes_what_torch_makes_of_it(models, tmp_path):
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    patterns = (
        torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16).view(torch.bfloat16).reshape(256, 256)
    )
    expected = patterns.float().numpy().view(np.uint32)
    assert np.array_equal(
        widen(patterns.view(torch.uint8).numpy().tobytes()).view(np.uint32), expected.ravel()
    )
    safetensors.save_file({"a": patterns, "b": torch.ones(3)}, tmp_path / "x.safetensors")
    file = TensorFile(tmp_path / "x.safetensors")
    assert file.form("a") == ("BF16", (256, 256))
    assert np.array_equal(file.read("a").view(np.uint32), expected)
    assert file.read("b").dtype == np.float32


def test_a_tensor_that_is_not_in_its_file_is_named(split):
    moved = []

    def move(names):
        moved.append(next(name for name in names if names[name] == FIRST))
        names[moved[0]] = SECOND

    names_of(split, move)
    with pytest.raises(ValueError, match=rf"{moved[0]} is not in {SECOND}.*{moved[0]} in {FIRST} is not of"):
        open_tensors(split / INDEX)


def test_a_tensor_in_two_files_is_refused(split):
    first, second = load_file(split / FIRST), load_file(split / SECOND)
    double = min(first)
    save_file({**second, double: first[double]}, split / SECOND)
    with pytest.raises(ValueError, match=f"{double} in {SECOND} is not of the index"):
        open_tensors(split / INDEX)


def test_a_tensor_that_the_index_forgets_is_refused(split):
    names_of(split, lambda names: names.pop("classifier.bias"))
    with pytest.raises(ValueError, match=r"classifier\.bias in .* is not of the index"):
        open_tensors(split / INDEX)


def test_a_damaged_shard_is_named(split):
    (split / SECOND).write_bytes((split / SECOND).read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{SECOND} is not a complete safetensors file.*again"):
        open_tensors(split / INDEX)


needs_links = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


@needs_links
def test_a_link_out_of_the_folder_is_refused(split, tmp_path):
    (split / SECOND).rename(tmp_path / "elsewhere.safetensors")
    (split / SECOND).symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ValueError, match=rf"{SECOND} is a link out of its folder, to .*elsewhere"):
        open_tensors(split / INDEX)


@needs_links
def test_links_inside_a_folder_or_the_cache_of_the_hub_are_followed(split, tmp_path):
    (split / SECOND).rename(split / "renamed.safetensors")
    (split / SECOND).symlink_to("renamed.safetensors")
    assert open_tensors(split / INDEX)
    snapshot = tmp_path / "cache" / "models--org--name" / "snapshots" / ("0" * 40)
    blobs = snapshot.parents[1] / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in (INDEX, FIRST, SECOND):
        (blobs / name).write_bytes((split / name).read_bytes())
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert len(open_tensors(snapshot / INDEX)) == len(open_tensors(split / INDEX))
    (snapshot / FIRST).unlink()
    (snapshot / FIRST).symlink_to(split / FIRST)
    with pytest.raises(ValueError, match=f"{FIRST} is a link out of its folder"):
        open_tensors(snapshot / INDEX)
