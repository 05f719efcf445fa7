"""One text as a model read it, and others to try."""

from __future__ import annotations

from collections.abc import Iterable

from skim_hf.results.schema import Block
from skim_hf.runtime.classifier import SkimRuntime


def describe_example(runtime: SkimRuntime, text: str, *, widget: Iterable[str] = ()) -> Block:
    """Shows what a model makes of a text and which words of it were read in full.

    Args:
        runtime: The model; one that labels texts.
        text: A short one.
        widget: Texts of the data to be offered for trying.

    Returns:
        The block `example` of a result file; places are in code points.

    Raises:
        TypeError: Not text.
        ValueError: The model labels tokens.
    """
    trace = runtime.trace(text)
    if trace.label is None:
        raise ValueError("Expected a model that labels texts; this one labels every token of a text.")
    offered = list(widget)
    return {
        "text": text,
        "label": trace.label,
        "score": trace.score,
        "read": [
            {"token": token.token, "start": token.start, "end": token.end}
            for token in trace.tokens
            if token.is_read
        ],
        **({"widget": offered} if offered else {}),
    }
