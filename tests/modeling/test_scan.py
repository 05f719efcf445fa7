"""The fused scan equals read_relaxed, the readable pass, whichever backend runs it."""

import shutil

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNModel
from skim_hf.modeling import scan_skim_rnn
from skim_hf.modeling.loop_skim_rnn import read_relaxed
from skim_hf.modeling.policies_skim_rnn import Setting
from skim_hf.modeling.scan_native_skim_rnn import kernels

BATCHES = {"one": [4], "mixed": [6, 1, 3, 3], "with empty": [2, 0, 3, 0], "all empty": [0, 0], "no text": []}
SIZES = [None, [3], [0], [7], [5, 2, 0], [3, 3, 1]]


def run(read, reader, inputs, packing, start, noise, setting):
    """Everything that comes out and every gradient, for a loss with unequal weights of all outputs."""
    reader.zero_grad()
    inputs = inputs.clone().requires_grad_()
    start = tuple(part.clone().requires_grad_() for part in start)
    reading = read(inputs, packing, start, noise, setting)
    outputs = [reading.hidden, *reading.state]
    if noise is not None:
        outputs.append(reading.logits)
    generator = torch.Generator().manual_seed(5)
    loss = sum((o * torch.randn(o.shape, generator=generator, dtype=o.dtype)).sum() for o in outputs)
    loss.backward()
    grads = {name: p.grad for name, p in reader.named_parameters()}
    grads |= {"inputs": inputs.grad} | {f"start{i}": part.grad for i, part in enumerate(start)}
    return outputs, reading.choices, grads


def both(reader, inputs, packing, start, *, temperature=0.7, straight_through=False, recompute=False):
    setting = Setting(True, temperature, 0.5, straight_through, recompute)
    noise = reader.policy.draw_noise(inputs, torch.Generator().manual_seed(3))
    fast = run(reader._scan, reader, inputs, packing, start, noise, setting)
    slow = run(lambda *args: read_relaxed(reader, *args), reader, inputs, packing, start, noise, setting)
    return fast, slow


def assert_equal(fast, slow):
    for got, want in zip(fast[0], slow[0], strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10)
    assert torch.equal(fast[1], slow[1])
    for name, want in slow[2].items():
        got = fast[2][name]
        # A parameter that took no part has no gradient in one pass and zeros in the other.
        want = torch.zeros_like(got) if want is None else want
        got = torch.zeros_like(want) if got is None else got
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_scan_equals_the_readable_pass(
    cell_type, sizes, small_input, straight_through, scan_backend, make_reader, packed
):
    policy = "full" if sizes is None else "skim"
    reader = make_reader(cell_type=cell_type, policy=policy, skim_sizes=sizes, small_input=small_input)
    for lengths in BATCHES.values():
        batch = packed(lengths, reader)
        assert_equal(*both(reader, *batch, straight_through=straight_through))


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 20.0])
def test_any_temperature(temperature, scan_backend, make_reader, packed):
    reader = make_reader(skim_sizes=[5, 2, 0])
    assert_equal(*both(reader, *packed([5, 3, 4], reader), temperature=temperature))


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_wide_and_long(cell_type, scan_backend, make_config, packed, randomize):
    """Widths around the kernels' registers, more rows than a tile, more steps than a chunk."""
    from skim_hf.modeling.reader_skim_rnn import SkimRNNReader

    config = make_config(cell_type=cell_type, hidden_size=37, skim_sizes=[17, 4])
    reader = randomize(SkimRNNReader(config, 5).double())
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.mul_(0.3)
    lengths = [71, 70, 66, 65, 64, 63, 40, 9, 9, 3, 2, 1, 1]
    assert_equal(*both(reader, *packed(lengths, reader)))


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("sizes", [None, [3], [5, 2, 0]], ids=str)
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("lengths", BATCHES.values(), ids=BATCHES.keys())
def test_recomputing_and_pieces_change_nothing(
    lengths, cell_type, sizes, recompute, scan_backend, make_reader, packed, monkeypatch
):
    monkeypatch.setattr(scan_skim_rnn, "TOKENS_AT_ONCE", 5)
    policy = "full" if sizes is None else "skim"
    reader = make_reader(cell_type=cell_type, policy=policy, skim_sizes=sizes)
    assert_equal(*both(reader, *packed(lengths, reader), recompute=recompute))


