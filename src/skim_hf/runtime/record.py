"""Where the results of reading go, token by token, while a text is read in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.weights import Array


# Not frozen: that would make views slower than what they are for.
@dataclass(slots=True)
class Record:
    """What n tokens leave behind in some readers; indexing gives views, into which results are written.

    It starts as the record of tokens that were passed over.

    Attributes:
        decisions: [n, R] int64.
        scores: [n, R, k - 1] of policy `skim`, else [n, R, 0].
        likelihoods: [n, R]; None for `full` and `skim`.
        units: [n, R] int64; None unless the policy is `selective`.
        outputs: [n, w], what the top one of the readers gives; None if nobody needs it.
    """

    decisions: NDArray[np.int64]
    scores: Array
    likelihoods: Array | None = None
    units: NDArray[np.int64] | None = None
    outputs: Array | None = None

    @classmethod
    def blank(cls, config: RuntimeConfig, length: int, dtype: np.dtype[Any]) -> Record:
        """A record of all readers, without outputs."""
        shape = (length, config.num_readers)
        return cls(
            decisions=np.full(shape, -1, np.int64),
            scores=np.zeros((*shape, len(config.skim_sizes)), dtype),
            likelihoods=None if config.policy in ("full", "skim") else np.zeros(shape, dtype),
            units=np.zeros(shape, np.int64) if config.policy == "selective" else None,
        )

    def of(self, readers: slice, order: slice, outputs: Array | None) -> Record:
        """A view of some readers, in another order of tokens.

        Args:
            readers: Which.
            order: Of tokens.
            outputs: [n, w], already in that order.
        """
        return Record(
            self.decisions[order, readers],
            self.scores[order, readers],
            None if self.likelihoods is None else self.likelihoods[order, readers],
            None if self.units is None else self.units[order, readers],
            outputs,
        )

    def __getitem__(self, part: slice) -> Record:
        """A view of some tokens."""
        return self.of(slice(None), part, None if self.outputs is None else self.outputs[part])

    @property
    def visited(self) -> NDArray[np.bool_]:
        """[n], tokens that no jump passed over."""
        if not self.decisions.shape[1]:
            return np.ones(len(self.decisions), np.bool_)
        visited: NDArray[np.bool_] = self.decisions[:, -1] >= 0
        return visited

    def repeat_outputs(self, before: Array, found: Array, is_new: NDArray[np.bool_]) -> None:
        """Fills the outputs where only some tokens change them.

        Args:
            before: [w], the output before the first token.
            found: [m, w], those of the tokens that change it.
            is_new: [n], which m these are.
        """
        if self.outputs is not None:
            self.outputs[:] = np.concatenate([before[None], found])[np.cumsum(is_new)]
