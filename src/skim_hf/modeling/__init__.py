"""The models, and their registration with transformers' Auto classes.

The files of this folder travel to the Hub with the weights: they import torch, transformers and each
other, and nothing else. This one does not travel.
"""

from __future__ import annotations


def register_config() -> None:
    """Lets `AutoConfig` know the model type."""
    from transformers import AutoConfig

    from .configuration_skim_rnn import SkimRNNConfig

    AutoConfig.register(SkimRNNConfig.model_type, SkimRNNConfig, exist_ok=True)
    SkimRNNConfig.register_for_auto_class()


def register_models() -> None:
    """Lets the Auto classes know the models, and has saved folders carry their code."""
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

    from . import modeling_skim_rnn as models
    from .configuration_skim_rnn import SkimRNNConfig

    for auto_class, model in (
        (AutoModel, models.SkimRNNModel),
        (AutoModelForSequenceClassification, models.SkimRNNForSequenceClassification),
        (AutoModelForTokenClassification, models.SkimRNNForTokenClassification),
    ):
        auto_class.register(SkimRNNConfig, model, exist_ok=True)
        model.register_for_auto_class(auto_class.__name__)
