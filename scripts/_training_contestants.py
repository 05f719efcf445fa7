"""Who takes part in bench_training.py: the same work by torch.nn.LSTM, by a loop and by the fused scan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from _training_work import Work
from torch import Tensor, nn

from skim_hf import SkimRNNConfig
from skim_hf.modeling.cells_skim_rnn import RecurrentCell
from skim_hf.modeling.exchange_skim_rnn import copy_from_torch
from skim_hf.modeling.loop_skim_rnn import Reading, read_hard, read_relaxed
from skim_hf.modeling.packing_skim_rnn import Packing
from skim_hf.modeling.policies_skim_rnn import Setting, SkimPolicy
from skim_hf.modeling.policy_skip_skim_rnn import SkipPolicy
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader

LSTM, LOOP, SKIP, SELECTIVE = "lstm", "loop", "skip", "selective"
STEPWISE = (LOOP, SKIP, SELECTIVE)
"""Those that go step by step under autograd; Skip RNN and SA-RNN have no other way."""
BACKEND_TITLES = {"native": "C", "torch": "PyTorch", "triton": "Triton"}
SKIM_RATE = 0.9

Read = Callable[[Tensor, Packing, tuple[Tensor, ...], Tensor | None, Setting], Reading]


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    Attributes:
        title: For tables.
        train: Gives the hidden states [N, d] and, where there are decisions, the logits [N, 2]; with graph.
        wanted: What gets gradients, by name: the inputs and all weights.
        arriving: Gradients of what `train` gives.
        evaluate: Gives the hidden states [N, d] and, where there are any, the decisions [N], as at
            inference and without graph; None if it takes no part there.
        truth: The contestant whose results it must have; None for one that others are checked against.
        backend: The implementation of the scan that it uses; None for none.
    """

    title: str
    train: Callable[[], tuple[Tensor, ...]]
    wanted: dict[str, Tensor]
    arriving: tuple[Tensor, ...]
    evaluate: Callable[[], tuple[Tensor, ...]] | None = None
    truth: str | None = None
    backend: str | None = None

    def forward_backward(self) -> tuple[Tensor, ...]:
        """The training pass and all gradients, in the order of `wanted`."""
        return torch.autograd.grad(self.train(), tuple(self.wanted.values()), self.arriving)


@contextmanager
def scan_by(backend: str | None) -> Iterator[None]:
    """Has the scan run by one implementation; None leaves the choice as it is."""
    before = os.environ.get("SKIM_HF_SCAN")
    if backend is not None:
        os.environ["SKIM_HF_SCAN"] = backend
    try:
        yield
    finally:
        if before is not None:
            os.environ["SKIM_HF_SCAN"] = before
        elif backend is not None:
            del os.environ["SKIM_HF_SCAN"]


