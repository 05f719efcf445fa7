"""Models on the Hub: cards, written from results, smaller copies of models, and pushes of whole models."""

from __future__ import annotations

from skim_hf.hub.card import render_card, write_card
from skim_hf.hub.plan import PlannedFile, PushPlan, plan_push
from skim_hf.hub.push import Pushed, push_folder
from skim_hf.hub.slimming import SlimModel, slim_model

__all__ = [
    "PlannedFile",
    "PushPlan",
    "Pushed",
    "SlimModel",
    "plan_push",
    "push_folder",
    "render_card",
    "slim_model",
    "write_card",
]
