"""Scripts import each other by plain name, as they do when they are run."""

import importlib
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
