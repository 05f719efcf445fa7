"""The readable truth: every equation in plain NumPy, one token at a time, nothing folded or reused.

It works in the dtype of the weights. Every faster engine is tested against it. Equation numbers are those
of "Neural Speed Reading via Skim-RNN" (Seo et al., ICLR 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.weights import Array, CellWeights, ModelWeights, ReaderWeights

State = tuple[Array, Array]
"""(h, c), each [d] or, for the units of one cell, [m]; c means something for an LSTM only."""


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that it cannot overflow."""
    result: Array = 0.5 * np.tanh(0.5 * x) + 0.5
    return result


def lstm_step(cell: CellWeights, x: Array, context: Array, own: State) -> State:
    """LSTM: c' = f * c + i * g and h' = o * tanh(c'), with gates i, f, g, o.

    Args:
        cell: Weights of a cell of size m.
        x: [d_x].
        context: [ctx], the hidden units that the cell sees.
        own: The first m units of the state.

    Returns:
        The new first m units.
    """
    i, f, g, o = np.split(cell.weight_ih @ x + cell.bias_ih + cell.weight_hh @ context + cell.bias_hh, 4)
    c = sigmoid(f) * own[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(cell: CellWeights, x: Array, context: Array, own: State) -> State:
    """GRU: h' = (1 - z) * n + z * h, with the reset gate applied after the product; see `lstm_step`."""
    x_r, x_z, x_n = np.split(cell.weight_ih @ x + cell.bias_ih, 3)
    h_r, h_z, h_n = np.split(cell.weight_hh @ context + cell.bias_hh, 3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return (1 - z) * n + z * own[0], own[1]


def tanh_step(cell: CellWeights, x: Array, context: Array, own: State) -> State:
    """Elman: h' = tanh(W x + U h + b); see `lstm_step`."""
    h = np.tanh(cell.weight_ih @ x + cell.bias_ih + cell.weight_hh @ context + cell.bias_hh)
    return h, own[1]


STEPS = {"lstm": lstm_step, "gru": gru_step, "tanh": tanh_step}


def decide(reader: ReaderWeights, x: Array, h: Array, threshold: float) -> tuple[int, Array]:
    """Chooses how to process a token (eq. 1, and section 4.2 for the threshold).

    Returns:
        The choice, and [k - 1] log-odds of every small choice against the full read.
    """
    if reader.decision_weight is None or reader.decision_bias is None:
        return 0, h[:0]
    z = reader.decision_weight @ np.concatenate([x, h]) + reader.decision_bias
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    skims = threshold < 1 and p[1:].sum() > threshold
    return (1 + int(np.argmax(p[1:])) if skims else 0), z[1:] - z[0]


def update(config: RuntimeConfig, reader: ReaderWeights, choice: int, x: Array, state: State) -> State:
    """Runs the chosen cell on the units that it owns and copies the rest of h and c (eq. 3)."""
    cell, size = reader.cells[choice], config.sizes[choice]
    if cell is None:
        return state
    h, c = state
    new_h, new_c = STEPS[config.cell_type](cell, x, h[: config.context_width(choice)], (h[:size], c[:size]))
    return np.concatenate([new_h, h[size:]]), np.concatenate([new_c, c[size:]])


def read_sequence(
    config: RuntimeConfig, reader: ReaderWeights, inputs: Array, threshold: float
) -> tuple[list[int], list[Array], list[Array], State]:
    """Reads a sequence from zero states.

    Args:
        config: Of the model.
        reader: One directional layer.
        inputs: [T, d_x], in reading order.
        threshold: Skim above this probability; 1 reads everything.

    Returns:
        T choices, T rows of log-odds, T hidden states of [d], and the final state.
    """
    zeros = np.zeros(config.hidden_size, dtype=inputs.dtype)
    state: State = (zeros, zeros)
    choices, scores, outputs = [], [], []
    for x in inputs:
        choice, odds = decide(reader, x, state[0], threshold)
        state = update(config, reader, choice, x, state)
        choices.append(choice)
        scores.append(odds)
        outputs.append(state[0])
    return choices, scores, outputs, state


def read_text(
    config: RuntimeConfig, weights: ModelWeights, ids: ArrayLike, threshold: float | None = None
) -> Reading:
    """Reads one text of token ids through all layers, pools and classifies it, or classifies every token.

    Args:
        config: Of the model.
        weights: Of the model; their dtype is that of the whole computation.
        ids: [T] integers.
        threshold: Skim threshold; None takes the configuration's.
    """
    if weights.embedding is None:
        raise ValueError("Expected a model with an embedding table (vocab_size); this one reads features.")
    threshold = config.skim_threshold if threshold is None else threshold
    layer = weights.embedding[np.asarray(ids, dtype=np.int64)]
    length, directions = len(layer), config.num_directions
    decisions = np.zeros((length, config.num_readers), dtype=np.int64)
    scores = np.zeros((length, config.num_readers, config.num_choices - 1), dtype=layer.dtype)
    finals: list[State] = []
    for first in range(0, config.num_readers, directions):
        outputs = np.zeros((length, directions, config.hidden_size), dtype=layer.dtype)
        for direction in range(directions):
            # The backward reader starts at the last token; its results are stored where the token is.
            order = slice(None, None, -1 if direction else 1)
            reader = weights.readers[first + direction]
            result = read_sequence(config, reader, layer[order], threshold)
            if length:
                decisions[order, first + direction] = result[0]
                scores[order, first + direction] = result[1]
                outputs[order, direction] = result[2]
            finals.append(result[3])
        layer = outputs.reshape(length, directions * config.hidden_size)
    seen = layer if config.labels_tokens else pool(config, layer, [h for h, _ in finals[-directions:]])
    logits = seen @ weights.classifier_weight.T + weights.classifier_bias
    memory = np.stack([c for _, c in finals]) if config.cell_type == "lstm" else None
    return Reading(decisions, scores, np.stack([h for h, _ in finals]), memory, logits)


def pool(config: RuntimeConfig, outputs: Array, final_hidden: list[Array]) -> Array:
    """What the classifier sees of the top layer, [d * directions]; zeros if there was nothing to pool.

    Args:
        config: Of the model.
        outputs: [T, d * directions].
        final_hidden: The final hidden state of every direction, each [d].
    """
    if config.pooling == "last" or not len(outputs):
        return np.concatenate(final_hidden)
    pooled: Array = outputs.mean(axis=0) if config.pooling == "mean" else outputs.max(axis=0)
    return pooled
