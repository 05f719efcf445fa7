"""Torch, NumPy, C and streams of a trained reader of features are compared, and a difference shows."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification
from skim_hf.training import LogMelExtractor

try:
    from skim_hf.native import _runtime
except ImportError:
    _runtime = None

pytestmark = pytest.mark.skipif(_runtime is None, reason="the C extension is not compiled")


@pytest.fixture
def check(script):
    return script("check_sequence")


@pytest.fixture
def saved(tmp_path):
    """Saves a tiny model of frames with 13 features."""

    def save(**fields):
        torch.manual_seed(3)
        labels = {"id2label": {0: "a", 1: "b", 2: "c"}}
        config = SkimRNNConfig(
            vocab_size=None, input_size=13, pad_token_id=None, hidden_size=7, **{**labels, **fields}
        )
        folder = tmp_path / "model"
        SkimRNNForSequenceClassification(config).save_pretrained(folder)
        return folder

    return save


@pytest.fixture
def frames(tmp_path):
    """A Parquet file of sequences of features, one of them a single frame."""
    source = np.random.default_rng(5)
    rows = [source.normal(size=(length, 13)).tolist() for length in (1, 30, 8, 17)]
    path = tmp_path / "frames.parquet"
    pq.write_table(pa.table({"features": rows, "label": ["a", "b", "c", "a"]}), path)
    return path


JUMPS = {"jump_every": 4, "jump_size": 3, "jump_limit": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"skim_sizes": [3]},
        {"skim_sizes": [4, 0]},
        {"policy": "full"},
        {"policy": "skip"},
        {"policy": "selective"},
        {"policy": "random"},
        {"policy": "periodic", "skip_rate": 0.3},
        {"policy": "full", **JUMPS},
        {"skim_sizes": [3], **JUMPS},
    ],
    ids=str,
)
def test_all_agree(check, saved, frames, fields):
    folder = saved(**fields)
    check.main([str(folder), "--test_file", str(frames)])
    found = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    assert (found["sequences"], found["frames"]) == (4, 56)
    for backend in ("numpy", "native"):
        assert found[f"{backend}_to_torch"]["decisions"] == found[f"{backend}_to_torch"]["labels"] == 0
        assert found[f"{backend}_to_torch"]["of_decisions"] == 56
        assert found[f"{backend}_to_torch"]["largest_logit_difference"] < 1e-5
        assert found[f"{backend}_stream_to_whole"] == {"sequences": 4, "differing": 0}


def test_recordings_become_the_frames_of_training(check, saved, tmp_path):
    source = np.random.default_rng(6)
    audio = [source.integers(-900, 900, 700).astype(np.int16) for _ in range(3)]
    path = tmp_path / "audio.parquet"
    lists = pa.array([samples.tolist() for samples in audio], pa.list_(pa.int16()))
    pq.write_table(pa.table({"audio": lists, "label": ["a", "b", "c"]}), path)
    folder = saved(skim_sizes=[2])
    extractor = LogMelExtractor(feature_size=13, sampling_rate=8000).fit(audio)
    extractor.save_pretrained(folder)
    options = check.parse_options([str(folder), "--test_file", str(path), "--audio_column", "audio"])
    sequences, labels = check.load_sequences(options)
    assert labels == [0, 1, 2]
    assert np.array_equal(sequences[1], extractor(audio[1]))


def test_a_bidirectional_reader_has_no_stream(check, saved, frames):
    folder = saved(skim_sizes=[3], bidirectional=True)
    check.main([str(folder), "--test_file", str(frames)])
    found = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    assert found["native_to_torch"]["of_decisions"] == 2 * 56
    assert "bidirectional" in found["native_stream_to_whole"]["missing"]


def test_a_difference_is_an_error(check, saved, frames, monkeypatch, tmp_path):
    folder, truth = saved(skim_sizes=[3]), check.read_with_torch

    def changed(*arguments):
        logits, decisions = truth(*arguments)
        decisions[1][4] = 1 - decisions[1][4]
        return logits, decisions

    monkeypatch.setattr(check, "read_with_torch", changed)
    with pytest.raises(SystemExit, match="decisions differ"):
        check.main([str(folder), "--test_file", str(frames), "--output", str(tmp_path / "out.json")])
    assert json.loads((tmp_path / "out.json").read_text())["numpy_to_torch"]["decisions"] == 1


def test_sequences_are_cut_everywhere(check):
    assert check.cuts(0) == check.cuts(1) == []
    assert check.cuts(12) == [1, 8, 10]
    assert check.cuts(25) == [1, 8, 10, 23, 24]
