"""Adaptive-reading RNN text classifiers in the Hugging Face style.

Importing this package is cheap: every public name is loaded when it is first used, and the Auto
classes of transformers learn about `model_type="skim_rnn"` as soon as both packages are imported,
in either order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skim_hf import _registration
from skim_hf._optional import lazy_name
from skim_hf._version import __version__

if TYPE_CHECKING:
    from skim_hf.modeling.configuration_skim_rnn import SkimRNNConfig
    from skim_hf.modeling.modeling_skim_rnn import (
        SkimRNNForSequenceClassification,
        SkimRNNForTokenClassification,
        SkimRNNModel,
    )
    from skim_hf.modeling.question_skim_rnn import SkimRNNForQuestionAnswering
    from skim_hf.runtime import SkimRuntime
    from skim_hf.training.arguments import SkimTrainingArguments
    from skim_hf.training.trainer import SkimTrainer

__all__ = [
    "SkimRNNConfig",
    "SkimRNNForQuestionAnswering",
    "SkimRNNForSequenceClassification",
    "SkimRNNForTokenClassification",
    "SkimRNNModel",
    "SkimRuntime",
    "SkimTrainer",
    "SkimTrainingArguments",
    "__version__",
]

_HOMES = {
    "SkimRNNConfig": "skim_hf.modeling.configuration_skim_rnn",
    "SkimRNNForQuestionAnswering": "skim_hf.modeling.question_skim_rnn",
    "SkimRNNForSequenceClassification": "skim_hf.modeling.modeling_skim_rnn",
    "SkimRNNForTokenClassification": "skim_hf.modeling.modeling_skim_rnn",
    "SkimRNNModel": "skim_hf.modeling.modeling_skim_rnn",
    "SkimRuntime": "skim_hf.runtime",
    "SkimTrainer": "skim_hf.training.trainer",
    "SkimTrainingArguments": "skim_hf.training.arguments",
}
"""The module that defines each lazy public name."""


def __getattr__(name: str) -> Any:
    """Loads a public name on first use (PEP 562).

    Raises:
        AttributeError: No such public name.
        ImportError: The name needs an extra that is not installed. Any other failed import, in
            our own code or in a broken dependency, is passed on unchanged.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = lazy_name(home, name, owner=__name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the lazy names beside those already loaded."""
    return sorted({*globals(), *__all__})


_registration.install()