def test_recomputing_keeps_no_gates(make_reader, packed):
    reader = make_reader()
    inputs, packing, start = packed([6, 4], reader)
    kept = {}
    for recompute in (False, True):
        tensors, options = reader._scan_arguments(inputs, start)
        noise = reader.policy.draw_noise(inputs)
        out = scan_skim_rnn.scan(
            *tensors[:4], noise, tensors[4], packing.batch_sizes, *options, 0.5, False, recompute
        )
        kept[recompute] = sum(t.numel() for t in (*out[3:], out[0]))
    # h, c and the gates: 10 tokens, d = 7, m = 3, k = 2.
    assert kept == {False: 10 * (2 * 7 + 4 * (7 + 3) + 2), True: 10 * 2 * 7}


def test_straight_through_goes_one_way_forward(scan_backend, make_reader, packed):
    reader = make_reader(skim_sizes=[0])
    inputs, packing, start = packed([6], reader)
    setting = Setting(True, 0.7, 0.5, straight_through=True)
    reading = reader._scan(inputs, packing, start, reader.policy.draw_noise(inputs), setting)
    before = torch.cat((start[0], reading.hidden[:-1]))
    copied = (reading.hidden == before).all(1)
    assert torch.equal(copied, reading.choices == 1)
    assert 0 < int(copied.sum()) < 6


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_models_train_by_the_scan(cell_type, straight_through, make_model, make_batch, monkeypatch):
    calls = []
    import skim_hf.modeling.reader_skim_rnn as reader_module

    real = reader_module.scan
    monkeypatch.setattr(reader_module, "scan", lambda *args: calls.append(1) or real(*args))
    inputs, mask = make_batch([3, 2])
    estimator = "straight_through" if straight_through else "gumbel"
    for policy in ("skim", "full"):
        calls.clear()
        model = make_model(
            SkimRNNModel,
            cell_type=cell_type,
            policy=policy,
            estimator=estimator,
            input_size=5,
            bidirectional=True,
        ).train()
        model(inputs_embeds=inputs, attention_mask=mask)
        assert len(calls) == 2, policy