def make_contestants(work: Work, skim_size: int, backends: list[str], seed: int) -> dict[str, Contestant]:
    """All contestants by name; those that compute the same have the same weights.

    Args:
        work: What they read.
        skim_size: d', of the Skim-LSTM.
        backends: Implementations of the scan to measure.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    lstm = new_lstm(work)
    plain, skim = new_reader(lstm, None), new_reader(lstm, skim_size)
    evaluated = with_skim_rate(skim, work.inputs.detach(), SKIM_RATE)
    looped = partial(evaluate_by_steps, work, evaluated)
    scanned = partial(evaluate_by_reader, work, evaluated)
    loop = by_reader(work, skim, "Skim-LSTM, step by step", read=partial(read_relaxed, skim))
    contestants = {LSTM: by_lstm(work, lstm), LOOP: replace(loop, evaluate=looped)}
    for name, title in ((SKIP, "Skip-LSTM, step by step"), (SELECTIVE, "SA-LSTM, step by step")):
        reader = new_reader(lstm, None, policy=name)
        evaluate = partial(evaluate_by_reader, work, reader)
        contestants[name] = replace(by_reader(work, reader, title), evaluate=evaluate)
    for backend in backends:
        suffix = f"fused ({BACKEND_TITLES[backend]})"
        readings = {
            "skim": by_reader(work, skim, f"Skim-LSTM, {suffix}"),
            "recompute": by_reader(work, skim, f"Skim-LSTM, {suffix}, recomputing", recompute=True),
            "plain": by_reader(work, plain, f"plain LSTM, {suffix}"),
        }
        evaluations = {"skim": scanned, "plain": partial(evaluate_by_reader, work, plain)}
        for name, reading in readings.items():
            contestants[f"{name}_{backend}"] = replace(
                reading,
                truth=LSTM if name == "plain" else LOOP,
                backend=backend,
                evaluate=evaluations.get(name),
            )
    return contestants


def new_lstm(work: Work) -> nn.LSTM:
    """A `torch.nn.LSTM` that fits."""
    return nn.LSTM(work.size.width, work.size.width, device=work.inputs.device, dtype=work.inputs.dtype)


def new_reader(lstm: nn.LSTM, skim_size: int | None, policy: str | None = None) -> SkimRNNReader:
    """A reader with the weights of `lstm` in its big cell.

    Args:
        lstm: Gives the weights.
        skim_size: d', or None for a reader that does not skim.
        policy: Of the reader; None is `skim`, or `full` where `skim_size` is None.
    """
    config = SkimRNNConfig(
        vocab_size=None,
        input_size=lstm.input_size,
        hidden_size=lstm.hidden_size,
        policy=policy or ("full" if skim_size is None else "skim"),
        skim_sizes=None if skim_size is None else [skim_size],
        # The start is given.
        learned_initial_state=False,
    )
    reader = SkimRNNReader(config, lstm.input_size).to(next(lstm.parameters()))
    if isinstance(reader.policy, SkipPolicy):
        # Half of the inputs are used: after an update the accumulator is at one half, which is not enough.
        nn.init.zeros_(reader.policy.gate.weight)
        nn.init.zeros_(reader.policy.gate.bias)
    big, *small = (cast(RecurrentCell, cell) for cell in reader.cells)
    for cell in small:
        for parameter in cell.parameters():
            nn.init.uniform_(parameter, -(cell.size**-0.5), cell.size**-0.5)
    copy_from_torch(big, lstm, 0, 0)
    return reader


def with_skim_rate(reader: SkimRNNReader, inputs: Tensor, rate: float) -> SkimRNNReader:
    """A copy whose decisions depend on the token alone, so that about a share `rate` of `inputs` is skimmed.

    The product with the hidden state is computed all the same. No token lies near the cut, where rounding
    would decide.
    """
    copy = deepcopy(reader)
    decision = cast(SkimPolicy, copy.policy).decision
    direction = torch.randn(inputs.shape[1]).to(inputs)
    scores = (inputs @ direction).sort().values
    wanted, slack = max(round((1 - rate) * len(scores)), 1), len(scores) // 100
    around = scores[max(wanted - 1 - slack, 0) : wanted + 1 + slack]
    widest = int(around.diff().argmax())
    with torch.no_grad():
        decision.weight.zero_()
        decision.weight[1, : len(direction)] = direction
        decision.bias.copy_(torch.stack((around[widest : widest + 2].mean(), scores.new_zeros(()))))
    return copy


def by_lstm(work: Work, lstm: nn.LSTM) -> Contestant:
    """`torch.nn.LSTM`; its parameters go by the names that they have in a reader."""
    steps = (work.size.length, work.size.batch, work.size.width)
    # Not a deep copy, whose weights cuDNN would have to gather before every pass.
    evaluated = new_lstm(work).eval()
    evaluated.load_state_dict(lstm.state_dict())

    @torch.no_grad()
    def evaluate() -> tuple[Tensor, ...]:
        return (evaluated(work.inputs.view(steps))[0].flatten(0, 1),)

    parameters = {f"cells.0.{name.removesuffix('_l0')}": p for name, p in lstm.named_parameters()}
    return Contestant(
        title="torch.nn.LSTM",
        train=lambda: (lstm(work.inputs.view(steps))[0].flatten(0, 1),),
        wanted={"inputs": work.inputs, **parameters},
        arriving=work.arriving[:1],
        evaluate=evaluate,
    )


def by_reader(
    work: Work, reader: SkimRNNReader, title: str, *, read: Read | None = None, recompute: bool = False
) -> Contestant:
    """A reader in training, by itself or by another pass over it."""
    setting = Setting(relaxed=True, recompute=recompute)
    skims = isinstance(reader.policy, SkimPolicy)
    noise = work.noise if skims else None

    def train() -> tuple[Tensor, ...]:
        reading = (read or reader)(work.inputs, work.packing, work.start, noise, setting)
        return (reading.hidden,) if reading.logits is None else (reading.hidden, reading.logits)

    wanted = {"inputs": work.inputs, **dict(reader.named_parameters())}
    return Contestant(title, train, wanted, work.arriving if skims else work.arriving[:1])


@torch.no_grad()
def evaluate_by_reader(work: Work, reader: SkimRNNReader) -> tuple[Tensor, ...]:
    """A reader at inference."""
    return outcome(reader(work.inputs, work.packing, work.start, None, Setting()))


@torch.no_grad()
def evaluate_by_steps(work: Work, reader: SkimRNNReader) -> tuple[Tensor, ...]:
    """The readable pass at inference."""
    return outcome(read_hard(reader, work.inputs, work.packing, work.start, Setting()))


def outcome(reading: Reading) -> tuple[Tensor, ...]:
    """The hidden states and, if there was a choice, the decisions."""
    return (reading.hidden,) if reading.logits is None else (reading.hidden, reading.choices)
