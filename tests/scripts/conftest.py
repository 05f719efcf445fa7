"""Scripts import each other by plain name, as they do when they are run."""

import importlib
import itertools
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(SCRIPTS) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.fixture
def random_training(script, monkeypatch):
    """Replaces trainings of comparisons by models with random weights; lists the commands for them."""

    def replace(texts, labels):
        import torch

        from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification
        from skim_hf.training import build_tokenizer

        commands = []
        tokenizer = build_tokenizer(texts, min_frequency=1, progress=False)

        def train(command, log, threads):
            commands.append(command)
            given = {name[2:]: value for name, value in itertools.pairwise(command)}
            torch.manual_seed(len(commands))
            skims = {"skim_sizes": [2]} if given["policy"] == "skim" else {}
            config = SkimRNNConfig(
                vocab_size=len(tokenizer),
                embedding_size=5,
                hidden_size=min(int(given["hidden_size"]), 9),
                num_hidden_layers=int(given.get("num_hidden_layers", 1)),
                pooling=given.get("pooling", "last"),
                policy=given["policy"],
                id2label=dict(enumerate(labels)),
                **skims,
            )
            folder = log.with_suffix("")
            SkimRNNForSequenceClassification(config).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            report = {"train_runtime": 1.5, "train_loss": 0.7}
            (folder / "train_results.json").write_text(json.dumps(report))

        monkeypatch.setattr(script("_readers_runs"), "train", train)
        monkeypatch.setattr(script("_one_core"), "pin", lambda: None)
        return commands

    return replace


@pytest.fixture(scope="session")
def question_reader(tmp_path_factory):
    """Saves a tiny question reader that knows the words of some questions, and whose decisions vary."""

    def save(questions, name, *, seed=0, **fields):
        # Not above: many tests do without torch.
        import torch

        from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering
        from skim_hf.training import build_tokenizer

        texts = [text for each in questions for text in (each.context, each.question)]
        tokenizer = build_tokenizer(texts, min_frequency=1, progress=False)
        sizes = {"embedding_size": 5, "hidden_size": 6, "num_hidden_layers": 1, "char_filters": 3}
        config = SkimRNNConfig(vocab_size=len(tokenizer), **{**sizes, "reader": "attention", **fields})
        generator = torch.Generator().manual_seed(seed)
        model = SkimRNNForQuestionAnswering(config).eval()
        for key, weight in sorted(model.named_parameters()):
            scale = 1.5 if "decision" in key else 0.4
            weight.data = scale * torch.randn(weight.shape, generator=generator)
        folder = tmp_path_factory.mktemp("readers") / name
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.fixture
def load_published():
    """Checks that a folder is what a push would send, and predicts what it says; gives its results."""
    from skim_hf.hub import plan_push
    from skim_hf.results import ModelResults, check_predictions
    from skim_hf.runtime import SkimRuntime

    def load(folder):
        plan = plan_push(folder)
        assert not plan.left_out
        for file in plan.files:
            content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
            assert content == (folder / file.path).read_bytes()
        assert check_predictions(SkimRuntime.from_pretrained(folder), folder) == []
        return ModelResults.load(folder)

    return load
