"""Tiny models in float64, and the reading of one text token by token with the cells of torch.nn."""

from __future__ import annotations

import os

# Before transformers is imported: tests print no progress.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering, SkimRNNForSequenceClassification
from skim_hf.modeling.packing_skim_rnn import Packing
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader
from skim_hf.modeling.scan_native_skim_rnn import kernels

TORCH_CELLS = {"LSTMCell": nn.LSTMCell, "GRUCell": nn.GRUCell, "TanhCell": nn.RNNCell}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(params=["torch", "native"])
def scan_backend(request, monkeypatch):
    """Runs a test once with each implementation of the scan."""
    if request.param == "native" and kernels() is None:
        pytest.skip("skim_hf was installed without its C extension")
    monkeypatch.setenv("SKIM_HF_SCAN", request.param)
    return request.param


def _make_config(**fields):
    """23 words or 5 features, a state of 7, one small cell of 3 units."""
    base = {"embedding_size": 5, "hidden_size": 7}
    if fields.get("policy", "skim") == "skim":
        base["skim_sizes"] = [3]
    if "input_size" not in fields:
        base["vocab_size"] = 23
    else:
        base["vocab_size"] = None
    return SkimRNNConfig(**{**base, **fields})


def _randomize(module, seed=0):
    """Every weight from a normal distribution, biases too; decisions that differ from token to token."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            scale = 1.5 if "decision" in name else 0.6
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def _make_model(cls=SkimRNNForSequenceClassification, *, seed=0, **fields):
    """A float64 model in evaluation mode."""
    return _randomize(cls(_make_config(**fields)).double().eval(), seed)


def _make_question(reader="attention", *, seed=0, **fields):
    """A float64 question reader in evaluation mode: two layers after the attention, 11 characters."""
    characters = {"char_vocab_size": 11, "char_embedding_size": 3, "char_filters": 4, "char_width": 3}
    fields = {"reader": reader, "num_hidden_layers": 2, **characters, **fields}
    return _make_model(SkimRNNForQuestionAnswering, seed=seed, **fields)


def _make_reader(*, seed=0, **fields):
    """One float64 reader of 5 features."""
    return _randomize(SkimRNNReader(_make_config(**fields), 5).double().eval(), seed)


def _force(module, choice):
    """Makes every decision of a model (or a reader) the same, by its bias as in the oracles."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("decision.bias"):
                parameter.fill_(-50.0)
                parameter[choice] = 50.0
    return module


def _make_batch(lengths, width=5, seed=1):
    """Random features [B, T, width] and the mask of right-padded texts, [B, T]; padding is not zero."""
    generator = torch.Generator().manual_seed(seed)
    steps = max(lengths, default=0)
    inputs = torch.randn(len(lengths), steps, width, generator=generator, dtype=torch.float64)
    return inputs, torch.arange(steps) < torch.tensor(lengths)[:, None]


def _packed(lengths, reader, *, seed=1, start=None):
    """Packed inputs [N, 5], their packing and a random start (every part [B, 7]) for a reader."""
    inputs, mask = _make_batch(lengths, seed=seed)
    packing = Packing.from_mask(mask)
    if start is None:
        generator = torch.Generator().manual_seed(seed + 1)
        shape = (len(lengths), reader.sizes[0])
        start = tuple(
            torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(reader.parts)
        )
    return packing.pack(inputs), packing, start


@torch.no_grad()
def _torch_step(cell, x, state):
    """One step of one text with a cell of torch.nn.

    A small cell that sees `context_size` units is the first rows of every gate of a torch cell of that size.
    """
    module = TORCH_CELLS[type(cell).__name__](cell.input_size, cell.context_size).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        target, given = getattr(module, name).zero_(), getattr(cell, name)
        target.unflatten(0, (cell.gates, -1))[:, : cell.size] = given.unflatten(0, (cell.gates, -1))
    seen = tuple(part[None, : cell.context_size] for part in state)
    new = module(x[None], seen if len(seen) == 2 else seen[0])
    new = new if isinstance(new, tuple) else (new,)
    return tuple(torch.cat((n[0, : cell.size], s[cell.size :])) for n, s in zip(new, state, strict=True))


@torch.no_grad()
def _read_by_hand(reader, inputs, state, choose):
    """Reads one text.

    Args:
        reader: Gives the cells.
        inputs: [T, d_x].
        state: Every part [d].
        choose: Gives the granularity from (t, x, state); -1 passes the token over.

    Returns:
        The choices, and the state after every token (first the start).
    """
    choices, states = [], [state]
    for t, x in enumerate(inputs):
        choice = choose(t, x, state)
        cell = None if choice < 0 else reader.cell_of(choice)
        state = state if cell is None else _torch_step(cell, x, state)
        choices.append(choice)
        states.append(state)
    return choices, states


def _helper(function):
    return pytest.fixture(scope="session")(lambda: function)


make_config = _helper(_make_config)
make_model = _helper(_make_model)
make_question = _helper(_make_question)
make_reader = _helper(_make_reader)
make_batch = _helper(_make_batch)
randomize = _helper(_randomize)
force = _helper(_force)
packed = _helper(_packed)
torch_step = _helper(_torch_step)
read_by_hand = _helper(_read_by_hand)
