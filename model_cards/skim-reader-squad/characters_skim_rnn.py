"""Words from their characters."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .configuration_skim_rnn import SkimRNNConfig


class CharacterCNN(nn.Module):
    """max over the places of a word of relu(filters * characters around that place).

    The filters are centred at real characters and see zeros beyond the word, so that a word of any length has
    a vector, and padding changes none.

    Args:
        config: Gives the sizes.
    """

    def __init__(self, config: SkimRNNConfig) -> None:
        super().__init__()
        width = config.char_embedding_size
        self.embed = nn.Embedding(config.char_vocab_size or 0, width, padding_idx=0)
        self.filters = nn.Conv1d(width, config.char_filters, config.char_width)
        self.margins = ((config.char_width - 1) // 2, config.char_width // 2)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, char_ids: Tensor) -> Tensor:
        """Characters to words.

        Args:
            char_ids: [B, T, W] int64, 0 at padding.

        Returns:
            [B, T, filters]; zeros of a word without characters.
        """
        batch, length, width = char_ids.shape
        if char_ids.numel() == 0:
            return self.filters.weight.new_zeros(batch, length, self.filters.out_channels)
        words = char_ids.reshape(-1, width)
        real = words != 0
        vectors = self.dropout(self.embed(words)).masked_fill(~real[:, :, None], 0)
        found = self.filters(functional.pad(vectors.transpose(1, 2), self.margins))
        # By far the largest tensor of a step: filled where it lies, and relu of the maximum is that of all.
        return found.masked_fill_(~real[:, None], 0).amax(2).relu().unflatten(0, (batch, length))