@pytest.mark.parametrize("own_slice", [False, True])
@pytest.mark.parametrize("sizes_and_k", [((3,), 0), ((3, 2), 2), ((3,), 2), ((3, 2, 1), 4)])
@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
def test_gradcheck(cell, sizes_and_k, own_slice, scan_backend):
    sizes, k = sizes_and_k
    blocks, parts = (1 if cell == "tanh" else 4), (2 if cell == "lstm" else 1)
    width = blocks * sum(sizes) + k
    shapes = ((5, 2), (width, 2), (width,), (width, 3))
    tensors = [torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in shapes]
    start = torch.randn(parts, 3, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(5, k, dtype=torch.float64) if k else None
    fixed = recurrent_mask(cell, sizes, own_slice, width)

    def call(inputs, weight, bias, recurrent, start):
        options = (torch.tensor([2, 2, 1]), cell, sizes, own_slice, 0.7, False, False)
        return scan_skim_rnn.scan(inputs, weight, bias, recurrent * fixed, noise, start, *options)[:3]

    assert torch.autograd.gradcheck(call, (*tensors, start))


def recurrent_mask(cell, sizes, own_slice, width):
    """Ones where recurrent weights may be: not beyond a small cell's slice, nor in a GRU's last block."""
    mask, at = torch.ones(width, sizes[0], dtype=torch.float64), 0
    for size in sizes:
        rows = (1 if cell == "tanh" else 4) * size
        if own_slice:
            mask[at : at + rows, size:] = 0
        if cell == "gru":
            mask[at + 3 * size : at + 4 * size] = 0
        at += rows
    return mask


def test_frozen_parameters_and_inputs(scan_backend, make_reader, packed):
    reader = make_reader()
    for name, parameter in reader.named_parameters():
        parameter.requires_grad_("decision" in name)
    inputs, packing, start = packed([4, 2], reader)
    noise = reader.policy.draw_noise(inputs)
    reading = reader._scan(inputs, packing, start, noise, Setting(True))
    reading.hidden.sum().backward()
    assert reader.policy.decision.weight.grad.abs().sum() > 0
    assert reader.cells[0].weight_ih.grad is None


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_plain_network_equals_torch_in_gradients_too(cell_type, scan_backend, make_reader, packed):
    reader = make_reader(policy="full", cell_type=cell_type)
    inputs, packing, start = packed([5, 3, 3], reader)
    module = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}[cell_type](5, 7).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for name in names:
        getattr(module, f"{name}_l0").data.copy_(getattr(reader.cells[0], name))
    sequence = nn.utils.rnn.PackedSequence(inputs, packing.batch_sizes)
    state = tuple(part[None] for part in start)
    expected, _ = module(sequence, state if cell_type == "lstm" else state[0])
    expected.data.square().sum().backward()
    reading = reader(inputs, packing, start, None, Setting(True))
    reading.hidden.square().sum().backward()
    torch.testing.assert_close(reading.hidden, expected.data, rtol=0, atol=1e-12)
    for name in names:
        got, want = getattr(reader.cells[0], name).grad, getattr(module, f"{name}_l0").grad
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10)


def test_single_precision_is_close(scan_backend, make_reader, packed):
    """The kernels' own sigmoid and tanh, at arguments from tiny to saturating."""
    reader = make_reader(policy="full")
    inputs, packing, start = packed([9, 5], reader)
    for scale in (1e-6, 1e-3, 1.0, 30.0):
        exact = reader.double()(inputs * scale, packing, start, None, Setting(True)).hidden
        single = reader.float()(
            (inputs * scale).float(), packing, tuple(s.float() for s in start), None, Setting(True)
        ).hidden
        torch.testing.assert_close(single.double(), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(kernels() is None, reason="skim_hf was installed without its C extension")
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_any_number_of_threads_gives_the_same(threads, make_reader, packed, monkeypatch):
    monkeypatch.setenv("SKIM_HF_SCAN", "native")
    before = torch.get_num_threads()
    reader = make_reader(skim_sizes=[3, 0])
    torch.set_num_threads(threads)
    try:
        assert_equal(*both(reader, *packed([6, 5, 5, 2, 1], reader)))
    finally:
        torch.set_num_threads(before)


def test_deterministic_given_the_noise(scan_backend, make_reader, packed):
    reader = make_reader().float()
    inputs, packing, start = packed([6, 5, 2], reader)
    batch = (inputs.float(), packing, tuple(s.float() for s in start))
    first, second = (both(reader, *batch)[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first[0], second[0], strict=True))
    assert all(
        torch.equal(a, b) for a, b in zip(first[2].values(), second[2].values(), strict=True) if a is not None
    )


def test_the_backend_is_named_by_the_environment(make_reader, packed, monkeypatch):
    monkeypatch.setenv("SKIM_HF_SCAN", "fortran")
    reader = make_reader()
    with pytest.raises(ValueError, match=r"one of torch, native, triton; got 'fortran'"):
        both(reader, *packed([3], reader))


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler here")
def test_tests_run_with_the_kernels_where_there_is_a_compiler():
    """Otherwise half of the tests above would skip, and nobody would know."""
    assert kernels() is not None, "install skim_hf again: it was installed without its C extension"
