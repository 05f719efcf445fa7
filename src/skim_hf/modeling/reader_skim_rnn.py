"""One directional layer: a recurrent cell per granularity, and a policy that chooses among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cells_skim_rnn import CELLS, RecurrentCell, State
from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_like_weights
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Action, FullPolicy, ReadingPolicy, Setting, SkimPolicy
from .scan_skim_rnn import scan, scan_hard


@dataclass
class Reading:
    """What a reader made of N packed tokens of B texts (long to short).

    Attributes:
        hidden: [N, d].
        choices: [N] int64, the granularity of each token; -1 where a jump passed over it.
        logits: [N, k], scores of the granularities; None for a policy without.
        state: After the last token of each text, every part [B, d].
    """

    hidden: Tensor
    choices: Tensor
    logits: Tensor | None
    state: State


class SkimRNNReader(nn.Module):
    """Reads packed sequences in one direction.

    Args:
        config: The model's configuration.
        input_size: d_x of this layer.
    """

    def __init__(self, config: SkimRNNConfig, input_size: int) -> None:
        super().__init__()
        self.sizes = [config.hidden_size, *(config.skim_sizes or [])]
        self.cell_type = config.cell_type
        self.full_context = config.small_input == "full_h"
        cell_class = CELLS[config.cell_type]
        self.parts = cell_class.parts
        self.cells = nn.ModuleList(
            cell_class(input_size, size, config.hidden_size if self.full_context else size)
            for size in self.sizes
            if size > 0
        )
        self.policy: ReadingPolicy = (
            FullPolicy()
            if config.policy == "full"
            else SkimPolicy(input_size, config.hidden_size, config.num_choices)
        )

    def forward(
        self, inputs: Tensor, packing: Packing, state: State, noise: Tensor | None, setting: Setting
    ) -> Reading:
        """Reads all tokens.

        Args:
            inputs: [N, d_x], packed.
            packing: Their layout.
            state: Before the first token, every part [B, d], long to short.
            noise: [N, k] from the policy's `draw_noise`; None at inference.
            setting: Relaxed for training or hard for inference.

        Raises:
            ValueError: Inputs or a state on another device or of another dtype than the weights.
        """
        check_like_weights(self.parameters(), inputs, state)
        inputs, state = inputs.to(self.dtype), tuple(part.to(self.dtype) for part in state)
        # A policy derived from ours decides otherwise, and has to be asked at every step.
        if type(self.policy) not in (FullPolicy, SkimPolicy):
            if setting.relaxed:
                return read_relaxed(self, inputs, packing, state, noise, setting)
            return read_hard(self, inputs, packing, state, setting)
        if setting.relaxed:
            return self._scan(inputs, packing, state, noise, setting)
        if not self._wants_gradient(inputs, state):
            return self._scan_hard(inputs, packing, state, setting)
        if self.policy.num_choices == 1:
            return self._scan(inputs, packing, state, None, setting)
        return read_hard(self, inputs, packing, state, setting)

    def _wants_gradient(self, inputs: Tensor, state: State) -> bool:
        if not torch.is_grad_enabled() or torch.compiler.is_exporting():
            return False
        return any(t.requires_grad for t in (inputs, *state, *self.parameters()))

    def cell_of(self, choice: int) -> RecurrentCell | None:
        """The cell of a granularity; None where the state is copied (size 0)."""
        if self.sizes[choice] == 0:
            return None
        return cast(RecurrentCell, self.cells[choice])

    def step(self, choice: int, inputs: Tensor, state: State, projected: Tensor | None = None) -> State:
        """Processes one token of n texts with one granularity (eq. 3): new first units, old rest."""
        cell = self.cell_of(choice)
        if cell is None:
            return state
        size = cell.size
        context = state[0] if self.full_context else state[0][:, :size]
        new = cell(
            cell.project(inputs) if projected is None else projected,
            context,
            tuple(s[:, :size] for s in state),
        )
        if size == state[0].shape[1]:
            return tuple(new)
        return tuple(torch.cat((first, old[:, size:]), 1) for first, old in zip(new, state, strict=True))

    def _scan(
        self, inputs: Tensor, packing: Packing, state: State, noise: Tensor | None, setting: Setting
    ) -> Reading:
        tensors, options = self._scan_arguments(inputs, state)
        relaxation = (setting.temperature, setting.straight_through, setting.recompute)
        # The scan has one precision, that of the weights, whatever autocast makes of other products.
        with torch.autocast(inputs.device.type, enabled=False):
            noise = None if noise is None else noise.to(tensors[0].dtype)
            hidden, logits, final, _, _ = scan(
                *tensors[:4], noise, tensors[4], packing.batch_sizes, *options, *relaxation
            )
        hidden, final = hidden.to(self.dtype), final.to(self.dtype)
        if noise is None:
            return Reading(hidden, _zeros(inputs), None, final.unbind(0))
        choice = (logits.detach() + noise).argmax(1)
        return Reading(hidden, choice, logits, final.unbind(0))

    def _scan_hard(self, inputs: Tensor, packing: Packing, state: State, setting: Setting) -> Reading:
        tensors, options = self._scan_arguments(inputs, state)
        with torch.autocast(inputs.device.type, enabled=False):
            hidden, logits, choices, final = scan_hard(
                *tensors, packing.batch_sizes, *options, setting.threshold
            )
        hidden, final = hidden.to(self.dtype), final.to(self.dtype)
        return Reading(hidden, choices, logits if logits.shape[1] else None, final.unbind(0))

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and so of the states."""
        return cast(RecurrentCell, self.cells[0]).weight_ih.dtype

    def _scan_arguments(
        self, inputs: Tensor, state: State
    ) -> tuple[list[Tensor], tuple[str, list[int], bool]]:
        """Inputs, weights (as scan_layout_skim_rnn.py has them) and the start; and the cell's description."""
        cells = [cast(RecurrentCell, cell) for cell in self.cells]
        weights, biases, recurrents = zip(*(cell.columns() for cell in cells), strict=True)
        size = self.sizes[0]
        # A small cell that sees only its own slice has zeros for the rest of the hidden state.
        recurrents = tuple(functional.pad(r, (0, size - r.shape[1])) for r in recurrents)
        if isinstance(self.policy, SkimPolicy):
            decision, width = self.policy.decision, self.policy.input_size
            weights += (decision.weight[:, :width],)
            biases += (decision.bias,)
            recurrents += (decision.weight[:, width:],)
        # On a CPU half precision is not faster, and loses what long texts add up.
        half = self.dtype in (torch.float16, torch.bfloat16) and inputs.device.type == "cpu"
        dtype = torch.float32 if half else self.dtype
        tensors = (inputs, torch.cat(weights), torch.cat(biases), torch.cat(recurrents), torch.stack(state))
        options = (self.cell_type, [cell.size for cell in cells], not self.full_context)
        return [t.to(dtype) for t in tensors], options


