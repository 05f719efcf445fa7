from __future__ import annotations

import numpy as np
import pytest

from skim_hf.training.log_mel import LogMelExtractor


def tone(hertz, seconds=0.5, rate=8000):
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


@pytest.fixture
def extractor():
    return LogMelExtractor(feature_size=13, sampling_rate=8000)


def test_a_higher_tone_is_heard_in_a_higher_band(extractor):
    bands = [extractor(tone(hertz)).mean(0).argmax() for hertz in (200, 700, 1500, 3000)]
    assert bands == sorted(set(bands))


def test_frames_are_the_logarithm_of_filtered_spectra(extractor):
    samples = tone(440)
    frames = extractor(samples)
    assert frames.shape == (1 + (4000 - 200) // 80, 13)
    assert frames.dtype == np.float32
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    spectrum = np.abs(np.fft.rfft(samples[160:360] / 32768 * window, 256)) ** 2
    expected = np.log(np.maximum(spectrum @ extractor.mel_filters, 1e-10))
    assert frames[2] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_frame_depends_on_its_window_alone(extractor):
    samples = np.random.default_rng(0).integers(-3000, 3000, 1000).astype(np.int16)
    whole, start = extractor(samples), extractor(samples[:440])
    assert np.array_equal(whole[: len(start)], start)


def test_integers_and_floats_are_the_same_recording(extractor):
    samples = tone(300)
    assert extractor(samples) == pytest.approx(extractor(samples / 32768), abs=1e-4)


@pytest.mark.parametrize("count", [0, 1, 199, 200])
def test_a_short_recording_is_one_frame(extractor, count):
    frames = extractor(tone(500)[:count])
    assert frames.shape == (1, 13)
    assert np.isfinite(frames).all()


def test_statistics_of_training_are_kept_with_the_model(extractor, tmp_path):
    recordings = [tone(300), np.random.default_rng(1).integers(-900, 900, 3000).astype(np.int16)]
    raw = np.concatenate([extractor(each) for each in recordings])
    frames = np.concatenate([extractor.fit(recordings)(each) for each in recordings])
    assert frames.mean(0) == pytest.approx(np.zeros(13), abs=1e-4)
    assert frames.std(0) == pytest.approx(np.ones(13), abs=1e-3)
    assert extractor.mean == pytest.approx(raw.mean(0).tolist(), abs=1e-4)
    extractor.save_pretrained(tmp_path)
    again = LogMelExtractor.from_pretrained(tmp_path)
    assert np.array_equal(again(recordings[0]), extractor(recordings[0]))


def test_silence_stays_finite(extractor):
    assert np.isfinite(extractor.fit([np.zeros(2000, np.int16)])(tone(300))).all()


def test_bad_input_is_refused(extractor):
    with pytest.raises(ValueError, match=r"one channel, \[n\]; got shape \[5, 2\]"):
        extractor(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="at least one recording"):
        extractor.fit([])
    with pytest.raises(ValueError, match="at least one band"):
        LogMelExtractor(feature_size=0)
