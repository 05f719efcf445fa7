"""What lies in model_cards: cards show their results, and models do what is stored, however loaded."""

from pathlib import Path

import pytest

from skim_hf.hub import plan_push, render_card
from skim_hf.results import ModelResults, check_predictions
from skim_hf.results.predictions import prediction_differences
from skim_hf.runtime import SkimRuntime

ROOT = Path(__file__).resolve().parents[2] / "model_cards"
FOLDERS = sorted(path.parent for path in ROOT.glob("*/config.json"))
LARGEST, LARGEST_OF_ALL = 10_000_000, 40_000_000

REMOTE = """
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

found = {}
for folder, pairs in args[1].items():
    answer = pipeline("skim-question-answering", model=folder, trust_remote_code=True)
    found[folder] = [answer(question=question, context=context) for question, context in pairs]
for folder, texts in args[0].items():
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found[folder] = []
    for text in texts:
        with torch.no_grad():
            output = model(**tokenizer(text, return_tensors="pt"))
        scores = output.logits.softmax(-1)[0]
        label = model.config.id2label[int(scores.argmax())]
        found[folder].append({"label": label, "score": float(scores.max())})
report(found)
"""

pytestmark = pytest.mark.skipif(not FOLDERS, reason="nothing is published yet")
every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@every_folder
def test_the_card_shows_the_results(folder):
    assert str(render_card(folder)) == (folder / "README.md").read_text(encoding="utf-8")


@every_folder
def test_a_push_sends_the_folder_as_it_is(folder):
    plan = plan_push(folder)
    assert not plan.left_out
    for file in plan.files:
        content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        assert content == (folder / file.path).read_bytes(), file.path
    assert plan.size <= LARGEST


def test_all_together_are_not_too_large():
    assert sum(plan_push(folder).size for folder in FOLDERS) <= LARGEST_OF_ALL


@every_folder
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_runtime_predicts_what_is_stored(folder, backend):
    try:
        runtime = SkimRuntime.from_pretrained(folder, backend=backend)
    except ImportError as error:
        pytest.skip(str(error))
    assert check_predictions(runtime, folder) == []


@every_folder
def test_auto_classes_predict_what_is_stored(folder):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    stored = predictions(folder, "texts")
    if not stored:
        pytest.skip("this model answers questions")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    found = []
    for entry in stored:
        with torch.no_grad():
            output = model(**tokenizer(entry["text"], return_tensors="pt"))
        scores = output.logits.softmax(-1)[0]
        label = model.config.id2label[int(scores.argmax())]
        found.append({"label": label, "score": float(scores.max())})
    assert prediction_differences(stored, found) == []


@every_folder
def test_auto_classes_answer_what_is_stored(folder):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    stored = predictions(folder, "questions")
    if not stored:
        pytest.skip("this model labels texts")
    parts = {
        "model": transformers.AutoModelForQuestionAnswering.from_pretrained(folder),
        "tokenizer": transformers.AutoTokenizer.from_pretrained(folder),
    }
    answer = transformers.pipeline("skim-question-answering", **parts)
    found = [answer(question=entry["question"], context=entry["context"]) for entry in stored]
    assert prediction_differences(stored, found) == []


def test_remote_code_predicts_what_is_stored(run_client):
    """In one process without this package for all folders, since it takes seconds to start."""
    pytest.importorskip("torch")
    texts = {str(folder): predictions(folder, "texts") for folder in FOLDERS}
    asked = {str(folder): predictions(folder, "questions") for folder in FOLDERS}
    found = run_client(
        REMOTE,
        {folder: [entry["text"] for entry in entries] for folder, entries in texts.items() if entries},
        {
            folder: [(entry["question"], entry["context"]) for entry in entries]
            for folder, entries in asked.items()
            if entries
        },
        package=False,
    )
    for folder, entries in found.items():
        assert prediction_differences([*texts[folder], *asked[folder]], entries) == []


def predictions(folder, kind):
    """The stored entries of `texts` or `questions`; a model has one of both."""
    return (ModelResults.load(folder).predictions or {}).get(kind, [])
