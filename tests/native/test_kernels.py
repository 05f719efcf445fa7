"""The C kernels by themselves: every instruction set, threads without PyTorch, and arguments that lie."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

scan = pytest.importorskip("skim_hf.native._scan", reason="skim_hf was installed without its C extension")

# Compares C with PyTorch in both precisions: more rows than a tile, odd widths, threads, all cells.
PARITY = """
import json, torch
from skim_hf.modeling import scan_native_skim_rnn as native, scan_torch_skim_rnn as plain
from skim_hf.modeling.scan_layout_skim_rnn import BLOCKS, PARTS, Relaxation, ScanLayout

torch.manual_seed(0)
torch.set_num_threads(2)
worst = {}
steps = [21, 21, 17, 8, 2, 1]
tokens = sum(steps)
for cell in BLOCKS:
    for sizes, k in (((37, 19, 3), 4), ((33,), 0), ((16, 16), 2)):
        layout = ScanLayout(cell, sizes, False, BLOCKS[cell] * sum(sizes) + k)
        d, relaxation = sizes[0], Relaxation(0.7, False)
        shapes = ((tokens, 11), (layout.width, 11), (layout.width,), (layout.width, d))
        exact = [torch.randn(*shape, dtype=torch.float64) * 0.4 for shape in shapes]
        noise = torch.randn(tokens, k, dtype=torch.float64) if k else None
        start = torch.randn(PARTS[cell], 21, d, dtype=torch.float64)
        if cell == "gru":
            at = 0
            for m in sizes:
                exact[3][at + 3 * m : at + 4 * m] = 0
                at += 4 * m
        def run(backend, dtype):
            x, w, b, u = (t.to(dtype) for t in exact)
            g, s = None if noise is None else noise.to(dtype), start.to(dtype)
            hidden, cells, gates, logits, final = backend.forward(layout, relaxation, x, w, b, u, g, s, steps)
            grads = (torch.ones_like(hidden), torch.ones_like(logits) if k else None, torch.ones_like(s))
            back = backend.backward(layout, relaxation, gates, u, g, s, hidden, cells, steps, *grads)
            hard = backend.hard(layout, x, w, b, u, s, steps, 0.5)
            return [hidden, cells, gates, logits, final, *back, grads[2], *hard]
        truth = run(plain, torch.float64)
        for dtype in (torch.float64, torch.float32):
            errors = [
                (got.double() - want.double()).abs().max().item()
                for got, want in zip(run(native, dtype), truth, strict=True) if want.numel()
            ]
            worst[str(dtype)] = max(worst.get(str(dtype), 0.0), *errors)
print(json.dumps({"instructions": native.kernels().instructions, **worst}))
"""

# No PyTorch, so no OpenMP library to borrow threads from.
ALONE = """
import json, sys
import numpy as np
from skim_hf.native import _scan

generator = np.random.default_rng(0)
steps, sizes = np.array([5, 5, 3, 1]), np.array([7, 3])
d_x, d, k, width = 4, 7, 2, 4 * 10 + 2
draw = lambda *shape: generator.standard_normal(shape).astype(np.float32)
given = (draw(14, d_x), draw(width, d_x), draw(width), draw(width, d), draw(2, 5, d))
results = []
for threads in (1, 2, 4):
    hidden, logits = np.zeros((14, d), np.float32), np.zeros((14, k), np.float32)
    out = (hidden, logits, np.zeros(14, np.int64), np.zeros_like(given[4]))
    plan = (False, 0, d_x, d, sizes, sizes, k, 5, steps, 1.0, False, 0.5)
    _scan.hard(plan, threads, *given, *out)
    results.append([array.tolist() for array in out])
same = results[0] == results[1] == results[2]
print(json.dumps({"torch": "torch" in sys.modules, "same": same, "first": results[0]}))
"""


def child(program, **environment):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512"])
def test_every_instruction_set_equals_pytorch(instructions):
    result = child(PARITY, SKIM_HF_INSTRUCTIONS=instructions)
    if result["instructions"] != instructions:
        pytest.skip(f"this processor has no {instructions}")
    assert result["torch.float64"] < 1e-10
    assert result["torch.float32"] < 2e-4


def test_threads_of_its_own_without_pytorch():
    result = child(ALONE)
    assert not result["torch"]
    assert result["same"]
    hidden, _, decisions, _ = result["first"]
    assert np.isfinite(hidden).all()
    assert set(decisions) == {0, 1}


def arguments():
    """A plain tanh reader of one token: d_x = 2, d = 3."""
    sizes, steps = np.array([3]), np.array([1])
    plan = [False, 2, 2, 3, sizes, sizes, 1, 1, steps, 1.0, False, 0.5]
    arrays = [np.ones(n, np.float32) for n in (2, 6, 3, 9, 3, 3, 0)]
    return plan, [*arrays, np.zeros(1, np.int64), np.zeros(3, np.float32)]


def test_the_arguments_of_the_tests_below_are_right_otherwise():
    plan, arrays = arguments()
    scan.hard(tuple(plan), 1, *arrays)
    np.testing.assert_allclose(arrays[5], np.tanh(6.0) * np.ones(3), rtol=1e-6)


@pytest.mark.parametrize("index", range(9))
def test_a_buffer_of_another_size_is_refused(index):
    plan, arrays = arguments()
    arrays[index] = np.zeros(arrays[index].size + 1, arrays[index].dtype)
    with pytest.raises(ValueError, match=r"must have \d+ elements of \d bytes"):
        scan.hard(tuple(plan), 1, *arrays)


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (1, 3),
        (3, 4),
        (4, np.array([], np.int64)),
        (4, np.array([3, 9])),
        (4, np.ones(33, np.int64)),
        (5, np.array([4])),
        (6, 0),
        (7, 0),
        (8, np.array([1, 2])),
        (8, np.array([-1])),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(index, value):
    plan, arrays = arguments()
    plan[index] = value
    with pytest.raises(ValueError, match=r"contradicts itself|must have"):
        scan.hard(tuple(plan), 1, *arrays)


def test_arrays_that_cannot_be_written_or_have_gaps_are_refused():
    plan, arrays = arguments()
    arrays[5].flags.writeable = False
    with pytest.raises((ValueError, BufferError, TypeError)):
        scan.hard(tuple(plan), 1, *arrays)
    plan, arrays = arguments()
    arrays[0] = np.ones(4, np.float32)[::2]
    with pytest.raises((ValueError, BufferError, TypeError)):
        scan.hard(tuple(plan), 1, *arrays)
