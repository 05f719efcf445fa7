"""The pointer of a reader that jumps: which tokens are looked at, and which are passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.record import Record
from skim_hf.runtime.weights import Array

SIZE = 4
"""Numbers that `Pointer.save` gives."""


class Pointer:
    """Where in a text a reader that jumps is.

    After every R tokens the head of the top layer chooses among 0, which ends the reading, and steps of 1 to
    K; a step of 1 leads to the next token. It is asked when the token after these R arrives, so that no text
    ends with a question, whatever the pieces in which it comes.

    Args:
        config: Of a model that jumps.
        head: The K + 1 logits for the state that the top layer is in.
        copy_output: Writes what the top layer gave last into an array.

    Attributes:
        taken: Jump decisions so far.
    """

    def __init__(
        self, config: RuntimeConfig, head: Callable[[], Array], copy_output: Callable[[Array], object]
    ) -> None:
        self._every, self._limit = config.jump_every or 1, config.jump_limit or 0
        self._head, self._copy_output = head, copy_output
        self.reset()

    def reset(self) -> None:
        """Goes back to the start of a text."""
        self._processed, self._passing, self._is_over, self.taken = 0, 0, False, 0

    def save(self) -> list[int]:
        """The state: tokens since the last jump, tokens to pass over, whether reading is over, and jumps."""
        return [self._processed, self._passing, int(self._is_over), self.taken]

    def load(self, state: list[int]) -> None:
        """Goes back to a state that `save` gave."""
        self._processed, self._passing, is_over, self.taken = state
        self._is_over = bool(is_over)

    def read(
        self, inputs: NDArray[Any], record: Record, walk: Callable[[NDArray[Any], Record, int], None]
    ) -> None:
        """Reads on, in pieces without a jump between.

        Args:
            inputs: [n] or [n, d_x].
            record: What becomes of them; blank.
            walk: Reads a piece, given where among the inputs it starts.
        """
        start, length = 0, len(inputs)
        while start < length:
            if not self._passing and not self._is_over and self._processed == self._every:
                self._jump()
            if self._is_over or self._passing:
                end = length if self._is_over else min(start + self._passing, length)
                self._passing = max(0, self._passing - (end - start))
                if record.outputs is not None:
                    # The output of a token that was passed over is the one before it.
                    self._copy_output(record.outputs[start])
                    record.outputs[start:end] = record.outputs[start]
            else:
                end = min(start + self._every - self._processed, length)
                walk(inputs[start:end], record[start:end], start)
                self._processed += end - start
            start = end

    def _jump(self) -> None:
        if self.taken == self._limit:
            self._is_over = True
            return
        self.taken += 1
        self._processed = 0
        steps = int(np.argmax(self._head()))
        self._is_over, self._passing = steps == 0, max(0, steps - 1)
