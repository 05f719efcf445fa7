"""The scan as a PyTorch operator: what the compiler sees, precision under autocast, and bad input."""

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification
from skim_hf.modeling.policies_skim_rnn import Setting
from skim_hf.modeling.scan_skim_rnn import NAMESPACE, scan, scan_backward, scan_hard

BLOCKS = {"lstm": 4, "gru": 4, "tanh": 1}
OPTIONS = (False, 0.7, False, False)


def tensors(cell="lstm", sizes=(5, 3), k=2, dtype=torch.float64, grad=True):
    """Arguments up to the batch sizes, for 7 tokens of 3 texts (and a step that none reaches)."""
    width = BLOCKS[cell] * sum(sizes) + k
    shapes = {"inputs": (7, 4), "weight_input": (width, 4), "bias": (width,), "recurrent": (width, sizes[0])}
    made = {name: torch.randn(*shape, dtype=dtype, requires_grad=grad) for name, shape in shapes.items()}
    made["noise"] = torch.randn(7, k, dtype=dtype) if k else None
    parts = 2 if cell == "lstm" else 1
    made["start"] = torch.randn(parts, 3, sizes[0], dtype=dtype, requires_grad=grad)
    made["batch_sizes"] = torch.tensor([3, 3, 1, 0])
    return made


def nodes(graph_module):
    """The operators of ours in a graph and in the graphs inside it."""
    graphs = [module.graph for module in graph_module.modules() if hasattr(module, "graph")]
    targets = [node.target for graph in graphs for node in graph.nodes if node.op == "call_function"]
    return [str(target) for target in targets if str(target).startswith(NAMESPACE)]


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
def test_opcheck(cell, recompute):
    for sizes, k in (((5, 3), 2), ((5,), 0)):
        given = tensors(cell, sizes, k)
        arguments = (*given.values(), cell, list(sizes), False, 0.7, False, recompute)
        torch.library.opcheck(scan, arguments)
        hidden, _, final, cells, gates = scan(*arguments)
        # What autograd hands to a backward operator asks for no gradient of its own.
        given = tensors(cell, sizes, k, grad=False)
        hidden, final = hidden.detach(), final.detach()
        grads = (torch.randn_like(hidden), None, torch.randn_like(final))
        saved = (*list(given.values()), hidden, cells, gates)
        torch.library.opcheck(scan_backward, (*grads, *saved, *arguments[7:], True))


@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
def test_opcheck_of_inference(cell):
    for sizes, k in (((5, 3), 2), ((5,), 0)):
        given = tensors(cell, sizes, k, grad=False)
        given.pop("noise")
        torch.library.opcheck(scan_hard, (*given.values(), cell, list(sizes), False, 0.5))


@pytest.mark.parametrize("steps", [(), (0, 0)], ids=str)
def test_opcheck_of_nothing_to_read(steps):
    given = tensors() | {"batch_sizes": torch.tensor(steps, dtype=torch.int64)}
    given["inputs"] = given["inputs"].detach()[:0].requires_grad_()
    given["noise"] = given["noise"][:0]
    torch.library.opcheck(scan, (*given.values(), "lstm", [5, 3], True, 0.7, True, False))
    with torch.no_grad():
        h, _, _, final = scan_hard(
            *(given[name].detach() for name in given if name != "noise"), "lstm", [5, 3], True, 0.5
        )
    assert h.shape == (0, 5)
    assert torch.equal(final, given["start"])


@pytest.fixture
def model(make_config):
    return SkimRNNForSequenceClassification(make_config(num_labels=2, bidirectional=True))


@pytest.fixture
def batch():
    mask = torch.ones(3, 6, dtype=torch.int64)
    mask[1, 4:] = 0
    ids = torch.randint(1, 23, (3, 6))
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 0])}


