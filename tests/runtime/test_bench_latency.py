import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_latency.py"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def test_the_benchmark_measures_and_says_where(tmp_path):
    output = tmp_path / "new" / "bench.json"
    result = run(
        "--hidden-size",
        13,
        "--skim-size",
        3,
        "--tokens",
        40,
        "--repeats",
        2,
        "--skim-rate",
        0.75,
        "--output",
        output,
    )
    assert result.returncode == 0, result.stderr
    results = json.loads(output.read_text(encoding="utf-8"))
    times = results["microseconds_per_token"]
    assert {"read", "skimmed", "mixed", "plain", "numpy_lstm"} <= set(times)
    assert ("torch_lstm" in times) != ("torch" in results["notes"])
    assert all(0 < value["min"] <= value["median"] <= value["p90"] for value in times.values())
    rates = results["notes"]["skim_rates"]
    assert (rates["read"], rates["skimmed"], rates["plain"]) == (0, 1, 0)
    assert 0.5 < rates["mixed"] < 1
    assert {"processor", "versions", "python"} <= set(results["machine"])
    assert results["seed"] == 0
    assert "bench_latency.py --hidden-size 13" in results["command"]
    assert results["import"]["torch_loaded"] is False
    assert "skim_hf, skimmed token" in result.stdout


def test_the_benchmark_of_a_saved_model_reads_its_text(models, tmp_path):
    folder, text, output = models.folder(), tmp_path / "review.txt", tmp_path / "bench.json"
    text.write_text("The film was very, very dull. " * 3, encoding="utf-8")
    result = run("--model", folder, "--text", text, "--tokens", 10, "--repeats", 1, "--output", output)
    assert result.returncode == 0, result.stderr
    results = json.loads(output.read_text(encoding="utf-8"))
    assert (results["tokens"], results["hidden_size"], results["skim_sizes"]) == (10, 7, [3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--skim-size", 200], "--skim-size must be"),
        (["--tokens", 0], "at least 1"),
        (["--skim-rate", 2], "--skim-rate"),
        (["--text", "review.txt"], "needs --model"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
