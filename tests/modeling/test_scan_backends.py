"""Which implementation runs a scan, and that falling back to PyTorch is said, once."""

import logging

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification
from skim_hf.modeling import scan_backends_skim_rnn as backends
from skim_hf.modeling import scan_native_skim_rnn as native
from skim_hf.modeling.scan_layout_skim_rnn import ScanLayout

LAYOUT = ScanLayout("lstm", (7,), False, 28)


@pytest.fixture
def messages(monkeypatch):
    """What the module logs; as if nothing had been said before."""
    monkeypatch.delenv("SKIM_HF_SCAN", raising=False)
    caught: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: caught.append(record.getMessage())
    backends.logger.addHandler(handler)
    level = backends.logger.level
    backends.logger.setLevel(logging.WARNING)
    backends.logger.warning_once.cache_clear()
    yield caught
    backends.logger.warning_once.cache_clear()
    backends.logger.setLevel(level)
    backends.logger.removeHandler(handler)


@pytest.mark.skipif(native.kernels() is None, reason="skim_hf was installed without its C extension")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_cpu_takes_the_kernels_and_says_nothing(dtype, messages):
    assert backends.choose_backend(LAYOUT, torch.empty(1, dtype=dtype)).name == "native"
    assert messages == []


def test_without_kernels_a_model_trains_in_pytorch_and_says_so_once(make_model, messages, monkeypatch):
    monkeypatch.setattr(native, "kernels", lambda: None)
    model = make_model(SkimRNNForSequenceClassification, bidirectional=True).train()
    ids = torch.tensor([[1, 2, 3], [4, 5, 0]])
    for _ in range(2):
        model(ids, labels=torch.tensor([0, 1])).loss.backward()
    with torch.no_grad():
        model.eval()(ids)
    (message,) = messages
    assert "plain PyTorch" in message
    assert "not installed with its C extension" in message


def test_every_reason_is_given(messages):
    many = ScanLayout("tanh", (50, *range(40, 0, -1)), False, 50 + sum(range(41)) + 42)
    for layout, like in ((LAYOUT, torch.empty(1, dtype=torch.bfloat16)), (many, torch.empty(1))):
        assert backends.choose_backend(layout, like).name == "torch"
    if native.kernels() is not None:
        assert [m.split(": ")[1] for m in messages] == [
            "the C kernels compute in float32 or float64, not torch.bfloat16.",
            "the C kernels know at most 32 cells.",
        ]


@pytest.mark.parametrize("name", ["native", "triton"])
def test_one_that_was_asked_for_and_cannot_is_an_error(name, monkeypatch):
    monkeypatch.setenv("SKIM_HF_SCAN", name)
    with pytest.raises(ValueError, match=rf"SKIM_HF_SCAN={name} cannot run this scan: .*\."):
        backends.choose_backend(LAYOUT, torch.empty(1, dtype=torch.int64))
