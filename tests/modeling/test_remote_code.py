"""A saved folder runs without the package, from the code that it carries."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import pipeline

import skim_hf
from skim_hf import SkimRNNForTokenClassification, SkimRNNModel
from skim_hf.training import build_tokenizer

IDS = [[1, 2, 3, 4, 5], [6, 7, 0, 0, 0]]
TEXTS = ["A dull film, very dull!", "", "I ❤ it 😀"]
MODELING = Path(skim_hf.__file__).parent / "modeling"

# Runs where this package may be installed too, so it is blocked and not merely left off the path.
CHILD = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "skim_hf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import torch
import transformers

folder, ids = sys.argv[1], torch.tensor(json.loads(sys.argv[2]))
result = {}
for name in ("AutoModel", "AutoModelForSequenceClassification", "AutoModelForTokenClassification"):
    model = getattr(transformers, name).from_pretrained(folder, trust_remote_code=True)
    with torch.no_grad():
        output = model(ids)
    result[name] = {
        "class": type(model).__name__,
        "module": type(model).__module__,
        "values": output[0].tolist(),
        "decisions": output.decisions.tolist(),
    }
    model.save_pretrained(sys.argv[3] + "/" + name)
model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
loss = model.train()(ids, labels=torch.tensor([0, 1]), generator=torch.Generator().manual_seed(3)).loss
loss.backward()
result["gradients"] = {name: p.grad.tolist() for name, p in model.named_parameters()}
try:
    transformers.AutoModel.from_pretrained(folder)
except ValueError as error:
    result["refused"] = str(error)
read = transformers.pipeline("skim-text-classification", model=folder, trust_remote_code=True)
result["pipeline"] = {
    "module": type(read).__module__,
    "found": read(json.loads(sys.argv[4]), batch_size=2, threshold=0.4),
    "threshold": read.calibrate(json.loads(sys.argv[4]), 0.5),
    "standard": type(transformers.pipeline("text-classification", folder, trust_remote_code=True)).__name__,
    "without task": type(transformers.pipeline(model=folder, trust_remote_code=True)).__name__,
}
read.save_pretrained(sys.argv[3] + "/pipeline")
config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True, skim_threshold=1.0)
result["threshold"] = config.skim_threshold
result["imported"] = [name for name in sys.modules if name.split(".")[0] == "skim_hf"]
print("RESULT" + json.dumps(result))
"""


def run_child(folder, out, home):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, str(folder), json.dumps(IDS), str(out), json.dumps(TEXTS)],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("RESULT")[1])


@pytest.fixture(scope="module")
def saved(make_model, tmp_path_factory):
    """The model, its folder, what the child process saw, and where it saved again."""
    folder, out, home = (tmp_path_factory.mktemp(name) for name in ("skim-lstm-tiny", "again", "home"))
    model = make_model(num_labels=3, bidirectional=True, num_hidden_layers=2, skim_sizes=[3, 0]).float()
    model.save_pretrained(folder)
    build_tokenizer(TEXTS, min_frequency=1, progress=False).save_pretrained(folder)
    return model, folder, run_child(folder, out, home), out


def test_the_child_had_no_package(saved):
    _, _, result, _ = saved
    assert result["imported"] == []
    for name in ("AutoModel", "AutoModelForSequenceClassification", "AutoModelForTokenClassification"):
        assert result[name]["module"].startswith("transformers_modules.")


@torch.no_grad()
def test_all_three_classes_give_the_same_values(saved):
    model, folder, result, _ = saved
    local = {
        "AutoModel": SkimRNNModel.from_pretrained(folder),
        "AutoModelForSequenceClassification": model,
        "AutoModelForTokenClassification": SkimRNNForTokenClassification.from_pretrained(folder),
    }
    for name, here in local.items():
        output = here(torch.tensor(IDS))
        assert result[name]["class"] == type(here).__name__
        assert result[name]["decisions"] == output.decisions.tolist()
        # Not bit for bit: the sums of a matrix product depend on where its operands lie in memory.
        torch.testing.assert_close(torch.tensor(result[name]["values"]), output[0], rtol=0, atol=1e-6)


def test_trains_as_with_the_package(saved):
    """Without the package there are no C kernels, so it is the scan in plain PyTorch."""
    model, _, result, _ = saved
    model.zero_grad()
    labels, noise = torch.tensor([0, 1]), torch.Generator().manual_seed(3)
    model.train()(torch.tensor(IDS), labels=labels, generator=noise).loss.backward()
    model.eval()
    for name, parameter in model.named_parameters():
        got = torch.tensor(result["gradients"][name])
        torch.testing.assert_close(got, parameter.grad, rtol=0, atol=1e-6)


def test_without_trust_the_code_does_not_run(saved):
    assert "trust_remote_code=True" in saved[2]["refused"]


def test_overrides_reach_the_remote_configuration(saved):
    assert saved[2]["threshold"] == 1.0


def test_the_pipeline_runs_from_the_folder(saved):
    _, folder, result, _ = saved
    found, read = result["pipeline"], pipeline("skim-text-classification", model=str(folder))
    assert found["module"].startswith("transformers_modules.")
    assert found["standard"] == "TextClassificationPipeline"
    # transformers takes the one task that a folder has code for, where no task is named.
    assert found["without task"] == "SkimTextClassificationPipeline"
    assert found["threshold"] == pytest.approx(read.calibrate(TEXTS, 0.5), rel=1e-3)
    for there, here in zip(found["found"], read(TEXTS, threshold=0.4), strict=True):
        assert [(w["word"], w["start"], w["end"], w["read"]) for w in there["words"]] == [
            (w["word"], w["start"], w["end"], w["read"]) for w in here["words"]
        ]
        assert (there["label"], there["skim_rate"]) == (here["label"], here["skim_rate"])
        assert there["score"] == pytest.approx(here["score"], abs=1e-6)


def test_saved_again_without_the_package_the_folder_is_complete(saved):
    _, folder, _, out = saved
    first = json.loads((folder / "config.json").read_text())
    for name in ("AutoModelForSequenceClassification", "AutoModel", "pipeline"):
        again = out / name
        assert {path.name for path in folder.glob("*.py")} == {path.name for path in again.glob("*.py")}
        config = json.loads((again / "config.json").read_text())
        assert config["auto_map"] == first["auto_map"]
        # The encoder alone labels nothing.
        assert config.get("custom_pipelines") == (None if name == "AutoModel" else first["custom_pipelines"])


@pytest.mark.parametrize("path", sorted(MODELING.glob("*_skim_rnn.py")), ids=lambda path: path.stem)
def test_files_that_travel_import_only_torch_transformers_and_each_other(path):
    for line in path.read_text().splitlines():
        imported = re.match(r"\s*(?:from\s+(\S+)\s+import|import\s+(\S+))", line)
        if imported:
            module = imported.group(1) or imported.group(2)
            sibling = re.fullmatch(r"\.(\w+)", module)
            if sibling:
                assert (MODELING / f"{sibling.group(1)}.py").exists(), line
            else:
                top = module.split(".")[0]
                # Triton is imported where it is there, in a `try` that transformers does not search.
                optional = {"triton"} if line.startswith("    import") else set()
                assert top in {"torch", "transformers"} | optional or top in sys.stdlib_module_names, line


@pytest.mark.parametrize("policy", ["skip", "selective", "random"])
def test_folders_of_every_policy_carry_all_files(policy, make_model, tmp_path):
    make_model(policy=policy).save_pretrained(tmp_path)
    travelling = {path.name for path in MODELING.glob("*_skim_rnn.py")}
    assert {path.name for path in tmp_path.glob("*.py")} == travelling
