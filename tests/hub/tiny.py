"""Tiny saved models with their tokenizers and results; torch is imported when one is made."""

from __future__ import annotations

from pathlib import Path

TEXTS = ["the film was good", "a bad, bad plot and an awful scene", "it was fine"]


def make_folder(path: Path, head: str = "SkimRNNForSequenceClassification", seed: int = 0, **fields) -> Path:
    """Saves a model of some class with random weights, as complete as such a model can be."""
    import torch

    import skim_hf
    from skim_hf.results import from_training
    from skim_hf.training.tokenizer import build_tokenizer

    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    words = {} if "input_size" in fields else {"vocab_size": len(tokenizer)}
    torch.manual_seed(seed)
    config = skim_hf.SkimRNNConfig(
        **{"embedding_size": 5, "hidden_size": 7, "skim_sizes": [3], "vocab_size": None, **words, **fields}
    )
    getattr(skim_hf, head)(config).eval().save_pretrained(path)
    if words:
        tokenizer.save_pretrained(path)
        if head != "SkimRNNModel":
            recipe = {"learning_rate": 0.1}
            from_training(path, data={"name": "tiny"}, splits={"train": 3}, recipe=recipe, seed=seed).save(
                path
            )
    return path
