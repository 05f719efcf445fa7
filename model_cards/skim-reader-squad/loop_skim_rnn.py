"""Reading step by step: the readable truth of every policy, over the stacked readers of one direction.

At each step the texts that are still being read go through the readers from bottom to top. A policy acts,
the state is mixed (training) or executed on the rows that chose it (inference), and the policy observes what
came of it. A pointer per text, common to the stack, passes over tokens where a reader jumps or stops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from .cells_skim_rnn import State
from .jumps_skim_rnn import Jumper, JumpRecord
from .packing_skim_rnn import Packing
from .policies_skim_rnn import Action, Setting

if TYPE_CHECKING:
    from .reader_skim_rnn import SkimRNNReader

# Choice, logits, probabilities, effort and baseline of a token that was passed over.
_PASSED = (-1, 0, 0, 0, 0)


@dataclass
class Reading:
    """What a reader made of N packed tokens of B texts (long to short).

    Attributes:
        hidden: [N, d].
        choices: [N] int64, the granularity of each token; -1 where a jump passed over it.
        logits: [N, k], scores of the granularities; None for a policy without.
        state: After the last token of each text, every part [B, d].
        probabilities: [N, k], of a policy that gives them instead of logits; zeros where a jump passed over.
        effort: [N], share of a full read, with its gradient; None for a policy without.
        baselines: [N], the rewards expected before sampled choices; None where none was sampled.
        jumps: The decisions to jump; None for a reader that does not.
    """

    hidden: Tensor
    choices: Tensor
    logits: Tensor | None
    state: State
    probabilities: Tensor | None = None
    effort: Tensor | None = None
    baselines: Tensor | None = None
    jumps: JumpRecord | None = None


def read_relaxed(
    reader: SkimRNNReader,
    inputs: Tensor,
    packing: Packing,
    state: State,
    noise: Tensor | None,
    setting: Setting,
    jump_noise: Tensor | None = None,
) -> Reading:
    """The readable training pass: every branch from the same state, mixed by the policy's weights (eq. 5).

    Any cell and any policy; the truth that faster passes are tested against.
    """
    setting = replace(setting, relaxed=True)
    return read_stack([reader], inputs, packing, [state], [noise], setting, jump_noise=jump_noise)[0]


def read_hard(
    reader: SkimRNNReader,
    inputs: Tensor,
    packing: Packing,
    state: State,
    setting: Setting,
    noise: Tensor | None = None,
    jump_noise: Tensor | None = None,
) -> Reading:
    """Inference: one decision per token; a branch is computed only on the rows that chose it."""
    setting = replace(setting, relaxed=False)
    return read_stack([reader], inputs, packing, [state], [noise], setting, jump_noise=jump_noise)[0]


def read_stack(
    readers: Sequence[SkimRNNReader],
    inputs: Tensor,
    packing: Packing,
    states: Sequence[State],
    noises: Sequence[Tensor | None],
    setting: Setting,
    *,
    jump_noise: Tensor | None = None,
    between: Callable[[Tensor], Tensor] | None = None,
) -> list[Reading]:
    """Reads with all readers of one direction, token by token.

    Args:
        readers: From bottom to top; where the top one's policy decides for the stack, it acts for all.
        inputs: [N, d_x], packed.
        packing: Their layout.
        states: Of every reader before the first token, every part [B, d], long to short.
        noises: Of every reader's policy, [N, any] or None.
        setting: Relaxed for training, or hard for inference.
        jump_noise: [N] of the top reader's jump head, if it has one, to sample its jumps; None is greedy.
            Without a head the pointers move as the top reader's actions say.
        between: Applied to what goes from one reader to the next (dropout).

    Returns:
        A reading per reader.
    """
    sizes = packing.steps
    levels = []
    for reader, state, noise in zip(readers, states, noises, strict=True):
        noise = reader.policy.clock(packing) if noise is None else noise
        levels.append(_Level(reader, state, None if noise is None else noise.split(sizes), setting))
    levels[0].foresee(inputs, sizes)
    top, pointer = levels[-1], _Pointer()
    shared = top.reader.policy.decides_for_stack
    head = top.reader.jump
    jumper = None if head is None else Jumper(head, sizes, setting.jump_every, setting.jump_limit, jump_noise)
    for t, x in enumerate(inputs.split(sizes) if sizes else ()):
        for level in levels:
            level.keep(len(x))
        visiting = pointer.advance(len(x))
        if visiting is not None and not bool(visiting.any()):
            for level in levels:
                level.pass_over()
            continue
        action = top.act(t, x) if shared else None
        for index, level in enumerate(levels):
            x = between(x) if index and between is not None else x
            own = level.act(t, x) if action is None else action
            candidate = level.take(t, x, own, visiting, observes=not shared or level is top)
            # Readers that update together see one another's candidates, as in the published code.
            x = candidate[0] if shared else level.state[0]
        going_on = sizes[t + 1] if t + 1 < len(sizes) else 0
        moved = None if jumper is None else jumper.move(t, top.state[0], visiting, going_on)
        pointer.move(own, moved)
    readings = [level.finish(inputs) for level in levels]
    if jumper is not None:
        readings[-1].jumps = jumper.finish(states[-1][0])
    return readings


class _Level:
    """One reader of a stack: its state, its policy's memory, and the record of what it did.

    Args:
        reader: The reader.
        state: Before the first token.
        noise: Of its policy, step by step.
        setting: How decisions are made.
    """

    def __init__(
        self, reader: SkimRNNReader, state: State, noise: tuple[Tensor, ...] | None, setting: Setting
    ) -> None:
        self.reader, self.state, self.noise, self.setting = reader, state, noise, setting
        self.memory = reader.policy.init_memory(state[0])
        self.decision_steps: tuple[Tensor, ...] | None = None
        self.cell_steps: list[tuple[Tensor, ...] | None] = [None] * len(reader.sizes)
        self.ended: list[State] = []
        self.hidden: list[Tensor] = []
        # Of each step: choices, logits, probabilities, effort and baselines; None where no text was visited.
        self.notes: list[tuple[Tensor | None, ...] | None] = []

    def foresee(self, inputs: Tensor, sizes: list[int]) -> None:
        """Projects all inputs at once, which are known for the lowest reader alone."""
        self.decision_steps = self.reader.policy.project(inputs).split(sizes)
        if self.setting.relaxed:
            for choice in range(len(self.reader.sizes)):
                cell = self.reader.cell_of(choice)
                self.cell_steps[choice] = None if cell is None else cell.project(inputs).split(sizes)

    def keep(self, rows: int) -> None:
        """Texts beyond `rows` have ended and keep their state."""
        if rows == len(self.state[0]):
            return
        self.ended.append(tuple(part[rows:] for part in self.state))
        self.state = tuple(part[:rows] for part in self.state)
        self.memory = None if self.memory is None else self.memory[:rows]

    def pass_over(self) -> None:
        """No text has its pointer on this step."""
        self.hidden.append(self.state[0])
        self.notes.append(None)

    def act(self, t: int, x: Tensor) -> Action:
        """Asks the policy."""
        policy = self.reader.policy
        projected = policy.project(x) if self.decision_steps is None else self.decision_steps[t]
        noise = None if self.noise is None else self.noise[t]
        return policy.decide(projected, self.state, self.memory, noise, self.setting)

    def take(self, t: int, x: Tensor, action: Action, visiting: Tensor | None, *, observes: bool) -> State:
        """Does what the action says; returns the state as the token would leave it, every part [n, d]."""
        relaxed = self.setting.relaxed
        candidate = self._mix(t, x, action) if relaxed else self._execute(x, action, visiting)
        new = candidate if action.mask is None else self._masked(candidate, action.mask)
        if observes:
            memory = self.reader.policy.observe(action, candidate, new, self.setting)
            if memory is not None and self.memory is not None and visiting is not None:
                memory = _where(visiting, memory, self.memory)
            self.memory = self.memory if memory is None else memory
        if visiting is not None:
            new = tuple(_where(visiting, n, old) for n, old in zip(new, self.state, strict=True))
        self.state = new
        self.hidden.append(new[0])
        self._note(action, visiting)
        return candidate

    def _mix(self, t: int, x: Tensor, action: Action) -> State:
        """Every branch from the same state, mixed."""
        old = self.state
        branches = [
            self.reader.step(choice, x, old, None if steps is None else steps[t])
            for choice, steps in enumerate(self.cell_steps)
            if choice == 0 or action.weights is not None
        ]
        if action.weights is None:
            return branches[0]
        weights = action.weights.unsqueeze(-1).unbind(1)
        return tuple(
            torch.stack([w * part for w, part in zip(weights, parts, strict=True)]).sum(0)
            for parts in zip(*branches, strict=True)
        )

    def _execute(self, x: Tensor, action: Action, visiting: Tensor | None) -> State:
        """Computes each granularity on the rows that chose it; all others keep their state untouched."""
        choice = action.choice if visiting is None else torch.where(visiting, action.choice, -1)
        old = new = self.state
        for index, size in enumerate(self.reader.sizes):
            rows = (choice == index).nonzero().squeeze(1)
            if size == 0 or len(rows) == 0:
                continue
            if len(rows) == len(choice):
                return self.reader.step(index, x, old)
            stepped = self.reader.step(index, x[rows], tuple(part[rows] for part in old))
            new = tuple(part.index_copy(0, rows, s) for part, s in zip(new, stepped, strict=True))
        return new

    def _masked(self, new: State, mask: Tensor) -> State:
        """Takes the new units by their share; at inference what is left out keeps its very bits."""
        mixed = tuple(torch.lerp(old, n, mask) for n, old in zip(new, self.state, strict=True))
        if self.setting.relaxed:
            return mixed
        return tuple(torch.where(mask == 0, old, m) for m, old in zip(mixed, self.state, strict=True))

    def _note(self, action: Action, visiting: Tensor | None) -> None:
        notes = [action.choice, action.logits, action.probabilities, action.effort, action.baseline]
        if visiting is not None:
            notes = [
                None if note is None else _where(visiting, note, torch.full_like(note, fill))
                for note, fill in zip(notes, _PASSED, strict=True)
            ]
        self.notes.append(tuple(notes))

    def finish(self, inputs: Tensor) -> Reading:
        """Joins the steps."""
        self.keep(0)
        state = self.state
        if self.ended:
            state = tuple(torch.cat(parts[::-1]) for parts in zip(*self.ended, strict=True))
        if not self.hidden:
            k = len(self.reader.sizes)
            none = inputs.new_empty(0, k) if k > 1 else None
            nothing = torch.zeros(0, dtype=torch.int64, device=inputs.device)
            return Reading(inputs.new_empty(0, state[0].shape[1]), nothing, none, state)
        hidden = torch.cat(self.hidden)
        joined = [self._join(kind) for kind in range(len(_PASSED))]
        chosen, logits, probabilities, effort, baselines = joined
        return Reading(hidden, cast(Tensor, chosen), logits, state, probabilities, effort, baselines)

    def _join(self, kind: int) -> Tensor | None:
        """One of the notes of all tokens; what was passed over as `_note` fills it."""
        # The first token is always visited.
        first = cast(tuple[Tensor | None, ...], self.notes[0])[kind]
        if first is None:
            return None
        steps = []
        for notes, h in zip(self.notes, self.hidden, strict=True):
            note = None if notes is None else notes[kind]
            passed = first.new_full((len(h), *first.shape[1:]), _PASSED[kind]) if note is None else note
            steps.append(passed)
        return torch.cat(steps)


class _Pointer:
    """Which token each text reads next; None as long as every text takes every token."""

    def __init__(self) -> None:
        self.step = -1
        self.next: Tensor | None = None
        self.visiting: Tensor | None = None

    def advance(self, rows: int) -> Tensor | None:
        """Moves to the next step.

        Returns:
            [rows] bool, the texts that read its token; None for all.
        """
        self.step += 1
        if self.next is not None:
            self.next = self.next[:rows]
            self.visiting = self.next <= self.step
        return self.visiting

    def move(self, action: Action, moved: Tensor | None) -> None:
        """Moves the pointers of the texts that read this token.

        Args:
            action: What the top reader's policy did.
            moved: [n] int64, what the jumper said; None without one.
        """
        jump, stop = action.jump, action.stop
        if moved is not None:
            jump, stop = moved, moved == 0 if stop is None else stop | (moved == 0)
        if jump is None and stop is None:
            return
        following = self.step + (1 if jump is None else jump)
        following = torch.as_tensor(following, device=action.choice.device).expand(len(action.choice))
        if stop is not None:
            following = torch.where(stop, torch.iinfo(torch.int64).max, following)
        before = following if self.next is None else self.next
        self.next = following if self.visiting is None else torch.where(self.visiting, following, before)


def _where(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` [n, ...] in the rows [n], `old` in the others."""
    return torch.where(rows.view(-1, *[1] * (new.dim() - 1)), new, old)
