"""One directional layer: a recurrent cell per granularity, and a policy that chooses among them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cells_skim_rnn import CELLS, RecurrentCell, State
from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_like_weights
from .jumps_skim_rnn import new_jump_head
from .loop_skim_rnn import Reading, read_hard, read_relaxed
from .packing_skim_rnn import Packing
from .policies_skim_rnn import FullPolicy, ReadingPolicy, Setting, SkimPolicy
from .policy_clock_skim_rnn import ClockPolicy, PeriodicPolicy, RandomPolicy
from .policy_selective_skim_rnn import SelectivePolicy
from .policy_skip_skim_rnn import SkipPolicy
from .scan_skim_rnn import scan, scan_hard


class SkimRNNReader(nn.Module):
    """Reads packed sequences in one direction.

    Args:
        config: The model's configuration.
        input_size: d_x of this layer.
        top: Whether no layer lies above it, so that it decides for the stack.

    Attributes:
        initial_state: [parts, d], learned; None where reading starts from zeros.
    """

    def __init__(self, config: SkimRNNConfig, input_size: int, *, top: bool = True) -> None:
        super().__init__()
        # Whoever does not skim has two ways to process a token at most: the cell, or a copy.
        small = config.skim_sizes or [0] * (config.num_choices - 1)
        self.sizes = [config.hidden_size, *small]
        self.cell_type = config.cell_type
        self.full_context = config.small_input == "full_h"
        cell_class = CELLS[config.cell_type]
        self.parts = cell_class.parts
        self.cells = nn.ModuleList(
            cell_class(input_size, size, config.hidden_size if self.full_context else size)
            for size in self.sizes
            if size > 0
        )
        self.policy = _new_policy(config, input_size, top)
        start = torch.zeros(self.parts, config.hidden_size) if config.learned_initial_state else None
        self.initial_state = None if start is None else nn.Parameter(start)
        self.jump = new_jump_head(config) if top else None

    def forward(
        self,
        inputs: Tensor,
        packing: Packing,
        state: State,
        noise: Tensor | None,
        setting: Setting,
        jump_noise: Tensor | None = None,
    ) -> Reading:
        """Reads all tokens.

        Args:
            inputs: [N, d_x], packed.
            packing: Their layout.
            state: Before the first token, every part [B, d], long to short.
            noise: [N, any] from the policy's `draw_noise`; None at inference.
            setting: Relaxed for training or hard for inference; noise without relaxation samples.
            jump_noise: [N] from the jump head's `draw_noise`; None jumps greedily.

        Raises:
            ValueError: Inputs or a state on another device or of another dtype than the weights.
        """
        inputs, state = self.accept(inputs, state)
        if type(self.policy) in (RandomPolicy, PeriodicPolicy) and self.jump is None:
            return self._read_by_the_clock(inputs, packing, state, noise, setting)
        # A policy derived from ours decides otherwise, and has to be asked at every step.
        stepwise = type(self.policy) not in (FullPolicy, SkimPolicy) or self.jump is not None
        if setting.relaxed:
            if stepwise:
                return read_relaxed(self, inputs, packing, state, noise, setting, jump_noise)
            return self._scan(inputs, packing, state, noise, setting)
        if stepwise or noise is not None:
            return read_hard(self, inputs, packing, state, setting, noise, jump_noise)
        if not self._wants_gradient(inputs, state):
            return self._scan_hard(inputs, packing, state, setting)
        if self.policy.num_choices == 1:
            return self._scan(inputs, packing, state, None, setting)
        return read_hard(self, inputs, packing, state, setting)

    def accept(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Inputs and state in the precision of the weights.

        Raises:
            ValueError: Inputs or a state on another device or of another dtype than the weights.
        """
        check_like_weights(self.parameters(), inputs, state)
        return inputs.to(self.dtype), tuple(part.to(self.dtype) for part in state)

    def _read_by_the_clock(
        self, inputs: Tensor, packing: Packing, state: State, noise: Tensor | None, setting: Setting
    ) -> Reading:
        """Which tokens are read is known before: those alone are scanned, as if they were the text."""
        policy = cast(ClockPolicy, self.policy)
        reads = policy.reads(policy.clock(packing) if noise is None else noise)
        kept, tokens, last = packing.select(reads)
        start = tuple(part.index_select(0, kept.order) for part in state)
        scanned = inputs.index_select(0, tokens)
        if setting.relaxed or self._wants_gradient(inputs, state):
            reading = self._scan(scanned, kept, start, None, setting)
        else:
            reading = self._scan_hard(scanned, kept, start, setting)
        # A token that is skipped has the state of the last one that was read, or the start.
        hidden = torch.cat((state[0], reading.hidden)).index_select(0, last)
        final = tuple(kept.restore_order(part) for part in reading.state)
        probabilities = policy.probabilities(reads, hidden.dtype)
        return Reading(hidden, (~reads).long(), None, final, probabilities)

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

    def start(self, like: Tensor) -> Tensor:
        """[B, parts, d], what each row of `like` starts from: a learned state, or zeros."""
        shape = (len(like), self.parts, self.sizes[0])
        if self.initial_state is None:
            return like.new_zeros(shape)
        return self.initial_state.to(like.dtype).expand(shape)

    def read_in_full(self, inputs: Tensor, packing: Packing, state: State, recompute: bool = False) -> Tensor:
        """The big cell alone reads all tokens, whatever the policy.

        Args:
            inputs: [N, d_x], packed.
            packing: Their layout.
            state: Before the first token, every part [B, d], long to short.
            recompute: Whether a backward pass computes the gates again instead of keeping them.

        Returns:
            h after every token, [N, d].
        """
        inputs, state = self.accept(inputs, state)
        tensors, options = self._scan_arguments(inputs, state, full=True)
        with torch.autocast(inputs.device.type, enabled=False):
            if self._wants_gradient(inputs, state):
                hidden = scan(
                    *tensors[:4], None, tensors[4], packing.batch_sizes, *options, 1.0, False, recompute
                )[0]
            else:
                hidden = scan_hard(*tensors, packing.batch_sizes, *options, 1.0)[0]
        return hidden.to(self.dtype)

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
        self, inputs: Tensor, state: State, *, full: bool = False
    ) -> tuple[list[Tensor], tuple[str, list[int], bool]]:
        """Inputs, weights (as scan_layout_skim_rnn.py has them) and the start; and the cell's description.

        With `full` those of the big cell alone.
        """
        cells = [cast(RecurrentCell, cell) for cell in self.cells[: 1 if full else None]]
        weights, biases, recurrents = zip(*(cell.columns() for cell in cells), strict=True)
        size = self.sizes[0]
        # A small cell that sees only its own slice has zeros for the rest of the hidden state.
        recurrents = tuple(functional.pad(r, (0, size - r.shape[1])) for r in recurrents)
        if isinstance(self.policy, SkimPolicy) and not full:
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


def _new_policy(config: SkimRNNConfig, input_size: int, top: bool) -> ReadingPolicy:
    if config.policy == "skim":
        baseline = config.estimator == "reinforce"
        return SkimPolicy(input_size, config.hidden_size, config.num_choices, baseline=baseline)
    if config.policy == "skip" and top:
        return SkipPolicy(config.hidden_size, equation=config.skip_gradient == "equation")
    if config.policy == "selective":
        likelihoods = config.budget_type == "likelihoods"
        return SelectivePolicy(input_size, config.hidden_size, likelihoods=likelihoods)
    if config.policy in ("random", "periodic"):
        return {"random": RandomPolicy, "periodic": PeriodicPolicy}[config.policy](float(config.skip_rate))
    # The top reader decides for those below it.
    return FullPolicy()


def _zeros(inputs: Tensor) -> Tensor:
    return torch.zeros(inputs.shape[0], dtype=torch.int64, device=inputs.device)
