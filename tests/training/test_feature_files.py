from __future__ import annotations

import io
import wave

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skim_hf.training.feature_files import load_feature_dataset


@pytest.fixture
def write(tmp_path):
    """Writes columns as a Parquet file."""

    def write_file(name="train", **columns):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write_file


def wav(samples, rate=8000, channels=1):
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(samples.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return data.getvalue()


def test_frames_labels_and_groups(write):
    rows = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [], [[7.0, 8.0]]]
    path = write(frames=rows, label=["up", "down", "up"], who=["a", "b", "a"])
    data = load_feature_dataset({"train": path}, feature_column="frames", group_column="who")
    train = data.splits["train"]
    assert data.labels.names == ("down", "up")
    assert (train.labels, train.groups) == ([1, 0, 1], ["a", "b", "a"])
    assert [each.tolist() for each in train.sequences] == rows
    assert [each.shape for each in train.sequences] == [(3, 2), (0, 2), (1, 2)]
    assert train.sequences[0].dtype == np.float32


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.list_(pa.int16())), pa.large_list(pa.list_(pa.float64(), 2)), None]
)
def test_frames_of_every_arrow_type(write, kind):
    rows = [[[1, 2]], [[3, 4], [5, 6]]]
    path = write(features=pa.array(rows, kind), label=[0.5, 1.5])
    data = load_feature_dataset({"train": path}, feature_column="features")
    assert [each.tolist() for each in data.splits["train"].sequences] == rows
    assert data.labels.problem_type == "regression"


def test_recordings_as_samples_bytes_or_fields(write):
    samples = [np.array([1, -2, 3000], np.int16), np.array([7], np.int16)]
    lists = write("lists", audio=pa.array([s.tolist() for s in samples], pa.list_(pa.int16())), label=[3, 5])
    files = write("files", audio=[wav(s) for s in samples], label=[3, 5])
    fields = write("fields", audio=[{"bytes": wav(s), "path": "x.wav"} for s in samples], label=[3, 5])
    for path in (lists, files, fields):
        data = load_feature_dataset({"train": path}, feature_column="audio", sampling_rate=8000)
        found = data.splits["train"].sequences
        assert [each.tolist() for each in found] == [each.tolist() for each in samples]
        assert {each.dtype for each in found} == {np.dtype(np.int16)}
        assert data.labels.names == ("3", "5")


def test_channels_are_mixed(write):
    both = np.array([[100, 300], [-100, -200]], np.int16)
    path = write(audio=[wav(both, channels=2)] * 2, label=[0, 1])
    data = load_feature_dataset({"train": path}, feature_column="audio", sampling_rate=8000)
    assert data.splits["train"].sequences[0] == pytest.approx(np.array([200, -150]) / 32768)


@pytest.mark.parametrize(
    ("column", "rate", "message"),
    [
        ([[[1.0], [2.0, 3.0]], [[1.0]]], None, r"frames of one width; got the widths \['1', '2'\]"),
        ([[1.0], [2.0]], None, "lists of frames.*--audio_column"),
        ([[[1.0]], None], None, "no sequence in row 1, counted from 0"),
        ([[[float("nan")]], [[1.0]]], None, "finite numbers"),
        (["a", "b"], 8000, "lists of samples or the bytes of WAV files; its type is string"),
        ([b"RIFF", b"x"], 8000, "row 0 is no WAV file"),
        ([wav(np.zeros(4, np.int16), 16000)] * 2, 8000, "has 16000 samples per second of 16 bits"),
    ],
)
def test_what_cannot_be_read_is_refused(write, column, rate, message):
    path = write(x=column, label=[0, 1])
    with pytest.raises(ValueError, match=message):
        load_feature_dataset({"train": path}, feature_column="x", sampling_rate=rate)


def test_missing_files_columns_and_labels_are_named(write, tmp_path):
    path = write(frames=[[[1.0]], [[2.0]]], label=["a", None])
    with pytest.raises(ValueError, match=r"no column 'framez'.*'frames'"):
        load_feature_dataset(
            {"train": write("b", frames=[[[1.0]]] * 2, label=[0, 1])}, feature_column="framez"
        )
    with pytest.raises(ValueError, match="no label in row 1"):
        load_feature_dataset({"train": path}, feature_column="frames")
    with pytest.raises(FileNotFoundError, match="no file"):
        load_feature_dataset({"train": tmp_path / "none.parquet"}, feature_column="frames")
    with pytest.raises(ValueError, match="labels are not known"):
        load_feature_dataset({"test": write("c", frames=[[[1.0]]], label=[0])}, feature_column="frames")
