"""Pipelines by repository id: with the package, and from the code that the repository carries."""

import pytest

from .pulling import files_of, publish
from .tiny import TEXTS

TASK = "skim-text-classification"
CARD = b"---\npipeline_tag: text-classification\nlibrary_name: transformers\n---\n"

CHILD = """
repo, texts, ours, task = args
if ours:
    import skim_hf
from transformers import pipeline

options = {} if ours else {"trust_remote_code": True}
read = {revision: pipeline(task, model=repo, revision=revision, **options) for revision in ("v1", "main")}
result = {revision: pipe(texts, batch_size=2, threshold=0.5) for revision, pipe in read.items()}
result["module"] = type(read["main"]).__module__.split(".")[0]
result["standard"] = type(pipeline("text-classification", model=repo, **options)).__name__
try:
    result["no task"] = type(pipeline(model=repo, **options)).__name__
    pipeline(task, model=repo)
    result["without trust"] = "runs"
except ValueError as error:
    result["without trust"] = str(error)
report(result)
"""


@pytest.fixture
def repo(hub, make_folder, tmp_path):
    """A classifier with a second commit of other weights; the first has the tag `v1`."""
    for seed in (1, 2):
        folder = make_folder(tmp_path / f"seed{seed}", seed=seed)
        repo_id = publish(hub, files_of(folder) | {"README.md": CARD}, name="reader")
        if seed == 1:
            hub.api.create_tag(repo_id, tag="v1")
    return repo_id


def test_a_pipeline_by_repository(repo, run_client):
    ours = run_client(CHILD, repo, TEXTS, True, TASK)
    theirs = run_client(CHILD, repo, TEXTS, False, TASK, package=False)
    assert (ours["module"], theirs["module"]) == ("skim_hf", "transformers_modules")
    for found in (ours, theirs):
        assert found["standard"] == "TextClassificationPipeline"
        assert found["v1"][0]["score"] != found["main"][0]["score"]
    for revision in ("v1", "main"):
        for there, here in zip(theirs[revision], ours[revision], strict=True):
            assert here["words"]
            assert (there["label"], there["skim_rate"]) == (here["label"], here["skim_rate"])
            assert there["score"] == pytest.approx(here["score"], abs=1e-6)
            for word, same in zip(there["words"], here["words"], strict=True):
                assert word == {**same, "p_skim": pytest.approx(same["p_skim"], abs=1e-6)}
    # With the package the card says what the model is for, as for any model; without it the repository's
    # own code goes first.
    assert (ours["no task"], ours["without trust"]) == ("TextClassificationPipeline", "runs")
    assert theirs["no task"] == "SkimTextClassificationPipeline"
    assert "trust_remote_code=True" in theirs["without trust"]
