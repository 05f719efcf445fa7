"""The Triton kernels equal PyTorch in Triton's interpreter, and compile for a GPU that is not there."""

import json
import os
import subprocess
import sys

import pytest
import torch

from skim_hf.modeling.scan_layout_skim_rnn import ScanLayout
from skim_hf.modeling.scan_triton_skim_rnn import TRITON

pytest.importorskip("triton", reason="Triton is not installed")

CELLS = ["lstm", "gru", "tanh"]

# Sizes around a tile (64) and its smallest width (16), more texts than a program takes, pieces of a pass.
PARITY = """
import json, os, torch
from skim_hf.modeling import scan_skim_rnn, scan_triton_skim_rnn
from skim_hf.modeling.scan_layout_skim_rnn import BLOCKS, PARTS, ScanLayout
from skim_hf.modeling.scan_triton_skim_rnn import TRITON

scan_skim_rnn.TOKENS_AT_ONCE = 40
scan_triton_skim_rnn.STEPS_AT_ONCE = 3
torch.manual_seed(0)
CASES = [
    ((7, 3), 2, False, False, [5, 4, 4, 1]),
    ((7,), 0, False, False, [3, 3]),
    ((7,), 2, True, True, [5, 2]),
    ((7, 5, 2), 4, True, False, [20, 18, 3]),
    ((37, 19, 3), 4, False, True, [21, 8, 1]),
    ((70, 10), 2, True, False, [3, 2, 2, 2]),
    ((7, 3), 2, True, False, []),
]
errors = {}
for cell in BLOCKS:
    for sizes, k, own_slice, straight, steps in CASES:
        d, width, tokens = sizes[0], BLOCKS[cell] * sum(sizes) + k, sum(steps)
        shapes = ((tokens, 4), (width, 4), (width,), (width, d))
        tensors = [torch.randn(*s, dtype=torch.float64) * 0.5 for s in shapes]
        at = 0
        for m in sizes:
            rows = BLOCKS[cell] * m
            if own_slice:
                tensors[3][at : at + rows, m:] = 0
            if cell == "gru":
                tensors[3][at + 3 * m : at + 4 * m] = 0
            at += rows
        start = torch.randn(PARTS[cell], (steps or [2])[0] + 1, d, dtype=torch.float64)
        wanted = [t.requires_grad_() for t in (*tensors, start)]
        noise = torch.randn(tokens, k, dtype=torch.float64) if k else None
        results = []
        for backend in ("torch", "triton"):
            os.environ["SKIM_HF_SCAN"] = backend
            more = (torch.tensor(steps, dtype=torch.int64), cell, list(sizes), own_slice)
            results.append([])
            for recompute in (False, True):
                out = scan_skim_rnn.scan(*tensors, noise, start, *more, 0.7, straight, recompute)[:3]
                generator = torch.Generator().manual_seed(1)
                grads = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in out]
                results[-1] += [*out, *torch.autograd.grad(out, wanted, grads)]
            with torch.no_grad():
                results[-1] += scan_skim_rnn.scan_hard(*tensors, start, *more, 0.5)
        name = f"{cell} {sizes} {k} {own_slice} {straight} {len(steps)}"
        differences = [(a - b).abs().max().item() for a, b in zip(*results, strict=True) if a.numel()]
        errors[name] = max(differences, default=0.0)

os.environ["SKIM_HF_SCAN"] = "triton"
tensors = [torch.randn(*s) for s in ((6, 4), (4 * 10 + 2, 4), (4 * 10 + 2,), (4 * 10 + 2, 7))]
tensors[0][2] = torch.nan
start, more = torch.zeros(2, 2, 7), (torch.tensor([2, 2, 2]), "lstm", [7, 3], False)
with torch.no_grad():
    hidden = scan_skim_rnn.scan_hard(*tensors, start, *more, 0.5)[0].view(3, 2, 7)
    # The big cell is NaN, and every token is skimmed.
    broken = [t.clone() for t in tensors]
    broken[0][2] = 0
    broken[2][: 4 * 7], broken[2][-1] = torch.nan, 1e4
    skimmed = scan_skim_rnn.scan_hard(*broken, start, *more, 0.5)
nan = {
    "spreads": bool(hidden[1:, 0].isnan().any(-1).all()),
    "stays": bool(hidden[:, 1].isfinite().all() and hidden[0].isfinite().all()),
    "leaves no trace": bool(skimmed[0].isfinite().all() and (skimmed[2] == 1).all()),
}
half = {}
# Not bfloat16, whose products the interpreter takes for those of integers.
for dtype in (torch.float16,):
    small = [(t.nan_to_num() * 0.3).to(dtype) for t in tensors]
    noise = torch.randn(6, 2).to(dtype)
    low = scan_skim_rnn.scan(*small, noise, start.to(dtype), *more, 0.7, False, False)[0]
    os.environ["SKIM_HF_SCAN"] = "torch"
    exact = (t.float() for t in (*small, noise, start))
    high = scan_skim_rnn.scan(*exact, *more, 0.7, False, False)[0]
    os.environ["SKIM_HF_SCAN"] = "triton"
    half[str(dtype)] = [str(low.dtype), (low.float() - high).abs().max().item()]
wide = {
    "cells": TRITON.declined(ScanLayout("lstm", (9, 8, 7, 6, 5), False, 4 * 35 + 5), start),
    "weights": TRITON.declined(ScanLayout("lstm", (400,), False, 1600), start),
    "dtype": TRITON.declined(ScanLayout("lstm", (7,), False, 28), start.long()),
    "none": TRITON.declined(ScanLayout("lstm", (7,), False, 28), start),
}
print(json.dumps({"errors": errors, "nan": nan, "half": half, "declined": wide}))
"""

