"""The readable truth: every equation in plain NumPy, one token at a time, nothing folded or reused.

It works in the dtype of the weights. Every faster engine is tested against it. Equation numbers are those
of "Neural Speed Reading via Skim-RNN" (Seo et al., ICLR 2018), where no other paper is named; how the other
policies decide is in `reference_policies.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.reading import Reading
from skim_hf.runtime.reference_policies import (
    accumulate,
    control_reads,
    increment,
    select,
    sigmoid,
    skip_reads,
    step_after,
)
from skim_hf.runtime.weights import Array, CellWeights, ModelWeights, ReaderWeights

State = tuple[Array, Array]
"""(h, c), each [d] or, for the units of one cell, [m]; c means something for an LSTM only."""


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


class Action(NamedTuple):
    """What one reader did with one token.

    Attributes:
        choice: 0 for a full read.
        state: After the token.
        scores: [k - 1] log-odds of policy `skim`, else [0].
        likelihood: Of reading, see `Reading.likelihoods`.
        units: How many units changed.
    """

    choice: int
    state: State
    scores: Array
    likelihood: float = 1.0
    units: int = 0


def act(
    config: RuntimeConfig, reader: ReaderWeights, x: Array, state: State, threshold: float, shared: bool
) -> Action:
    """Lets one reader process one token.

    Args:
        config: Of the model.
        reader: One directional layer.
        x: [d_x].
        state: Before the token.
        threshold: See `read_stack`.
        shared: Whether a policy that decides for all layers at once reads the token; others ignore it.
    """
    if config.policy == "skim":
        choice, odds = decide(reader, x, state[0], threshold)
        return Action(choice, update(config, reader, choice, x, state), odds)
    read = update(config, reader, 0, x, state)
    nothing = state[0][:0]
    if config.policy == "selective":
        units = select(reader, x, state[0], threshold)
        mixed = np.where(units, read[0], state[0]), np.where(units, read[1], state[1])
        return Action(int(not units.any()), mixed, nothing, units.mean(), int(units.sum()))
    return Action(0, read, nothing) if shared else Action(1, state, nothing)


@dataclass
class Track:
    """What one direction of L layers leaves at each of T tokens, those passed over included.

    Attributes:
        decisions: [T, L] int64; -1 where no jump led.
        scores: [T, L, k - 1] of policy `skim`, else [T, L, 0].
        likelihoods: [T, L].
        units: [T, L] int64.
        outputs: [T, d] hidden states of the top layer; the last one again where a token was passed over.
        states: Of every layer, in the end.
        jumps: How many jump decisions were taken.
    """

    decisions: NDArray[np.int64]
    scores: Array
    likelihoods: Array
    units: NDArray[np.int64]
    outputs: Array
    states: list[State] = field(default_factory=list)
    jumps: int = 0


def read_stack(config: RuntimeConfig, layers: list[ReaderWeights], inputs: Array, threshold: float) -> Track:
    """Reads a sequence in one direction: every layer sees a token before the pointer moves on.

    Args:
        config: Of the model.
        layers: From the lowest to the top; without any, the outputs are the inputs.
        inputs: [T, d_x], in reading order.
        threshold: Skim above this probability; 1 reads everything.
    """
    track = _blank(config, len(layers), inputs)
    track.states = [initial_state(config, reader) for reader in layers]
    accumulator = inputs.dtype.type(1)
    position = processed = 0
    while position < len(inputs):
        x, shared, likelihood = inputs[position], True, 1.0
        if config.policy == "skip":
            shared, likelihood = skip_reads(accumulator, threshold), float(accumulator)
        elif config.policy in ("random", "periodic"):
            shared = control_reads(config, position)
            likelihood = 1 - config.skip_rate if config.policy == "random" else float(shared)
        for number, reader in enumerate(layers):
            action = act(config, reader, x, track.states[number], threshold, shared)
            track.states[number], x = action.state, action.state[0]
            track.decisions[position, number] = action.choice
            track.scores[position, number] = action.scores
            track.units[position, number] = action.units
            is_shared = config.policy != "selective"
            track.likelihoods[position, number] = likelihood if is_shared else action.likelihood
        gate, head = (layers[-1].gate, layers[-1].jump) if layers else (None, None)
        if gate is not None:
            source = track.states[-1][1 if config.cell_type == "lstm" else 0]
            accumulator = accumulate(accumulator, increment(gate, source), shared)
        processed += 1
        steps, decided = step_after(config, head, x, processed, track.jumps, len(inputs) - position)
        track.jumps += decided
        track.outputs[position : position + steps] = x
        position += steps
    return track


def _blank(config: RuntimeConfig, layers: int, inputs: Array) -> Track:
    shape, d = (len(inputs), layers), config.hidden_size if layers else inputs.shape[1]
    logits = config.num_choices - 1 if config.policy == "skim" else 0
    return Track(
        decisions=np.full(shape, -1),
        scores=np.zeros((*shape, logits), inputs.dtype),
        likelihoods=np.zeros(shape, inputs.dtype),
        units=np.zeros(shape, np.int64),
        outputs=np.zeros((len(inputs), d), inputs.dtype),
    )


def initial_state(config: RuntimeConfig, reader: ReaderWeights) -> State:
    """Zeros, or what the reader has learned to start from (section 3 of the paper of `skip`)."""
    if reader.initial_state is None:
        zeros = np.zeros(config.hidden_size, reader.dtype)
        return zeros, zeros
    return reader.initial_state[0], reader.initial_state[-1]


def read_text(
    config: RuntimeConfig, weights: ModelWeights, inputs: ArrayLike, threshold: float | None = None
) -> Reading:
    """Reads one text through all layers, pools and classifies it, or classifies every token.

    Args:
        config: Of the model.
        weights: Of the model; their dtype is that of the whole computation.
        inputs: [T] integers, token ids; or of a model of features [T, input_size] numbers, frames.
        threshold: Skim threshold; None takes the configuration's.
    """
    threshold = config.skim_threshold if threshold is None else threshold
    dtype = weights.classifier_bias.dtype
    if weights.embedding is None:
        layer: Array = np.asarray(inputs, dtype).reshape(-1, config.input_width)
    else:
        layer = weights.embedding[np.asarray(inputs, dtype=np.int64)]
    tracks: dict[int, tuple[Track, int]] = {}
    for directions in config.passes:
        found = []
        for direction, numbers in enumerate(directions):
            # The backward reader starts at the last token; its results are stored where the token is.
            order = slice(None, None, -1 if direction else 1)
            readers = [weights.readers[number] for number in numbers]
            track = _in_order(read_stack(config, readers, layer[order], threshold), order)
            tracks |= {number: (track, place) for place, number in enumerate(numbers)}
            found.append(track)
        layer = np.concatenate([track.outputs for track in found], axis=1)
    seen = layer if config.labels_tokens else pool(config, found)
    return _reading(config, tracks, found, seen @ weights.classifier_weight.T + weights.classifier_bias)


def _in_order(track: Track, order: slice) -> Track:
    """Results where their tokens are."""
    return replace(
        track,
        decisions=track.decisions[order],
        scores=track.scores[order],
        likelihoods=track.likelihoods[order],
        units=track.units[order],
        outputs=track.outputs[order],
    )


def _reading(
    config: RuntimeConfig, tracks: dict[int, tuple[Track, int]], top: list[Track], logits: Array
) -> Reading:
    """Puts the tracks of all passes side by side, in the order of the readers."""
    columns = [tracks[number] for number in range(config.num_readers)]

    def joined(name: str) -> NDArray[Any]:
        empty = getattr(top[0], name)[:, :0]
        return np.concatenate([empty, *(getattr(track, name)[:, [at]] for track, at in columns)], axis=1)

    ends = np.array([track.states[at] for track, at in columns]).reshape(-1, 2, config.hidden_size)
    ends = ends.astype(logits.dtype)
    return Reading(
        decisions=joined("decisions"),
        scores=joined("scores"),
        hidden=ends[:, 0],
        memory=ends[:, 1] if config.cell_type == "lstm" else None,
        logits=logits,
        likelihoods=None if config.policy in ("full", "skim") else joined("likelihoods"),
        units=joined("units") if config.policy == "selective" else None,
        jumps=np.array([track.jumps for track in top]),
    )


def pool(config: RuntimeConfig, tracks: list[Track]) -> Array:
    """What the classifier sees of the top layer, [d * directions]; zeros if there was nothing to pool.

    Args:
        config: Of the model.
        tracks: Of the top layer, one per direction.
    """
    return np.concatenate([_pool_direction(config, track) for track in tracks])


def _pool_direction(config: RuntimeConfig, track: Track) -> Array:
    if config.pooling == "last":
        return track.states[-1][0]
    # A token that was passed over has no output of its own.
    is_visited = track.decisions[:, -1] >= 0 if track.states else slice(None)
    outputs = track.outputs[is_visited]
    if not len(outputs):
        return np.zeros_like(outputs, shape=outputs.shape[1])
    pooled: Array = outputs.mean(axis=0) if config.pooling == "mean" else outputs.max(axis=0)
    return pooled
