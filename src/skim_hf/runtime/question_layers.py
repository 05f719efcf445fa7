"""How a question and its context meet: attention, and the two ways of reading on from there.

The equations are those of `modeling/attention_reader_skim_rnn.py` and `modeling/bidaf_skim_rnn.py`, for one
question and one window of its context, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.weights import Array, ModelWeights

Read = Callable[[Array], Array]
"""Takes [T, d_x] through the next layer on the context's side; gives [T, 2 d]."""


def softmax(scores: Array) -> Array:
    """Of the last dimension, which may be empty."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-np.inf))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


class QuestionLayers:
    """What a model does with the encoded words beside the readers of its layers.

    Args:
        config: Of the model.
        weights: Of the model.
    """

    def __init__(self, config: RuntimeConfig, weights: ModelWeights) -> None:
        self._config = config
        # Of s_tj = w^T [x_t; q_j; x_t * q_j] the parts of x, q and x * q.
        self._own, self._other, self._both = np.split(weights.words["reader.similarity.scores.weight"][0], 3)
        self._start, self._end = weights.classifier_weight

    def score(self, context: Array, question: Array, match: Array, read: Read) -> tuple[Array, Array]:
        """Scores the start and the end at every place.

        Args:
            context: [T, width].
            question: [J, width].
            match: [T, 1], whether a word is in the question too.
            read: Reads the context.

        Returns:
            Start and end, [T] each.
        """
        alone = (context @ self._own)[:, None] + question @ self._other
        similarity = alone + (context * self._both) @ question.T
        # An empty question says nothing of any word.
        asked = softmax(similarity) @ question
        matches = [match] if self._config.exact_match else []
        merged = [context, asked, context * asked]
        if self._config.reader == "bidaf":
            highest = similarity.max(axis=1) if len(question) else np.zeros_like(context[:, 0])
            merged.append(context * (softmax(highest) @ context))
        first = hidden = np.concatenate([*merged, *matches], axis=1)
        for _ in range(self._config.num_hidden_layers):
            hidden = read(hidden)
        if self._config.reader == "attention":
            return hidden @ self._start, hidden @ self._end
        return self._score_one_after_the_other(first[:, : 4 * context.shape[1]], hidden, read)

    def _score_one_after_the_other(self, merged: Array, hidden: Array, read: Read) -> tuple[Array, Array]:
        """BiDAF's ends: the layer for the end sees where the start is likely."""
        width = merged.shape[1]
        start = merged @ self._start[:width] + hidden @ self._start[width:]
        guess = softmax(start) @ hidden
        told = np.concatenate([merged, hidden, np.broadcast_to(guess, hidden.shape), hidden * guess], axis=1)
        return start, merged @ self._end[:width] + read(told) @ self._end[width:]