# The real compiler with a made-up device: what the interpreter lets pass, it may not.
COMPILE = """
import json, torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from skim_hf.modeling import scan_kernels_skim_rnn as kernels, scan_triton_skim_rnn as scan
from skim_hf.modeling.scan_layout_skim_rnn import ScanLayout

layout = ScanLayout("lstm", (20, 5), True, 4 * 25 + 2)
integers, found = ("plan", "steps", "decisions"), {}
for kernel, mode, dtype, none in (
    (kernels.scan_forward, "soft", torch.bfloat16, ("decisions",)),
    (kernels.scan_forward, "hard", torch.float32, ("noise", "cells")),
    (kernels.scan_backward, "soft", torch.float32, ()),
):
    static = scan._static(layout, mode, torch.empty(0, dtype=dtype), keep=mode != "hard")
    element = "*bf16" if dtype == torch.bfloat16 else "*fp32"
    signature, constants = {}, {"S": static}
    for name in kernel.arg_names:
        if name in none:
            signature[name], constants[name] = "constexpr", None
        elif name == "S":
            signature[name] = "constexpr"
        else:
            usual = "*i64" if name in integers else element
            signature[name] = {"texts": "i32", "scalar": "*fp32"}.get(name, usual)
    source = ASTSource(kernel, signature, constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": scan.WARPS})
    found[f"{kernel.__name__} {mode}"] = [len(compiled.asm["cubin"]), compiled.metadata.shared]
print(json.dumps(found))
"""


def child(program, folder, **environment):
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TRITON_CACHE_DIR": str(folder),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    return child(PARITY, tmp_path_factory.mktemp("triton"), TRITON_INTERPRET="1")


def test_equals_pytorch_in_both_directions_and_at_inference(interpreted):
    assert len(interpreted["errors"]) == 3 * 7
    assert {name: error for name, error in interpreted["errors"].items() if not error < 1e-10} == {}


def test_nan_spreads_in_its_own_text_only(interpreted):
    assert interpreted["nan"] == {"spreads": True, "stays": True, "leaves no trace": True}


def test_half_precision_is_near(interpreted):
    (dtype, error), *others = interpreted["half"].values()
    assert not others
    assert dtype == "torch.float16"
    assert 0 < error < 0.005


def test_says_why_it_declines(interpreted):
    declined = interpreted["declined"]
    assert "at most 4 cells" in declined["cells"]
    assert "640 KiB" in declined["weights"]
    assert "not torch.int64" in declined["dtype"]
    assert declined["none"] is None


def test_declines_a_cpu_without_the_interpreter():
    layout = ScanLayout("lstm", (7,), False, 28)
    assert "run on CUDA, not on cpu" in TRITON.declined(layout, torch.empty(1))


def test_compiles_for_a_gpu(tmp_path):
    sizes = child(COMPILE, tmp_path, TRITON_INTERPRET="0")
    assert set(sizes) == {"scan_forward soft", "scan_forward hard", "scan_backward soft"}
    for code, shared in sizes.values():
        assert code > 0
        assert shared <= 100 << 10


@pytest.mark.gpu
@pytest.mark.parametrize("cell_type", CELLS)
def test_equals_pytorch_on_a_gpu(cell_type, make_reader, packed, monkeypatch):
    from skim_hf.modeling.policies_skim_rnn import Setting

    reader = make_reader(cell_type=cell_type).float().cuda()
    inputs, packing, start = packed([40, 33, 5, 5], reader)
    batch = (inputs.float().cuda(), packing, tuple(part.float().cuda() for part in start))
    noise = reader.policy.draw_noise(batch[0])
    results = {}
    for backend in ("torch", "triton"):
        monkeypatch.setenv("SKIM_HF_SCAN", backend)
        reader.zero_grad()
        reading = reader(*batch, noise, Setting(True))
        reading.hidden.square().sum().backward()
        with torch.no_grad():
            decided = reader(*batch, None, Setting())
        results[backend] = [reading.hidden, decided.hidden, *(p.grad.clone() for p in reader.parameters())]
    for got, want in zip(results["triton"], results["torch"], strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)
