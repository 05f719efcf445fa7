"""Keeps tests off the network and on one thread each, and what they cache and copy out of the user's home."""

import os
import tempfile

import pytest

# Before anything imports huggingface_hub, which reads the variables once. Removed when the process ends.
_HOME = tempfile.TemporaryDirectory(prefix="skim_hf-tests-")
os.environ["HF_HOME"] = _HOME.name
os.environ["HF_HUB_OFFLINE"] = "1"
# Before anything imports torch. Models this tiny gain nothing by more, and processes beside each other lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")


_JUMPS = {"jump_every": 2, "jump_size": 3, "jump_limit": 2}
READERS = {
    "full": {"policy": "full"},
    "skim": {"policy": "skim"},
    "skim, many sizes": {"policy": "skim", "skim_sizes": [4, 2, 0], "cell_type": "gru"},
    "skip": {"policy": "skip"},
    "skip, stacked": {"policy": "skip", "num_hidden_layers": 2, "cell_type": "tanh"},
    "selective": {"policy": "selective", "cell_type": "gru"},
    "selective, both directions": {"policy": "selective", "bidirectional": True, "num_hidden_layers": 2},
    "random": {"policy": "random", "skip_rate": 0.4},
    "periodic": {"policy": "periodic", "skip_rate": 0.4},
    "jump": {"policy": "full", **_JUMPS},
    "skim and jump": {"policy": "skim", "bidirectional": True, **_JUMPS},
    "selective and jump": {"policy": "selective", **_JUMPS},
    "pooled": {"policy": "full", "num_hidden_layers": 0, "pooling": "mean"},
}
"""Every way of reading, by the fields of a configuration."""


@pytest.fixture(scope="session", params=READERS)
def reader_fields(request):
    """Fields of a configuration, of every way of reading in turn."""
    return dict(READERS[request.param])


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
        if fields.get("policy", "skim") == "skim":
            fields = {"skim_sizes": [3], **fields}
        model = new_classifier(labels, tokenizer, embedding_size=5, hidden_size=7, **fields)
        if tokens:
            model.config.problem_type = None
            model = SkimRNNForTokenClassification(model.config)
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                decides = any(part in name for part in ("decision", "gate", "jump"))
                torch.nn.init.normal_(parameter, std=3.0 if decides else 1.0)
        model.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save
