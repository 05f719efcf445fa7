"""How answers are sought: the checked options of `SkimRuntime.answer`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from skim_hf.runtime.options import check_count

STRIDE = 128
"""Tokens that neighbouring windows share, as in training; half of a window where that is less."""


@dataclass(frozen=True)
class AnswerOptions:
    """Options of a call.

    Attributes:
        top_k: Answers to return.
        doc_stride: Tokens that neighbouring windows of a long context share; None for 128, or for half of
            `max_length` where that is less.
        max_length: Tokens of a context that are read together; longer ones are cut into windows.
        max_answer_length: Tokens that an answer has at most; None for the model's own.
        null_answers: Whether "no answer" is an answer too, as models say that were trained so.
        null_threshold: By how much its score has to exceed that of the best span.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_length: int = 400
    max_answer_length: int | None = None
    null_answers: bool = False
    null_threshold: float = 0.0

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: Names the option, what came and what is allowed.
        """
        check_count("top_k", self.top_k)
        # The null token takes the place of one of the context.
        check_count("max_length", self.max_length, 2 if self.null_answers else 1)
        if self.max_answer_length is not None:
            check_count("max_answer_length", self.max_answer_length)
        if self.doc_stride is not None and check_count("doc_stride", self.doc_stride, 0) >= self.window:
            raise ValueError(
                f"doc_stride must be below the {self.window} tokens of a context that a window holds "
                f"(max_length={self.max_length}), or no window would get any further; got {self.doc_stride}."
            )
        is_number = isinstance(self.null_threshold, Real) and not isinstance(self.null_threshold, bool)
        if not is_number or math.isnan(self.null_threshold):
            raise ValueError(f"null_threshold must be a number; got {self.null_threshold!r}.")

    @property
    def window(self) -> int:
        """Tokens of the context that a window holds."""
        return self.max_length - self.null_answers

    @property
    def stride(self) -> int:
        """Tokens that neighbouring windows share."""
        return min(STRIDE, self.window // 2) if self.doc_stride is None else self.doc_stride
