"""Which words of a context each layer read for a question, and which it skimmed."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skim_hf.runtime.answers import Answer
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.question_engine import QuestionEngine
from skim_hf.runtime.questions import Asking, Window
from skim_hf.runtime.splitting import printable
from skim_hf.runtime.trace import PAGE, ReadingTrace, TokenTrace, harmless
from skim_hf.runtime.weights import Array


@dataclass(frozen=True)
class AnswerTrace:
    """How one context was read for one question.

    Attributes:
        question: The question.
        answers: What was found, the best first.
        layers: How each layer read the context, by its name; both directions of it together.
        probabilities: [T, R, k] of every token, reader (layer by layer, forward before backward) and choice.
        skim_rate: Share of the decisions of all readers that were not a full read (of a selective model, of
            units that were not updated).
    """

    question: str
    answers: tuple[Answer, ...]
    layers: dict[str, ReadingTrace]
    probabilities: Array
    skim_rate: float

    @property
    def answer(self) -> Answer:
        """The best one."""
        return self.answers[0]

    @property
    def tokens(self) -> tuple[TokenTrace, ...]:
        """The tokens of the context, with the decisions of all R readers."""
        columns = [trace.tokens for trace in self.layers.values()]
        return tuple(
            TokenTrace(
                parts[0].token,
                parts[0].start,
                parts[0].end,
                tuple(decision for part in parts for decision in part.decisions),
                float(np.mean([part.p_skim for part in parts])),
            )
            for parts in zip(*columns, strict=True)
        )

    def to_text(self) -> str:
        """The context once for each layer, with every word that it read in square brackets."""
        return self._render("to_text")

    def to_ansi(self) -> str:
        """The same for a terminal: words that were read are bold, everything else is dim."""
        return self._render("to_ansi")

    def to_html(self, *, full_page: bool = False) -> str:
        """The context once for each layer, with the words that it read marked.

        Args:
            full_page: Whether to return a whole document with question, answer and skim rate; otherwise a
                `<div>` to be put into a page.
        """
        parts = [
            f"<h3>{_heading(name, trace)}</h3>\n{trace.to_html()}" for name, trace in self.layers.items()
        ]
        fragment = "<div>" + "\n".join(parts) + "</div>"
        if not full_page:
            return fragment
        summary = (
            f"{html.escape(printable(self._result))} {self.skim_rate:.1%} of the reading decisions skimmed. "
            "Marked words were read in full."
        )
        title = html.escape(printable(self.question))
        return PAGE.format(title=title, summary=summary, fragment=fragment)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.to_html()

    @property
    def _result(self) -> str:
        best = self.answer
        found = f"{best.text} ({best.score:.3f}, {best.start} to {best.end})" if best.text else "none"
        return f"Answer: {found}."

    def _render(self, form: str) -> str:
        head = [f"Question: {harmless(printable(self.question))}", harmless(printable(self._result))]
        parts = [f"{_heading(name, trace)}\n{getattr(trace, form)()}" for name, trace in self.layers.items()]
        return "\n\n".join(["\n".join(head), *parts])


def _heading(name: str, trace: ReadingTrace) -> str:
    return f"{name}, {trace.skim_rate:.1%} skimmed"


def layer_titles(config: RuntimeConfig) -> list[str]:
    """What the layers that read the context are called, from the lowest to the top."""
    before = [f"encoder layer {number + 1}" for number in range(config.num_encoder_layers)]
    after = [f"layer {number + 1}" for number in range(config.num_hidden_layers)]
    return [*before, *after, *["output layer"] * (config.reader == "bidaf")]


def trace_answer(asking: Asking, engine: QuestionEngine) -> AnswerTrace:
    """Answers a question and tells how its context was read.

    A token that two windows share is shown as in the one whose edge is farther away.
    """
    config, windows = engine.config, list(asking.windows(engine))
    answers, encoded = tuple(asking.answers(iter(windows))), asking.passage.encoded
    names = layer_titles(config)
    decisions, probabilities, skimmed = (_merge(config, windows, len(encoded.ids), part) for part in range(3))
    not_read = 1 - probabilities[..., 0] if probabilities.shape[-1] else skimmed
    layers = {}
    for layer, name in enumerate(names):
        own = slice(2 * layer, 2 * layer + 2)
        tokens = tuple(
            TokenTrace(token, start, end, tuple(choices), p)
            for token, (start, end), choices, p in zip(
                encoded.tokens,
                encoded.offsets,
                decisions[:, own].tolist(),
                not_read[:, own].mean(axis=1).tolist(),
                strict=True,
            )
        )
        rate = float(skimmed[:, own].mean()) if len(tokens) else 0.0
        layers[name] = ReadingTrace(asking.passage.text, tokens, rate, answers[0].text, answers[0].score)
    total = float(skimmed.mean()) if skimmed.size else 0.0
    return AnswerTrace(asking.question, answers, layers, probabilities, total)


def _merge(config: RuntimeConfig, windows: Sequence[Window], length: int, part: int) -> NDArray[Any]:
    """One row per token of the context: its decisions [R], probabilities [R, k], or skimmed shares [R]."""
    rows = [_rows(config, window, part)[window.null :] for window in windows if window.stop > window.first]
    if not rows:
        shape = (0, config.num_readers, config.num_choices)
        return np.zeros(shape if part == 1 else shape[:2], np.int64 if part == 0 else np.float32)
    bounds = [(window.first, window.stop) for window in windows]
    # Neighbours meet in the middle of what they share.
    cuts = [
        0,
        *((below[1] + above[0]) // 2 for below, above in pairwise(bounds)),
        length,
    ]
    kept = [
        row[cuts[at] - first : cuts[at + 1] - first]
        for at, (row, (first, _)) in enumerate(zip(rows, bounds, strict=True))
    ]
    merged: NDArray[Any] = np.concatenate(kept)
    return merged


def _rows(config: RuntimeConfig, window: Window, part: int) -> NDArray[Any]:
    reading = window.reading
    if part == 0:
        return reading.decisions
    if part == 1:
        return reading.probabilities
    left_alone: NDArray[Any] = (reading.decisions != 0).astype(np.float32)
    if reading.units is not None:
        left_alone = 1 - reading.units / config.hidden_size
    return left_alone
