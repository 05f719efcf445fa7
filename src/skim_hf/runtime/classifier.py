"""The text classifier that users call: from strings to labels, without torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TypedDict, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.config import RuntimeConfig, check_threshold
from skim_hf.runtime.counter import OperationCounter
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.text import TextEncoder, check_text
from skim_hf.runtime.trace import ReadingTrace, TokenTrace
from skim_hf.runtime.weights import Array, ModelWeights, load_weights


class Prediction(TypedDict):
    """The best label of a text and its score, as a transformers pipeline gives them."""

    label: str
    score: float


class SkimRuntime:
    """A text classifier that runs a saved Skim-RNN with NumPy alone.

    Objects can be pickled, and called from several threads at once.

    Args:
        config: What the model is.
        weights: Its tensors.
        encoder: Its tokenizer.
        threshold: Skim above this probability, in [0, 1]; 1 reads everything. None takes the
            configuration's.

    Raises:
        ValueError: The threshold is not in [0, 1], or the model reads continuous features.

    Example:
        >>> clf = SkimRuntime.from_pretrained(model_folder)  # doctest: +SKIP
        >>> clf("A good movie.")  # doctest: +SKIP
        {'label': 'positive', 'score': 0.98}
    """

    def __init__(
        self,
        config: RuntimeConfig,
        weights: ModelWeights,
        encoder: TextEncoder,
        *,
        threshold: float | None = None,
    ) -> None:
        self._config, self._weights, self._encoder = config, weights, encoder
        self._threshold = config.skim_threshold if threshold is None else check_threshold(threshold)
        self._engine = NumpyEngine(config, weights, self._threshold)

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike[str], *, threshold: float | None = None, revision: str | None = None
    ) -> SkimRuntime:
        """Loads a saved model.

        Args:
            source: A folder with config.json, tokenizer.json and model.safetensors, or a Hub id.
            threshold: Skim above this probability, in [0, 1]: the dial between accuracy and speed.
                1 reads everything. None takes the model's own.
            revision: Branch, tag or commit on the Hub.

        Raises:
            FileNotFoundError: No such model, or a missing file.
            ValueError: A damaged or foreign file, or a threshold outside [0, 1].
        """
        if threshold is not None:
            threshold = check_threshold(threshold)
        folder = ModelFolder.find(source, revision=revision)
        config = RuntimeConfig.load(folder.config)
        if config.vocab_size is None:
            raise ValueError(
                f"{folder.config}: vocab_size is null, a model of continuous features, which the runtime "
                "cannot read yet. Use transformers for it."
            )
        weights = load_weights(folder.weights, config)
        encoder = TextEncoder.load(folder.tokenizer, config.vocab_size)
        return cls(config, weights, encoder, threshold=threshold)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles what was loaded; tables are made again, which is faster than carrying them."""
        return _rebuild, (self._config, self._weights, self._encoder, self._threshold)

    @property
    def config(self) -> RuntimeConfig:
        """What the model is."""
        return self._config

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of `predict_proba`."""
        return self._config.labels

    @property
    def threshold(self) -> float:
        """Skim above this probability."""
        return self._threshold

    @overload
    # A str is itself an iterable of str; it comes first and wins.
    def __call__(self, texts: str) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, texts: Iterable[str]) -> list[Prediction]: ...
    def __call__(self, texts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """Classifies a text, or each of several.

        Args:
            texts: One text for one result, or several for a list of as many; an empty list gives an
                empty list, and an empty text the prediction for a text without words.

        Raises:
            TypeError: Not text.
        """
        if isinstance(texts, str):
            return self._prediction(self._read(texts))
        return [self._prediction(self._read(text)) for text in _check_texts(texts)]

    @overload
    def predict(self, texts: str) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, texts: Iterable[str]) -> list[str]: ...
    def predict(self, texts: str | Iterable[str]) -> str | list[str]:
        """The best label of a text, or of each of several; see `__call__`."""
        if isinstance(texts, str):
            return self(texts)["label"]
        return [prediction["label"] for prediction in self(texts)]

    def predict_proba(self, texts: str | Iterable[str]) -> NDArray[np.float32]:
        """Scores of all labels.

        Args:
            texts: One text or several.

        Returns:
            [n, labels] float32, one row per text: probabilities, or the values of a regression.

        Raises:
            TypeError: Not text.
        """
        texts = [texts] if isinstance(texts, str) else _check_texts(texts)
        rows = [self._scores(self._read(text).logits) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.labels))

    def trace(self, text: str) -> ReadingTrace:
        """Classifies a text and tells how every token of it was read.

        Raises:
            TypeError: Not text.
        """
        encoded = self._encoder.encode(text)
        reading = self._engine.read(encoded.ids)
        prediction = self._prediction(reading)
        p_skim = reading.probabilities[..., 1:].sum(axis=-1).mean(axis=-1)
        choices = map(tuple, reading.decisions.tolist())
        tokens = (
            TokenTrace(token, *place, decisions, p)
            for token, place, decisions, p in zip(
                encoded.tokens, encoded.offsets, choices, p_skim.tolist(), strict=True
            )
        )
        return ReadingTrace(
            text=text,
            tokens=tuple(tokens),
            skim_rate=reading.skim_rate,
            label=prediction["label"],
            score=prediction["score"],
        )

    def count_operations(self, texts: str | Iterable[str]) -> OperationCounter:
        """Reads texts, counting the multiply-adds that are really done.

        Raises:
            TypeError: Not text.
        """
        counter = OperationCounter()
        for text in [texts] if isinstance(texts, str) else _check_texts(texts):
            self._engine.read(self._encoder.ids(text), counter)
        return counter

    def encode(self, text: str) -> NDArray[np.int32]:
        """Token ids of a text, [T].

        Raises:
            TypeError: Not text.
        """
        return self._encoder.ids(text)

    def read_ids(self, ids: ArrayLike) -> Reading:
        """Reads one text of token ids: decisions, probabilities, final states and logits.

        Args:
            ids: [T] integers below the vocabulary size.

        Raises:
            ValueError: Not such ids.
        """
        return self._engine.read(ids)

    def _read(self, text: str) -> Reading:
        return self._engine.read(self._encoder.ids(text))

    def _prediction(self, reading: Reading) -> Prediction:
        scores = self._scores(reading.logits)
        best = int(scores.argmax())
        return {"label": self.labels[best], "score": float(scores[best])}

    def _scores(self, logits: Array) -> Array:
        """What a transformers pipeline makes of the logits, [labels]."""
        scores: Array
        if self._config.problem_type == "regression":
            return logits
        if self._config.problem_type == "multi_label_classification" or len(self.labels) == 1:
            scores = 0.5 * np.tanh(0.5 * logits) + 0.5
        else:
            exponentials = np.exp(logits - logits.max())
            scores = exponentials / exponentials.sum()
        return scores


def _check_texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        check_text(texts)
    result = list(texts)
    for position, text in enumerate(result):
        check_text(text, f" at position {position}")
    return result


def _rebuild(
    config: RuntimeConfig, weights: ModelWeights, encoder: TextEncoder, threshold: float
) -> SkimRuntime:
    return SkimRuntime(config, weights, encoder, threshold=threshold)
