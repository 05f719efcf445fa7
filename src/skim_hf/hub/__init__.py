"""Models on the Hub: the card of a model, written from its results, and pushes of whole models."""

from __future__ import annotations

from skim_hf.hub.card import render_card, write_card
from skim_hf.hub.plan import PlannedFile, PushPlan, plan_push
from skim_hf.hub.push import Pushed, push_folder

__all__ = [
    "PlannedFile",
    "PushPlan",
    "Pushed",
    "plan_push",
    "push_folder",
    "render_card",
    "write_card",
]
