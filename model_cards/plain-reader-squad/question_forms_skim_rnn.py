"""The forms in which questions and their contexts may be handed to a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from types import GeneratorType
from typing import Any

from torch.utils.data import Dataset

FORMS = ("question", "context", "data", "X")
"""Names under which questions may come."""

_EXPECTED = (
    "Expected question=... and context=..., or a dictionary with 'question' and 'context', or a list of such"
)


def as_questions(inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """One form out of all that the `question-answering` pipeline of transformers 4 took.

    Args:
        inputs: What came without a name: a question and its context, dictionaries, or one list, generator
            or dataset of them.
        named: What came under the names of `FORMS`, instead.

    Returns:
        A generator or dataset as it came; a dictionary if there is one question, else a list of them.

    Raises:
        ValueError: Says what was expected.

    Example:
        >>> as_questions((), {"question": ["Who?", "When?"], "context": "Ada."})[1]
        {'question': 'When?', 'context': 'Ada.'}
    """
    if len(inputs) == 2 and all(isinstance(text, str) for text in inputs) and not named:
        named, inputs = dict(zip(("question", "context"), inputs, strict=True)), ()
    if named.keys() == {"question", "context"} and not inputs:
        items: Any = _pair(named["question"], named["context"])
    elif len(named) == 1 and not inputs and named.keys() <= {"data", "X"}:
        (items,) = named.values()
    elif inputs and not named:
        items = inputs[0] if len(inputs) == 1 else inputs
    else:
        raise ValueError(f"{_EXPECTED}; got {len(inputs)} without a name and {sorted(named)}.")
    if isinstance(items, (GeneratorType, Dataset)):
        return items
    if isinstance(items, str) or not hasattr(items, "__iter__"):
        raise ValueError(f"{_EXPECTED}; got {items!r:.200}.")
    items = [items] if isinstance(items, Mapping) else list(items)
    return items[0] if len(items) == 1 else items


def texts_of(item: Any) -> tuple[str, str]:
    """The question and the context of a dictionary, which may have more entries.

    Raises:
        ValueError: It does not have them, or is none.
    """
    question, context = (item.get(n) if isinstance(item, Mapping) else None for n in ("question", "context"))
    if not isinstance(question, str) or not isinstance(context, str):
        raise ValueError(
            "Expected a dictionary with the texts 'question' and 'context', either of which may be empty; "
            f"got {item!r:.200}."
        )
    return question, context


def _pair(question: Any, context: Any) -> list[dict[str, Any]]:
    """Questions with their contexts; a text that is no list goes with every one of a list."""
    sides = [[side] if isinstance(side, str) else side for side in (question, context)]
    if not all(isinstance(side, (list, tuple)) for side in sides):
        kinds = " and ".join(type(side).__name__ for side in sides)
        raise ValueError(f"question and context must be texts or lists of texts; got {kinds}.")
    count = len(sides[isinstance(question, str)])
    questions, contexts = (
        [whole] * count if isinstance(whole, str) else side
        for whole, side in zip((question, context), sides, strict=True)
    )
    if len(questions) != len(contexts):
        raise ValueError(
            "Expected as many contexts as questions, or one for all; "
            f"got {len(contexts)} contexts and {len(questions)} questions."
        )
    return [{"question": asked, "context": text} for asked, text in zip(questions, contexts, strict=True)]
