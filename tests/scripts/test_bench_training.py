"""The training benchmark at tiny sizes: what it writes, and that it stops where contestants disagree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skim_hf.modeling.scan_native_skim_rnn import kernels

BACKENDS = ["torch"] if kernels() is None else ["native", "torch"]
PEAK = {"mebibytes": 1.5, "source": "nowhere"}


@pytest.fixture
def bench(script, tmp_path, monkeypatch):
    """The script, which starts no other processes and draws under `tmp_path`."""
    module = script("bench_training")
    # A new process for each contestant takes seconds.
    monkeypatch.setattr(module, "peak_in_new_process", lambda *arguments: PEAK)
    monkeypatch.setattr(module, "FIGURE", tmp_path / "new" / "figure.svg")
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)


@pytest.fixture
def run(bench, tmp_path, monkeypatch):
    """Runs the benchmark with options and gives its results."""
    output = tmp_path / "new" / "results.json"

    def run(*options):
        fixed = ["--output", str(output), "--threads", "1", "--rounds", "4", "--skim-size", "2"]
        monkeypatch.setattr(sys, "argv", ["scripts/bench_training.py", *fixed, *options])
        bench.main()
        return json.loads(output.read_text(encoding="utf-8"))

    run.output = output
    return run


@pytest.fixture
def new_work(script):
    """Makes inputs in float64."""
    module = script("_training_work")
    return lambda *size: module.Work.draw(module.Size(*size), 0, "cpu", torch.float64)


def test_everything_is_measured_at_every_size(run, bench, capsys):
    results = run("--setting", "2,3,4", "--setting", "3,5,3", "--seed", "7")
    assert results["command"].endswith("--setting 2,3,4 --setting 3,5,3 --seed 7")
    assert results["machine"]["processor"]
    assert results["machine"]["versions"]["torch"] == torch.__version__
    assert (results["seed"], results["threads"], results["rounds"]) == (7, 1, 4)
    assert results["instructions"] == getattr(kernels(), "instructions", None)
    sizes = [(s["batch"], s["length"], s["width"]) for s in results["settings"]]
    assert sizes == [(2, 3, 4), (3, 5, 3)]
    fused = [f"{name}_{backend}" for backend in BACKENDS for name in ("skim", "recompute", "plain")]
    for setting in results["settings"]:
        assert list(setting["contestants"]) == ["lstm", "loop", "skip", "selective", *fused]
        assert list(setting["largest_relative_difference"]) == fused
        assert all(0 <= value < 1e-4 for value in setting["largest_relative_difference"].values())
        assert 0.7 < setting["skim_rate_in_evaluation"] < 1
        for name, measured in setting["contestants"].items():
            check_contestant(name, measured)
    assert bench.FIGURE.read_text(encoding="utf-8").startswith("<?xml")
    assert capsys.readouterr().out.count("torch.nn.LSTM") == 2


def check_contestant(name, measured):
    for phase in ("forward", "forward_backward", "evaluation"):
        if phase == "evaluation" and name.startswith("recompute"):
            assert phase not in measured
            continue
        times = measured[phase]
        assert 0 < times["min_ms"] <= times["median_ms"] <= times["p90_ms"]
        assert times["rounds"] == (2 if name in ("loop", "skip", "selective") else 4)
        if name == "lstm":
            assert times["ratio"] == times["ratio_of_medians"] == 1
    assert measured["kept_bytes_per_token"] > 0
    assert measured["peak"] == PEAK


def test_recomputing_keeps_fewer_bytes_by_the_gates(run):
    (setting,) = run("--setting", "2,3,4", "--backends", "torch")["settings"]
    kept = {name: measured["kept_bytes_per_token"] for name, measured in setting["contestants"].items()}
    # Four gates of d + d' = 4 + 2 units and two logits, in float32.
    assert kept["skim_torch"] - kept["recompute_torch"] == pytest.approx(4 * (4 * (4 + 2) + 2))


def test_a_loop_that_computes_something_else_stops_the_benchmark(run, script, monkeypatch):
    contestants = script("_training_contestants")
    honest = contestants.read_relaxed

    def wrong(*arguments):
        reading = honest(*arguments)
        reading.hidden = reading.hidden * 1.001
        return reading

    monkeypatch.setattr(contestants, "read_relaxed", wrong)
    with pytest.raises(
        SystemExit, match=r"fused.* and Skim-LSTM, step by step disagree in the hidden states"
    ):
        run("--setting", "2,3,4")
    assert not run.output.exists()


def test_other_weights_than_those_of_torch_stop_the_benchmark(run, script, monkeypatch):
    contestants = script("_training_contestants")
    honest = contestants.copy_from_torch

    def scaled(cell, *arguments):
        honest(cell, *arguments)
        cell.weight_hh.data.mul_(1.01)

    monkeypatch.setattr(contestants, "copy_from_torch", scaled)
    with pytest.raises(SystemExit, match=r"plain LSTM, fused .* and torch\.nn\.LSTM disagree"):
        run("--setting", "2,3,4")
    assert not run.output.exists()


def test_gradients_are_compared_too(script, new_work):
    module, checks = script("_training_contestants"), script("_training_checks")
    work = new_work(2, 3, 4)
    contestants = module.make_contestants(work, 2, ["torch"], 0)
    assert max(checks.check_equal(contestants).values()) < 1e-12
    contestants["plain_torch"].wanted["inputs"].register_hook(lambda grad: grad * float("nan"))
    with pytest.raises(SystemExit, match="the gradient of inputs"):
        checks.check_equal(contestants)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--setting", "2,3"], "expected three whole numbers B,T,D such as 32,256,100; got '2,3'"),
        (["--setting", "2,3,-4"], "got '2,3,-4'"),
        (["--setting", "2,1,4"], "T at least 2"),
        (["--setting", "2,3,4", "--skim-size", "5"], "from 0 to 4, the smallest width; got 5"),
        (["--setting", "2,3,4", "--backends", "torch,fortran"], "among torch, native, triton; got 'fortran'"),
        (["--setting", "2,3,4", "--rounds", "0"], "at least 1"),
    ],
)
def test_wrong_options_are_explained(options, message, run, capsys):
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err
    assert not run.output.exists()


def test_a_backend_that_cannot_run_a_setting_is_refused_or_left_out(run, bench, monkeypatch, capsys):
    class Declining:
        def declined(self, layout, like):
            return "no compiler"

    monkeypatch.setitem(bench.BACKENDS, "native", Declining())
    with pytest.raises(SystemExit):
        run("--setting", "2,3,4", "--backends", "native")
    assert "--backends native cannot run 2,3,4: no compiler" in capsys.readouterr().err
    (setting,) = run("--setting", "2,3,4")["settings"]
    assert "skim_native" not in setting["contestants"]
    assert setting["left_out"] == {"native": "no compiler"}
    assert "(native is left out: no compiler)" in capsys.readouterr().out


def test_without_matplotlib_only_a_wanted_figure_is_an_error(run, bench, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit):
        run("--setting", "2,3,4", "--figure", str(tmp_path / "figure.svg"))
    assert "pip install 'skim-hf[plots]'" in capsys.readouterr().err
    assert not run.output.exists()
    run("--setting", "2,3,4", "--backends", "torch")
    assert "the extra `plots`" in capsys.readouterr().out
    assert not bench.FIGURE.exists()


def test_contestants_alternate_and_the_loop_has_every_third_turn(script):
    module, times = script("_training_contestants"), script("_training_times")
    order, x = [], torch.ones((), requires_grad=True)

    def contestant(name):
        def train():
            order.append(name)
            return (2 * x,)

        return module.Contestant(name, train, {"x": x}, (torch.ones(()),))

    contestants = {name: contestant(name) for name in ("lstm", "loop", "skim")}
    seconds = times.take_turns(contestants, 4, "cpu", lambda: order.append("|"))
    # Forward, then forward and backward; first a round to warm up.
    rounds = ["lstm skim", "skim loop lstm", "lstm skim", "skim lstm", "lstm loop skim"]
    assert " ".join(order) == " ".join(f"{names} {names} |" for names in rounds)
    assert list(seconds["forward"]["loop"]) == [0, 3]
    assert list(seconds["forward_backward"]["skim"]) == [0, 1, 2, 3]


def test_ratios_are_compared_within_rounds(script):
    # A busy machine slowed all turns of the second round alike.
    summary = script("_training_times").summarise({0: 0.2, 1: 2.0, 2: 0.4}, {0: 0.1, 1: 1.0, 2: 0.1})
    assert summary["ratio"] == pytest.approx(2)
    assert summary["ratio_of_medians"] == pytest.approx(4)
    assert (summary["median_ms"], summary["min_ms"], summary["p90_ms"]) == pytest.approx((400, 200, 2000))


def test_skim_rate_in_evaluation(script, new_work):
    module = script("_training_contestants")
    work = new_work(20, 50, 8)
    reader = module.with_skim_rate(module.new_reader(module.new_lstm(work), 3), work.inputs.detach(), 0.9)
    _, decisions = module.evaluate_by_reader(work, reader)
    assert abs(float(decisions.double().mean()) - 0.9) < 0.02


def test_kept_bytes_count_a_storage_once_and_nothing_that_was_given(script):
    module, memory = script("_training_contestants"), script("_training_memory")
    inputs = torch.randn(5, 3, requires_grad=True)

    def train():
        active = inputs.exp()
        # Kept: the result of exp, as itself and as a view.
        return (active[:2] * active[2:4] * inputs[:2],)

    contestant = module.Contestant("", train, {"inputs": inputs}, ())
    # Besides it, the product of its two views, [2, 3].
    assert memory.kept_bytes(contestant) == 4 * (15 + 6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot take a peak back")
def test_peak_growth_sees_what_was_freed_again(script):
    # In a process of its own, as in the benchmark: this one may have as much memory left over.
    program = (
        "import torch, _training_memory as memory\n"
        "print(*memory.peak_growth(lambda: torch.ones(2**24).sum(), 'cpu'))"
    )
    folder = Path(script("_training_memory").__file__).parent
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    growth, source = done.stdout.split(" ", 1)
    assert 0.95 * 2**26 < int(growth) < 1.5 * 2**26
    assert source.startswith("VmHWM")


def test_peak_growth_without_a_peak_that_can_be_taken_back(script, monkeypatch, tmp_path):
    memory = script("_training_memory")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "missing" / "clear_refs")
    ran = []
    growth, source = memory.peak_growth(lambda: ran.append(1), "cpu")
    assert ran == [1]
    assert 0 <= growth < 2**26
    assert source == "getrusage ru_maxrss"


def test_peak_in_a_new_process(script, monkeypatch):
    bench = script("bench_training")
    monkeypatch.setattr(sys, "argv", ["bench_training.py", "--backends", "torch", "--threads", "1"])
    peak = bench.peak_in_new_process(bench.parse_arguments(), bench.Size(16, 64, 100), "plain_torch")
    # At least the gates and their gradients: 1024 tokens, 400 columns, float32.
    assert peak["mebibytes"] * 2**20 > 2 * 1024 * 400 * 4
