"""The README's latency, rendered from small made-up result files."""

import json
from pathlib import Path

import pytest

MACHINE = {"processor": "Abacus 9"}


def contestant(median, **more):
    return {"median_us": median, "p99_us": 2 * median, "min_us": median / 2, "turns": 11, **more}


def per_token(median):
    return {"us_per_token": contestant(median), "times_faster_than": {}, "largest_difference": 0.0}


@pytest.fixture
def latency():
    """What bench_latency.py writes, with and without much of it."""
    ratios = {
        "native_int8_skim": 1.0,
        "numpy_float32_skim": 30.0,
        "onnx_int8": 12.34,
        "transformer_int8": 3000.0,
        "model2vec": 0.25,
    }
    return {
        "command": "python scripts/bench_latency.py --trained outputs",
        "machine": MACHINE,
        "instructions": "avx512",
        "data": {"splits": {"train": 19966, "test": 2500}},
        "texts": {
            "texts": 200,
            "words_per_text": 231.4,
            "tokens_per_text": 270.2,
            "missing": {"fasttext": "No module named 'fasttext'", "fasttext_split": "not today"},
            "contestants": {
                "native_int8_skim": contestant(41.2, accuracy=0.888, times_faster_than=ratios),
                "numpy_float32_skim": contestant(1234, accuracy=0.889, times_faster_than=ratios),
                "onnx_int8": contestant(508, accuracy=0.8944, times_faster_than=ratios),
                "model2vec": contestant(10.3, accuracy=0.88, times_faster_than=ratios),
                "transformer_int8": contestant(123_456, accuracy=None, times_faster_than=ratios),
            },
        },
        "tokens": {
            "vocab_size": 30_000,
            "skim_rates": {"50": 0.5, "90": 0.9, "trained": 0.957},
            "settings": [
                {
                    "hidden_size": size,
                    "length": length,
                    "missing": {},
                    "contestants": {
                        "native_int8_plain": per_token(0.2 * size / 100),
                        "native_int8_skim_trained": per_token(length / 1000),
                        **({"torch_lstm": per_token(2.5)} if size == 100 else {}),
                    },
                }
                for size in (100, 200)
                for length in (20, 250, 1000)
            ],
        },
    }


@pytest.fixture
def save(tmp_path):
    def save(results):
        path = tmp_path / "results.json"
        path.write_text(json.dumps(results), encoding="utf-8")
        return path

    return save


@pytest.fixture
def report(script):
    return script("_report_latency")


def test_texts_stand_next_to_the_best_of_ours(report, latency, save):
    text = report.render_texts(save(latency))
    lines = text.splitlines()
    assert "| skim_hf: Skim-LSTM, int8 | 41 \u00b5s | 82 \u00b5s | 1.0x | 88.8% | yes |" in lines
    assert "| skim_hf: Skim-LSTM, NumPy alone | 1.2 ms | 2.5 ms | 30x | 88.9% | yes |" in lines
    behind = "the plain LSTM in ONNX Runtime int8, behind `tokenizers`"
    assert f"| {behind} | 508 \u00b5s | 1.0 ms | 12x | 89.4% | yes |" in lines
    assert "| 123 ms | 247 ms | 3,000x | random weights | yes |" in text
    assert "| model2vec | 10 \u00b5s | 21 \u00b5s | 0.25x | 88.0% | no |" in lines
    assert "200 test reviews of 231 words (270 tokens)" in text
    assert "Abacus 9" in text
    assert "avx512" in text
    assert "Not measured: fastText (No module named 'fasttext')." in text
    assert "Not measured: fastText, symbols set apart (not today)." in text
    assert "parity" not in text
    assert text.endswith("Command: `python scripts/bench_latency.py --trained outputs`.")


def test_what_else_was_measured_is_said(report, latency, save):
    latency["parity"] = {
        "texts": 2500,
        "skim": {
            "native_float32_against_numpy_float32": {
                "labels_differing": 0,
                "decisions": 695836,
                "decisions_differing": 3,
                "largest_probability_difference": 2.3e-6,
            },
            "native_int8_against_native_float32": {"missing": "no int8"},
        },
    }
    latency["start"] = {
        "contestants": {
            "native_int8": {"seconds": 0.234, "peak_megabytes": 99.6},
            "native_float32": {"missing": "no"},
        }
    }
    latency["memory"] = {"native_int8": {"predictions": 1_000_000, "growth_megabytes": 0.02}}
    latency["two_threads"] = {"native_int8": {"texts": 10_000, "times_faster": 1.953}}
    text = report.render_texts(save(latency))
    assert (
        "C next to NumPy: 0 of 2,500 labels and 3 of 695,836 reading decisions differ, probabilities by at "
        "most 2e-06." in text
    )
    assert "int8 next to float32:" not in text
    assert "From starting Python to the first label, and peak memory: skim_hf int8 0.23 s and 100 MB." in text
    assert "Over 1,000,000 predictions skim_hf int8 grew by 0.0 MB." in text
    assert "Two threads read 10,000 texts 1.95 times as fast as one (skim_hf int8)." in text


def test_tokens_are_shown_at_the_middle_length(report, latency, save):
    lines = report.render_tokens(save(latency)).splitlines()
    assert lines[:2] == ["| \u00b5s per token | d = 100 | d = 200 |", "| --- | ---: | ---: |"]
    assert lines[2:5] == [
        "| skim_hf int8, plain LSTM | 0.20 | 0.40 |",
        "| skim_hf int8, 96% skimmed | 0.25 | 0.25 |",
        "| `torch.nn.LSTM` | 2.50 |  |",
    ]
    assert "texts of 250 tokens" in lines[-1]
    assert "11 interleaved turns" in lines[-1]


def test_the_headline_compares_only_where_we_are_faster(report, latency, save):
    start = "from string to label in 41 \u00b5s on one core"
    assert report.headline_latency(save(latency)) == (
        f"{start}, 12.3 times faster than a plain LSTM of equal width in ONNX Runtime int8"
    )
    latency["texts"]["contestants"]["native_int8_skim"]["times_faster_than"]["onnx_int8"] = 0.9
    assert report.headline_latency(save(latency)) == start
    del latency["texts"]["contestants"]["native_int8_skim"]
    expected = "from string to label in 1.2 ms on one core with NumPy alone"
    assert report.headline_latency(save(latency)) == expected


def test_the_gain_is_told_for_one_point(report, save):
    point = {
        "hidden_size": 200,
        "wanted_skim_rate": 0.9,
        "dtype": "float32",
        "macs_gain": 9.08,
        "actual_gain": 7.5,
        "realised": 0.826,
    }
    results = {
        "command": "python scripts/bench_gain.py",
        "machine": MACHINE,
        "backend": "native",
        "tokens_per_text": 250,
        "turns": 200,
        "points": [{**point, "hidden_size": 100}, point],
    }
    text = report.render_gain(save(results), Path("docs/results/gain.svg"))
    assert text.startswith(
        "![Saved arithmetic and saved time against hidden size](docs/results/gain.svg)\n\n"
    )
    assert (
        "At d = 200 with 90% skimmed, float32: 9.1 times less arithmetic, 7.5 times less time (83% of it "
        "realised). Our plain LSTM" in text
    )
    results["points"] = []
    assert "At d =" not in report.render_gain(save(results), Path("gain.svg"))
