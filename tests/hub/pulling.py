"""What the tests of the runtime as a client of the Hub have in common."""

import re

import pytest
from huggingface_hub import CommitOperationAdd

from skim_hf.runtime import SkimRuntime

TEXTS = ["A good film.", "dull, very dull", "", "zebra"]
INDEX = "model.safetensors.index.json"
CLUTTER = {
    "README.md": b"# A card",
    "modeling_skim_rnn.py": b"raise SystemExit",
    "onnx/model.onnx": b"onnx",
    "pytorch_model.bin": b"pickle",
    "results.json": b"{}",
    "training_args.bin": b"pickle",
}
"""What repositories hold besides a model."""

# What the child processes run: it tells labels and probabilities, or what was said instead.
LOAD = """
import logging
from skim_hf import SkimRuntime

logging.basicConfig()
try:
    report(SkimRuntime.from_pretrained(args[0], **args[1]).predict_proba(args[2]).tolist())
except (OSError, ValueError) as error:
    report(f"{type(error).__name__}: {error}")
"""


def files_of(folder):
    """Contents by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def publish(hub, files, name="tiny"):
    """Commits files to a repository; its id."""
    repo_id = hub.repo_id(name)
    hub.api.create_repo(repo_id, exist_ok=True)
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    hub.api.create_commit(repo_id, operations, commit_message="a model")
    return repo_id


def load(source, **kwargs):
    """What a model says of `TEXTS`."""
    return SkimRuntime.from_pretrained(source, **kwargs).predict_proba(TEXTS)


def refusal(kind, repo_id, **kwargs):
    """The message of the error, of this very type, that loading ends with."""
    with pytest.raises(kind) as caught:
        SkimRuntime.from_pretrained(repo_id, **kwargs)
    assert type(caught.value) is kind
    return str(caught.value)


def fetched(hub, method="GET"):
    """Names of the files that were asked for."""
    paths = [path for way, path in hub.requests if way == method]
    return [re.sub(r".*/resolve/[^/]*/", "", path) for path in paths]


def assert_whole(cache, files):
    """Nothing in the cache but what was published, as it was."""
    for path in (path for path in cache.rglob("*") if path.is_file()):
        if "snapshots" in path.parts:
            assert path.read_bytes() == files[path.name]
        elif "blobs" in path.parts:
            assert path.read_bytes() in files.values(), path
