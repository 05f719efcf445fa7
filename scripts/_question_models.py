"""Question readers with random weights at the sizes of the paper, and questions to put to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _random_models import draw_tokens

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.calibration import find_threshold
from skim_hf.tables import Question, Questions

ATTENTION = {"reader": "attention", "num_hidden_layers": 2}
BIDAF = {"reader": "bidaf", "num_hidden_layers": 2, "char_vocab_size": 258}
MODELS: dict[str, dict[str, Any]] = {
    "attention": {**ATTENTION, "policy": "full"},
    "attention-skim": {**ATTENTION, "policy": "skim", "skim_sizes": [20]},
    "bidaf": {**BIDAF, "policy": "full"},
    "bidaf-skim": {**BIDAF, "policy": "skim", "skim_sizes": [50]},
}
"""Fields of a configuration, by name, at d = 100, the width of words and states in the paper."""

QUESTION_WORDS = 12


def draw_questions(count: int, words: int, vocabulary: int, seed: int) -> Questions:
    """Questions about contexts of random words, of which some are as frequent as in a language."""
    drawn = draw_tokens(count * (words + QUESTION_WORDS), vocabulary, seed).reshape(count, -1)
    texts = [[f"w{word}" for word in row] for row in drawn.tolist()]
    return Questions(
        Question(str(at), "", " ".join(row[:words]), " ".join(row[words:]), ())
        for at, row in enumerate(texts)
    )


def choose_questions(questions: Questions, count: int, words: int, seed: int) -> Questions:
    """Random ones of those whose contexts have about so many words; of the nearest where none are near."""
    distances = np.array([abs(len(each.context.split()) - words) for each in questions])
    near = np.flatnonzero(distances <= max(10, distances.min()))
    return questions.select(np.random.default_rng(seed).permutation(near)[:count])


def write_reader(
    folder: Path, fields: dict[str, Any], width: int, vocabulary: int, questions: Questions, seed: int
) -> None:
    """Writes a model that knows the words of `draw_questions`, and skims about half of what it is to read.

    Args:
        folder: Where to.
        fields: Of its configuration.
        width: d, of words and of states; small cells keep their share of it.
        vocabulary: V.
        questions: Whose contexts a skimming model skims by half, all layers together.
        seed: Of the weights.

    Raises:
        ImportError: torch or transformers are not installed.
    """
    import torch

    from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering
    from skim_hf.training import build_tokenizer

    words = " ".join(f"w{number}" for number in range(2, vocabulary))
    tokenizer = build_tokenizer([words], vocab_size=vocabulary, min_frequency=1, progress=False)
    torch.manual_seed(seed)
    sizes = {"embedding_size": width, "hidden_size": width, "vocab_size": len(tokenizer)}
    small = [max(1, size * width // 100) for size in fields.get("skim_sizes", ())]
    config = SkimRNNConfig(**{**sizes, "unk_token_id": tokenizer.unk_token_id, **fields, "skim_sizes": small})
    model = SkimRNNForQuestionAnswering(config).eval()
    for name, weight in model.named_parameters():
        # Decisions that differ from word to word, and no layer that skims all or nothing.
        if "decision" in name:
            torch.nn.init.normal_(weight, std=float(weight.ndim > 1))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if fields["policy"] == "skim":
        runtime = SkimRuntime.from_pretrained(folder)
        model.config.skim_threshold = find_threshold(lambda at: _read(runtime, at, questions), 0.5)
        model.config.save_pretrained(folder)


def _read(runtime: SkimRuntime, threshold: float, questions: Questions) -> float:
    """Share of the decisions that are full reads."""
    twin = runtime.with_threshold(threshold)
    return float(
        np.mean([1 - twin.read_question(each.question, each.context).skim_rate for each in questions])
    )