def read_relaxed(
    reader: SkimRNNReader,
    inputs: Tensor,
    packing: Packing,
    state: State,
    noise: Tensor | None,
    setting: Setting,
) -> Reading:
    """The readable training pass: every branch from the same state, mixed by the policy's weights (eq. 5).

    Any cell and any policy; the truth that faster passes are tested against.
    """
    sizes = packing.steps
    decision_steps = reader.policy.project(inputs).split(sizes)
    projections = [
        cell.project(inputs).split(sizes) if (cell := reader.cell_of(choice)) is not None else None
        for choice in range(len(reader.sizes))
    ]
    noise_steps = noise.split(sizes) if noise is not None else None
    loop = _Loop(reader.policy, state)
    for t, x in enumerate(inputs.split(sizes) if sizes else ()):
        old = loop.advance(len(x))
        action = reader.policy.decide(
            decision_steps[t], old, loop.memory, noise_steps[t] if noise_steps else None, setting
        )
        branches = [
            reader.step(choice, x, old, None if p is None else p[t]) for choice, p in enumerate(projections)
        ]
        loop.record(action, _mix(action, branches, old))
    return loop.finish(inputs)


def read_hard(
    reader: SkimRNNReader, inputs: Tensor, packing: Packing, state: State, setting: Setting
) -> Reading:
    """Inference: one decision per token; a branch is computed only on the rows that chose it."""
    sizes = packing.steps
    decision_steps = reader.policy.project(inputs).split(sizes)
    loop = _Loop(reader.policy, state, keep_bits=True)
    for t, x in enumerate(inputs.split(sizes) if sizes else ()):
        old = loop.advance(len(x))
        action = reader.policy.decide(decision_steps[t], old, loop.memory, None, setting)
        loop.record(action, _execute(reader, action, x, old, loop.visiting))
    return loop.finish(inputs)


def _mix(action: Action, branches: list[State], old: State) -> State:
    if action.weights is None:
        return branches[0]
    weights = action.weights.unsqueeze(-1).unbind(1)
    return tuple(
        torch.stack([w * part for w, part in zip(weights, parts, strict=True)]).sum(0)
        for parts in zip(*branches, strict=True)
    )


