"""Keeps tests off the network, and what they cache and copy out of the user's home."""

import os
import tempfile

import pytest

# Before anything imports huggingface_hub, which reads the variables once. Removed when the process ends.
_HOME = tempfile.TemporaryDirectory(prefix="skim_hf-tests-")
os.environ["HF_HOME"] = _HOME.name
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def save_varied():
    """Saves a tiny model that knows the words of some texts, and whose decisions vary."""

    def save(folder, texts, labels, *, tokens=False, seed=0, **fields):
        # Not above: many tests do without torch.
        import torch

        from skim_hf import SkimRNNForTokenClassification
        from skim_hf.training import build_tokenizer, new_classifier

        torch.manual_seed(seed)
        tokenizer = build_tokenizer(texts, min_frequency=1, progress=False)
        if fields.get("policy") != "full":
            fields = {"skim_sizes": [3], **fields}
        model = new_classifier(labels, tokenizer, embedding_size=5, hidden_size=7, **fields)
        if tokens:
            model.config.problem_type = None
            model = SkimRNNForTokenClassification(model.config)
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.normal_(parameter, std=3.0 if "decision" in name else 1.0)
        model.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save
