"""From a recording to frames of log-mel energies, normalised as the training recordings were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank, optimal_fft_length, spectrogram, window_function


class LogMelExtractor(SequenceFeatureExtractor):
    """Makes frames of log-mel energies; saved beside a model as `preprocessor_config.json`.

    A frame depends on its own window of samples and on nothing else, so a recording can be turned into
    frames while it arrives. A recording shorter than one window gives one frame.

    Args:
        feature_size: Mel bands, the width of a frame.
        sampling_rate: Samples per second.
        window_seconds: Length of a window.
        hop_seconds: From one window to the next.
        mean: Of every band over the frames of the training recordings; `fit` finds it.
        std: Standard deviation of every band; `fit` finds it.
        **kwargs: As of `transformers.SequenceFeatureExtractor`.

    Raises:
        ValueError: A rate, size or duration that is not above 0.

    Example:
        >>> extractor = LogMelExtractor(feature_size=20, sampling_rate=8000)
        >>> extractor(np.zeros(8000, np.int16)).shape
        (98, 20)
    """

    model_input_names = ["inputs_embeds"]  # noqa: RUF012 - transformers reads this class constant as a list

    def __init__(
        self,
        feature_size: int = 40,
        sampling_rate: int = 8000,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.01,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        if min(feature_size, sampling_rate * window_seconds, sampling_rate * hop_seconds) < 1:
            raise ValueError(
                "Expected at least one band, and windows and hops of at least one sample; got "
                f"feature_size={feature_size}, window_seconds={window_seconds} and hop_seconds={hop_seconds} "
                f"at {sampling_rate} samples per second."
            )
        kwargs.setdefault("padding_value", 0.0)
        super().__init__(feature_size=feature_size, sampling_rate=sampling_rate, **kwargs)
        self.window_seconds, self.hop_seconds = window_seconds, hop_seconds
        self.mean = None if mean is None else list(mean)
        self.std = None if std is None else list(std)
        # transformers leaves attributes of these two names out of what it saves.
        self.window = window_function(self.window_length, "hann")
        self.mel_filters = mel_filter_bank(
            optimal_fft_length(self.window_length) // 2 + 1,
            feature_size,
            0.0,
            sampling_rate / 2,
            sampling_rate,
        )

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Turns one recording into frames.

        Args:
            samples: `[n]` PCM integers, or floats between -1 and 1; one channel.

        Returns:
            `[T, feature_size]` float32, normalised if `fit` was called.

        Raises:
            ValueError: More than one channel.
        """
        frames = self._log_mel(samples)
        if self.mean is None or self.std is None:
            return frames
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        normalised: NDArray[np.float32] = (frames - mean) / std
        return normalised

    def fit(self, recordings: Iterable[NDArray[Any]]) -> LogMelExtractor:
        """Takes mean and standard deviation of every band from training recordings.

        Args:
            recordings: At least one.

        Returns:
            This extractor.

        Raises:
            ValueError: No recordings.
        """
        sums, squares, frames = np.zeros(self.feature_size), np.zeros(self.feature_size), 0
        for samples in recordings:
            found = self._log_mel(samples).astype(np.float64)
            sums += found.sum(0)
            squares += np.square(found).sum(0)
            frames += len(found)
        if not frames:
            raise ValueError("Expected at least one recording to take the statistics from; got none.")
        mean = sums / frames
        # A band in which nothing is ever heard stays as it is instead of becoming noise.
        std = np.sqrt(np.maximum(squares / frames - np.square(mean), 0.0))
        self.mean, self.std = mean.tolist(), np.where(std > 1e-3, std, 1.0).tolist()
        return self

    @property
    def window_length(self) -> int:
        """Samples in a window."""
        return round(self.sampling_rate * self.window_seconds)

    @property
    def hop_length(self) -> int:
        """Samples from one window to the next."""
        return round(self.sampling_rate * self.hop_seconds)

    def _log_mel(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """[T, feature_size], not normalised."""
        samples = np.asarray(samples)
        if samples.ndim != 1:
            raise ValueError(f"Expected the samples of one channel, [n]; got shape {list(samples.shape)}.")
        whole = np.iinfo(samples.dtype).max + 1 if samples.dtype.kind in "iu" else 1
        waveform = samples.astype(np.float32) / np.float32(whole)
        missing = self.window_length - len(waveform)
        waveform = np.pad(waveform, (0, max(missing, 0)))
        energies = spectrogram(
            waveform,
            self.window,
            frame_length=self.window_length,
            hop_length=self.hop_length,
            fft_length=optimal_fft_length(self.window_length),
            power=2.0,
            center=False,
            mel_filters=self.mel_filters,
            log_mel="log",
        )
        return np.ascontiguousarray(energies.T, np.float32)
