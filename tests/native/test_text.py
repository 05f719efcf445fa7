"""Splitting and looking up in C equals the readable reference and the tokenizers library."""

import random

import numpy as np
import pytest

from skim_hf.runtime.splitting import split

runtime = pytest.importorskip(
    "skim_hf.native._runtime", reason="skim_hf was installed without its C extension"
)

WORDS = ["[PAD]", "[UNK]", "n", "n't", "'s", "'", "''", "a", "an", "ann", "t", "i\u0307", "!!", "caf\u00e9"]
VOCABULARY = runtime.Vocabulary(WORDS, list(range(len(WORDS))), 1)


def test_any_chunking_gives_the_tokens_of_the_reference():
    generator = random.Random(0)
    for _ in range(3000):
        text = "".join(
            generator.choices("naN'\u2019tsrel! \u0130\u00e9\U0001f600\0", k=generator.randrange(14))
        )
        tokens = split(text)
        known = {word: number for number, word in enumerate(WORDS)}
        ids, offsets = VOCABULARY.encode(text)
        assert np.frombuffer(ids, np.int32).tolist() == [known.get(token, 1) for token, _, _ in tokens]
        assert np.frombuffer(offsets, np.int64).reshape(-1, 2).tolist() == [[a, b] for _, a, b in tokens]
        splitter, pieces = VOCABULARY.splitter(), []
        for char in text:
            pieces.append(splitter.feed(char))
            state = splitter.save()
            splitter = VOCABULARY.splitter()
            splitter.load(state)
        pieces.append(splitter.feed("", True))
        assert tuple(b"".join(part) for part in zip(*pieces, strict=True)) == (ids, offsets)
