"""Models on the Hub: the card of a model, written from its results, and what else is pushed with it."""

from __future__ import annotations

from skim_hf.hub.card import render_card, write_card

__all__ = ["render_card", "write_card"]
