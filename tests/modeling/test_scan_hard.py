"""Batched inference by the fused scan equals read_hard, the readable pass, whichever backend runs it."""

import pytest
import torch

from skim_hf.modeling import reader_skim_rnn
from skim_hf.modeling.loop_skim_rnn import read_hard
from skim_hf.modeling.policies_skim_rnn import Setting

LENGTHS = [[4], [6, 1, 3, 3], [2, 0, 3, 0], [0, 0], [], [70, 66, 65, 2]]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", [None, [3], [0], [7], [5, 2, 0], [3, 0, 0]], ids=str)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@torch.no_grad()
def test_equals_the_readable_pass(
    cell_type, sizes, small_input, threshold, scan_backend, make_reader, packed
):
    policy = "full" if sizes is None else "skim"
    reader = make_reader(cell_type=cell_type, policy=policy, skim_sizes=sizes, small_input=small_input)
    chosen = set()
    for lengths in LENGTHS:
        batch = packed(lengths, reader)
        setting = Setting(threshold=threshold)
        fast, slow = reader(*batch, None, setting), read_hard(reader, *batch, setting)
        assert torch.equal(fast.choices, slow.choices)
        chosen |= set(fast.choices.tolist())
        for got, want in zip((fast.hidden, *fast.state), (slow.hidden, *slow.state), strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-10)
        assert (fast.logits is None) == (slow.logits is None)
        if fast.logits is not None:
            torch.testing.assert_close(fast.logits, slow.logits, rtol=0, atol=1e-10)
    if policy == "skim" and threshold == 0.5:
        assert len(chosen) > 1


@torch.no_grad()
def test_a_branch_not_taken_leaves_no_trace(scan_backend, make_reader, packed, force):
    """The big cell is all NaN; where every token is skimmed, nothing of it is seen."""
    reader = force(make_reader(skim_sizes=[3]), 1)
    for parameter in reader.cells[0].parameters():
        parameter.fill_(torch.nan)
    inputs, packing, start = packed([5, 3], reader)
    reading = reader(inputs, packing, start, None, Setting())
    assert reading.hidden.isfinite().all()
    rest = packing.unpack(reading.hidden)[0, :, 3:]
    assert torch.equal(rest, start[0][0, 3:].expand_as(rest))


def test_gradients_are_still_there_where_they_are_asked_for(make_reader, packed, monkeypatch):
    """Inference under gradients goes through the readable pass; without them through the operator."""
    calls = []
    real = reader_skim_rnn.scan_hard
    monkeypatch.setattr(reader_skim_rnn, "scan_hard", lambda *args: calls.append(1) or real(*args))
    reader = make_reader()
    inputs, packing, start = packed([4, 2], reader)
    with torch.no_grad():
        expected = reader(inputs, packing, start, None, Setting())
    assert calls == [1]
    reading = reader(inputs.requires_grad_(), packing, start, None, Setting())
    reading.hidden.sum().backward()
    assert calls == [1]
    assert inputs.grad.abs().sum() > 0
    torch.testing.assert_close(reading.hidden, expected.hidden, rtol=0, atol=1e-12)


@torch.no_grad()
def test_inference_keeps_no_gates(make_reader, packed):
    """Results are all that a long text leaves in memory: h, a decision, and k logits per token."""
    reader = make_reader(policy="full")
    inputs, packing, start = packed([9], reader)
    reading = reader(inputs, packing, start, None, Setting())
    assert reading.hidden.untyped_storage().nbytes() == 9 * 7 * 8
    assert reading.hidden.grad_fn is None
