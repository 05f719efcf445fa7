"""What all models of this family share: how weights start, and how folders are saved."""

import os
from typing import Any, Self

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init

from .auto_map_skim_rnn import AUTO_MAP
from .cells_skim_rnn import LSTMCell, RecurrentCell
from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_slope, check_temperature, check_threshold
from .policies_skim_rnn import Setting
from .policy_selective_skim_rnn import SelectivePolicy
from .policy_skip_skim_rnn import UpdateGate
from .reader_skim_rnn import SkimRNNReader


class SkimRNNPreTrainedModel(PreTrainedModel):
    """Weight initialisation, loading and saving for all models of this family."""

    config: SkimRNNConfig
    config_class = SkimRNNConfig
    base_model_prefix = "skim_rnn"
    supports_gradient_checkpointing = True
    # The budget term is a mean over the batch, so the Trainer has to divide by the accumulation steps.
    accepts_loss_kwargs = False
    _no_split_modules = ["SkimRNNLayer"]  # noqa: RUF012 - transformers reads this class constant as a list

    def train(self, mode: bool = True) -> Self:
        """Sets the mode; word vectors that are frozen stay so, whoever has put new ones in their place."""
        if self.config.freeze_embeddings and isinstance(getattr(self, "embed_tokens", None), nn.Embedding):
            # Here too, since loading and resizing make new parameters.
            self.embed_tokens.weight.requires_grad_(False)
        return super().train(mode)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, RecurrentCell):
            self._init_cell(module)
        elif isinstance(module, SkimRNNReader):
            if module.initial_state is not None:
                init.normal_(module.initial_state, std=self.config.initializer_range)
        else:
            # Every linear layer, those of the policies too, starts from a normal distribution without bias.
            super()._init_weights(module)
            if isinstance(module, UpdateGate):
                init.ones_(module.bias)
            elif isinstance(module, SelectivePolicy):
                init.normal_(module.own, std=self.config.initializer_range)

    def _init_cell(self, cell: RecurrentCell) -> None:
        """Xavier for the input weights, orthogonal for the recurrent ones, gate by gate."""
        rows = cell.size
        gates_ih, gates_hh = torch.empty_like(cell.weight_ih), torch.empty_like(cell.weight_hh)
        for gate in range(cell.gates):
            nn.init.xavier_uniform_(gates_ih[gate * rows : (gate + 1) * rows])
            nn.init.orthogonal_(gates_hh[gate * rows : (gate + 1) * rows])
        init.copy_(cell.weight_ih, gates_ih)
        init.copy_(cell.weight_hh, gates_hh)
        bias = torch.zeros_like(cell.bias_ih)
        if isinstance(cell, LSTMCell):
            bias[rows : 2 * rows] = float(self.config.forget_bias)
        init.copy_(cell.bias_ih, bias)
        init.zeros_(cell.bias_hh)

    def _setting(self, threshold: float | None, temperature: float | None, slope: float | None) -> Setting:
        """How decisions are made in one forward pass; the configuration's values where None is given."""
        config = self.config
        return Setting(
            relaxed=self.training and config.estimator != "reinforce",
            temperature=check_temperature(config.gumbel_temperature if temperature is None else temperature),
            threshold=check_threshold(config.skim_threshold if threshold is None else threshold),
            straight_through=config.estimator == "straight_through",
            recompute=config.recompute_gates,
            slope=check_slope(config.slope if slope is None else slope),
        )

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Saves weights, configuration and the code that loads them, with its full map of classes."""
        if self._auto_class is not None:
            # Not above: transformers copies what such a line names, and only saving has a use for pipelines
            # and for the classes that are not saved.
            from .modeling_skim_rnn import __all__ as _  # noqa: F401
            from .pipeline_skim_rnn import add_custom_pipelines

            self.config.auto_map = dict(AUTO_MAP)
            add_custom_pipelines(self.config, self._auto_class)
        super().save_pretrained(save_directory, *args, **kwargs)