def seeded(function, **inputs):
    torch.manual_seed(3)
    return function(**inputs)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_export_sees_one_node_per_reader(mode, model, batch):
    getattr(model, mode)()
    program = torch.export.export(model, (), batch)
    expected = f"{NAMESPACE}.{'scan' if mode == 'train' else 'scan_hard'}.default"
    assert nodes(program.graph_module) == [expected] * 2
    got, want = seeded(program.module(), **batch), seeded(model, **batch)
    torch.testing.assert_close(got["logits"], want.logits, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_an_exported_model_takes_other_batches_and_lengths(mode, model, batch):
    getattr(model, mode)()
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length")
    shapes = {"input_ids": {0: rows, 1: length}, "attention_mask": {0: rows, 1: length}, "labels": {0: rows}}
    program = torch.export.export(model, (), batch, dynamic_shapes=shapes)
    other = {name: torch.cat((value, value.flip(0)))[:5] for name, value in batch.items()}
    other |= {
        name: torch.cat((other[name], other[name][:, :3]), 1) for name in ("input_ids", "attention_mask")
    }
    got, want = seeded(program.module(), **other), seeded(model, **other)
    torch.testing.assert_close(got["logits"], want.logits, rtol=0, atol=1e-6)


def test_compile_sees_one_node_per_reader(model, batch):
    graphs = []

    def backend(graph_module, _):
        graphs.append(nodes(graph_module))
        return graph_module

    options = {"capture_dynamic_output_shape_ops": True, "capture_scalar_outputs": True}
    with torch._dynamo.config.patch(**options):
        compiled = torch.compile(model.train(), backend=backend, fullgraph=True)
        output = seeded(compiled, **batch)
    assert graphs == [[f"{NAMESPACE}.scan.default"] * 2]
    output.loss.backward()
    got = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    seeded(model, **batch).loss.backward()
    for mine, parameter in zip(got, model.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_autocast_leaves_the_scan_in_full_precision(mode, dtype, make_reader, packed):
    reader = make_reader().float()
    inputs, packing, start = packed([6, 5, 2], reader)
    inputs, start = inputs.float(), tuple(part.float() for part in start)
    noise = reader.policy.draw_noise(inputs) if mode == "train" else None
    setting = Setting(relaxed=mode == "train")
    plain = reader(inputs, packing, start, noise, setting)
    with torch.autocast("cpu", dtype):
        cast = reader(inputs.to(dtype).float(), packing, start, noise, setting)
        low = reader(inputs.to(dtype), packing, start, noise, setting)
    assert cast.hidden.dtype == low.hidden.dtype == torch.float32
    assert torch.equal(cast.hidden, low.hidden)
    torch.testing.assert_close(cast.hidden, plain.hidden, rtol=0.05, atol=0.05)
    if mode == "train":
        low.hidden.sum().backward()
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in reader.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision(dtype, make_reader, packed):
    reader = make_reader().to(dtype)
    inputs, packing, start = packed([6, 5, 2], reader)
    batch = (inputs.to(dtype), packing, tuple(part.to(dtype) for part in start))
    noise = reader.policy.draw_noise(batch[0])
    reading = reader(*batch, noise, Setting(True))
    assert reading.hidden.dtype == dtype
    assert reading.state[0].dtype == dtype
    reading.hidden.float().square().sum().backward()
    assert all(p.grad.dtype == dtype and p.grad.isfinite().all() for p in reader.parameters())


@pytest.mark.parametrize("name", ["inputs", "weight_input", "bias", "recurrent", "noise", "start"])
def test_mixed_dtypes_are_refused(name):
    given = tensors()
    given[name] = given[name].float()
    with pytest.raises(ValueError, match=r"one dtype: inputs have torch.float"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)


@pytest.mark.parametrize("name", ["weight_input", "bias", "recurrent", "noise", "start"])
def test_wrong_shapes_are_refused(name):
    given = tensors()
    given[name] = torch.randn(*(size + 1 for size in given[name].shape), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"must have the shape"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)


def test_other_devices_are_refused(make_reader, packed):
    reader = make_reader()
    inputs, packing, start = packed([3], reader)
    with pytest.raises(ValueError, match=r"inputs must be on cpu, where the model's weights are; got meta"):
        reader(inputs.to("meta"), packing, start, None, Setting())


@pytest.mark.parametrize("name", ["inputs", "weight_input", "bias", "recurrent", "noise", "start"])
def test_one_tensor_without_numbers_is_refused(name):
    """One on `meta` has PyTorch call the fake kernels, whose results are whatever was in memory."""
    given = tensors(grad=False)
    given[name] = given[name].to("meta")
    with pytest.raises(ValueError, match=r"must be on one device"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)
    if given.pop("noise").is_meta:
        return
    with pytest.raises(ValueError, match=r"must be on one device"):
        scan_hard(*given.values(), "lstm", [5, 3], False, 0.5)


@pytest.mark.parametrize("k", [0, 2])
def test_noise_and_decision_belong_together(k, scan_backend):
    given = tensors(k=k)
    given["noise"] = None if k else torch.zeros(7, 0, dtype=torch.float64)
    with pytest.raises(ValueError, match=rf"noise must be .*k is {k}"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)


@pytest.mark.parametrize("wrong", [torch.int32, torch.float64, "meta", "batched"], ids=str)
def test_batch_sizes_of_another_kind_are_refused(wrong):
    given = tensors()
    sizes = given["batch_sizes"]
    given["batch_sizes"] = sizes[None] if wrong == "batched" else sizes.to(wrong)
    with pytest.raises(ValueError, match=r"batch_sizes must be \[T\] int64 on the CPU"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)


@pytest.mark.parametrize("sizes", [[4, 3, 0], [3, 4], [3, 3], [3, 3, 2], [-1, 8]], ids=str)
def test_steps_that_do_not_fit_the_batch_are_refused(sizes):
    given = tensors()
    given["batch_sizes"] = torch.tensor(sizes)
    with pytest.raises(ValueError, match=r"batch_sizes must fall from at most 3 .* and sum to 7"):
        scan(*given.values(), "lstm", [5, 3], *OPTIONS)


def test_tensors_with_gaps_give_the_same(scan_backend):
    given = tensors(grad=False)
    spread = {
        name: value
        if name == "batch_sizes"
        else torch.stack((value, torch.full_like(value, torch.nan)), -1).unbind(-1)[0]
        for name, value in given.items()
    }
    assert not spread["inputs"].is_contiguous()
    for made in (given, spread):
        for name in ("inputs", "weight_input", "bias", "recurrent", "start"):
            made[name] = made[name].requires_grad_()
    results = []
    for made in (given, spread):
        outputs = scan(*made.values(), "lstm", [5, 3], *OPTIONS)[:3]
        # An expanded gradient has gaps too.
        grads = torch.autograd.grad(
            outputs,
            [made[name] for name in ("inputs", "weight_input", "bias", "recurrent", "start")],
            [torch.ones((), dtype=torch.float64).expand(o.shape) for o in outputs],
        )
        results.append([*outputs, *grads])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_nan_spreads_in_its_own_text_only(cell_type, mode, scan_backend, make_reader, packed):
    reader = make_reader(cell_type=cell_type, skim_sizes=[7]).requires_grad_(False)
    inputs, packing, start = packed([5, 4], reader)
    # Step 1 of the longer text: packed tokens are (0, 0), (0, 1), (1, 0), and so on.
    inputs[2] = torch.nan
    noise = reader.policy.draw_noise(inputs) if mode == "train" else None
    reading = reader(inputs, packing, start, noise, Setting(relaxed=mode == "train"))
    rows = packing.unpack(reading.hidden)
    assert rows[0, 0].isfinite().all()
    assert rows[1, :4].isfinite().all()
    assert rows[0, 1:].isnan().all()
    assert reading.state[0][0].isnan().all()
    assert reading.state[0][1].isfinite().all()


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_nan_goes_back_through_its_own_text_only(
    cell_type, straight_through, scan_backend, make_reader, packed
):
    reader = make_reader(cell_type=cell_type)
    inputs, packing, start = packed([5, 4], reader)
    inputs[2] = torch.nan
    inputs.requires_grad_()
    start = tuple(part.requires_grad_() for part in start)
    setting = Setting(True, straight_through=straight_through)
    reading = reader(inputs, packing, start, reader.policy.draw_noise(inputs), setting)
    reading.hidden.square().sum().backward()
    rows = packing.unpack(inputs.grad)
    assert rows[0, 1:].isnan().all()
    assert rows[1, :4].isfinite().all()
    assert all(part.grad[0].isnan().any() and part.grad[1].isfinite().all() for part in start)
    assert reader.cells[0].weight_ih.grad.isnan().any()


def test_one_text_of_one_word(scan_backend, make_reader, packed):
    reader = make_reader()
    inputs, packing, start = packed([1], reader)
    noise = reader.policy.draw_noise(inputs)
    reading = reader(inputs, packing, start, noise, Setting(True))
    assert torch.equal(reading.hidden[0], reading.state[0][0])
    assert not torch.equal(reading.hidden[0], start[0][0])
