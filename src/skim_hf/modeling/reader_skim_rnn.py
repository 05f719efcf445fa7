"""One directional layer: a recurrent cell per granularity, and a policy that chooses among them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cells_skim_rnn import CELLS, RecurrentCell, State
from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_like_weights
from .loop_skim_rnn import Reading, read_hard, read_relaxed
from .packing_skim_rnn import Packing
from .policies_skim_rnn import FullPolicy, ReadingPolicy, Setting, SkimPolicy
from .scan_skim_rnn import scan, scan_hard


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


def _zeros(inputs: Tensor) -> Tensor:
    return torch.zeros(inputs.shape[0], dtype=torch.int64, device=inputs.device)