def _execute(
    reader: SkimRNNReader, action: Action, inputs: Tensor, old: State, visiting: Tensor | None
) -> State:
    """Computes for each granularity the rows that chose it; all other rows keep their state untouched."""
    choice = action.choice if visiting is None else torch.where(visiting, action.choice, -1)
    new = old
    for index, size in enumerate(reader.sizes):
        rows = (choice == index).nonzero().squeeze(1)
        if size == 0 or len(rows) == 0:
            continue
        if len(rows) == len(choice):
            return reader.step(index, inputs, old)
        stepped = reader.step(index, inputs[rows], tuple(part[rows] for part in old))
        new = tuple(part.index_copy(0, rows, s) for part, s in zip(new, stepped, strict=True))
    return new


class _Loop:
    """The bookkeeping of a step-by-step pass: rows that end, pointers that jump, masks, and the record.

    Args:
        policy: Whose memory is kept.
        state: Before the first token.
        keep_bits: Whether a unit that a mask leaves out keeps its very bits, at the price of the
            mask's gradient.
    """

    def __init__(self, policy: ReadingPolicy, state: State, *, keep_bits: bool = False) -> None:
        self.keep_bits = keep_bits
        self.state = state
        self.memory = policy.init_memory(state[0])
        self.choices_available = policy.num_choices
        self.pointer: Tensor | None = None
        self.visiting: Tensor | None = None
        self.step = -1
        self.ended: list[State] = []
        self.hidden: list[Tensor] = []
        self.choices: list[Tensor] = []
        self.logits: list[Tensor] = []

    def advance(self, rows: int) -> State:
        """Moves to the next token; texts beyond `rows` have ended and keep their state."""
        self.step += 1
        self.ended.append(tuple(part[rows:] for part in self.state))
        self.state = tuple(part[:rows] for part in self.state)
        self.memory = None if self.memory is None else self.memory[:rows]
        if self.pointer is not None:
            self.pointer = self.pointer[:rows]
            self.visiting = self.pointer <= self.step
        return self.state

    def record(self, action: Action, new: State) -> None:
        """Takes the new state where the policy updates it, moves the pointers and notes the decision."""
        if action.mask is not None:
            mask = action.mask
            mixed = tuple(torch.lerp(old, n, mask) for n, old in zip(new, self.state, strict=True))
            new = tuple(
                torch.where(mask == 0, old, m) if self.keep_bits else m
                for m, old in zip(mixed, self.state, strict=True)
            )
        choice, logits = action.choice, action.logits
        if self.visiting is not None:
            visiting = self.visiting
            logits = None if logits is None else torch.where(visiting[:, None], logits, 0)
            new = tuple(torch.where(visiting[:, None], n, o) for n, o in zip(new, self.state, strict=True))
            choice = torch.where(visiting, choice, -1)
        self._remember(action)
        self._move(action)
        self.state = new
        self.hidden.append(new[0])
        self.choices.append(choice)
        if logits is not None:
            self.logits.append(logits)

    def _remember(self, action: Action) -> None:
        memory = action.memory
        if memory is not None and self.memory is not None and self.visiting is not None:
            visiting = self.visiting.view(-1, *[1] * (memory.dim() - 1))
            memory = torch.where(visiting, memory, self.memory)
        self.memory = self.memory if memory is None else memory

    def _move(self, action: Action) -> None:
        if action.jump is None and action.stop is None:
            return
        following = self.step + (1 if action.jump is None else action.jump)
        following = torch.as_tensor(following, device=action.choice.device).expand(len(action.choice))
        if action.stop is not None:
            following = torch.where(action.stop, torch.iinfo(torch.int64).max, following)
        before = following if self.pointer is None else self.pointer
        self.pointer = following if self.visiting is None else torch.where(self.visiting, following, before)

    def finish(self, inputs: Tensor) -> Reading:
        """Joins the steps."""
        self.advance(0)
        state = tuple(torch.cat(parts[::-1]) for parts in zip(*self.ended, strict=True))
        if not self.hidden:
            none = inputs.new_empty(0, self.choices_available) if self.choices_available > 1 else None
            return Reading(inputs.new_empty(0, state[0].shape[1]), _zeros(inputs), none, state)
        logits = torch.cat(self.logits) if self.logits else None
        return Reading(torch.cat(self.hidden), torch.cat(self.choices), logits, state)


def _zeros(inputs: Tensor) -> Tensor:
    return torch.zeros(inputs.shape[0], dtype=torch.int64, device=inputs.device)
