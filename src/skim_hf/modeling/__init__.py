"""The models and pipelines, and their registration with transformers.

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
    from transformers import (
        AutoModel,
        AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
    )

    from . import modeling_skim_rnn as models
    from .configuration_skim_rnn import SkimRNNConfig

    for auto_class, model in (
        (AutoModel, models.SkimRNNModel),
        (AutoModelForQuestionAnswering, models.SkimRNNForQuestionAnswering),
        (AutoModelForSequenceClassification, models.SkimRNNForSequenceClassification),
        (AutoModelForTokenClassification, models.SkimRNNForTokenClassification),
    ):
        auto_class.register(SkimRNNConfig, model, exist_ok=True)
        model.register_for_auto_class(auto_class.__name__)


def register_pipelines() -> None:
    """Lets `transformers.pipeline` know our tasks."""
    import transformers
    from transformers.pipelines import PIPELINE_REGISTRY

    from .configuration_skim_rnn import SkimRNNConfig
    from .pipeline_skim_rnn import PIPELINES

    for task, pipeline, auto_class in PIPELINES:
        model = getattr(transformers, auto_class)
        PIPELINE_REGISTRY.register_pipeline(task, pipeline, pt_model=model, type="text")
    SkimRNNConfig.registered_tasks = frozenset(task for task, _, _ in PIPELINES)
