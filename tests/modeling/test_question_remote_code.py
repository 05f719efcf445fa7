"""The folder of a question reader runs without the package, from the code that it carries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import pipeline

import skim_hf
from skim_hf import SkimRNNForSequenceClassification
from skim_hf.training import build_tokenizer

MODELING = Path(skim_hf.__file__).parent / "modeling"
INPUTS = {
    "input_ids": [[1, 2, 3, 4, 5], [6, 7, 0, 0, 0]],
    "question_ids": [[3, 8, 0], [7, 0, 0]],
    "char_ids": [[[1, 2], [3, 0], [4, 5], [6, 7], [8, 9]], [[1, 0], [2, 3], [0, 0], [0, 0], [0, 0]]],
    "question_char_ids": [[[1, 2], [3, 4], [0, 0]], [[5, 0], [0, 0], [0, 0]]],
    "start_positions": [1, 0],
    "end_positions": [3, 1],
}
TEXTS = ("Who wrote it?", "Ada 😀 wrote it.")
# Runs where this package may be installed too, so it is blocked and not merely left off the path.
CHILD = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "skim_hf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import torch
from transformers import AutoModelForQuestionAnswering, pipeline

inputs = {name: torch.tensor(value) for name, value in json.loads(sys.argv[2]).items()}
model = AutoModelForQuestionAnswering.from_pretrained(sys.argv[1], trust_remote_code=True)
with torch.no_grad():
    found = model(**inputs)
result = {"module": type(model).__module__, "start": found.start_logits.tolist()}
result["decisions"] = found.decisions.tolist()
model.train()(**inputs, generator=torch.Generator().manual_seed(3)).loss.backward()
result["gradients"] = {name: p.grad.tolist() for name, p in model.named_parameters()}
answer = pipeline("skim-question-answering", model=sys.argv[1], trust_remote_code=True)
result["pipeline"] = type(answer).__module__
result["answer"] = answer(question=sys.argv[4], context=sys.argv[5], threshold=0.4, trace=True)
model.save_pretrained(sys.argv[3])
print("RESULT" + json.dumps(result))
"""


@pytest.mark.parametrize("reader", ["attention", "bidaf"])
def test_a_folder_without_the_package(reader, make_question, tmp_path):
    folder, again, home = (tmp_path / name for name in ("reader", "again", "home"))
    home.mkdir()
    model = make_question(reader).float()
    model.save_pretrained(folder)
    build_tokenizer(TEXTS, min_frequency=1, progress=False).save_pretrained(folder)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, str(folder), json.dumps(INPUTS), str(again), *TEXTS],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.split("RESULT")[1])
    assert result["module"].startswith("transformers_modules.")
    assert result["pipeline"].startswith("transformers_modules.")
    here = pipeline("skim-question-answering", model=str(folder), device="cpu")
    found = here(*TEXTS, threshold=0.4, trace=True)
    assert result["answer"].pop("score") == pytest.approx(found.pop("score"), rel=1e-4)
    assert [word["decisions"] for word in result["answer"].pop("words")] == [
        word["decisions"] for word in found.pop("words")
    ]
    assert result["answer"] == found
    inputs = {name: torch.tensor(value) for name, value in INPUTS.items()}
    with torch.no_grad():
        expected = model(**inputs)
    assert result["decisions"] == expected.decisions.tolist()
    torch.testing.assert_close(torch.tensor(result["start"]), expected.start_logits, rtol=1e-5, atol=1e-5)
    model.train()(**inputs, generator=torch.Generator().manual_seed(3)).loss.backward()
    for name, parameter in model.named_parameters():
        got = torch.tensor(result["gradients"][name])
        torch.testing.assert_close(got, parameter.grad, rtol=1e-4, atol=1e-5, msg=name)
    travelling = {path.name for path in MODELING.glob("*_skim_rnn.py")}
    for path in (folder, again):
        assert {file.name for file in path.glob("*.py")} == travelling
        config = json.loads((path / "config.json").read_text())
        assert config["architectures"] == ["SkimRNNForQuestionAnswering"]
        assert config["auto_map"]["AutoModelForQuestionAnswering"] == (
            "question_skim_rnn.SkimRNNForQuestionAnswering"
        )
        assert [*config["custom_pipelines"]] == ["skim-question-answering"]


def test_classifiers_carry_the_code_of_question_readers(make_model, tmp_path):
    make_model(SkimRNNForSequenceClassification).save_pretrained(tmp_path)
    assert (tmp_path / "question_skim_rnn.py").read_text() == (MODELING / "question_skim_rnn.py").read_text()
