"""Every way of reading, as fields of tiny models, for the tests that hold engines to the reference."""

import numpy as np

POLICIES = {
    "full": {"policy": "full"},
    "skim": {"skim_sizes": [4, 0]},
    "skip": {"policy": "skip"},
    "selective": {"policy": "selective"},
    "random": {"policy": "random", "skip_rate": 0.46},
    "periodic": {"policy": "periodic", "skip_rate": 0.3},
}
JUMPS = {
    "no jumps": {},
    "jumps": {"jump_every": 3, "jump_size": 4, "jump_limit": 5},
    "every token": {"jump_every": 1, "jump_size": 3, "jump_limit": 30},
    "no jump allowed": {"jump_every": 9, "jump_size": 2, "jump_limit": 0},
}
STACKS = [(1, False), (3, False), (1, True), (2, True)]
FEATURES = {"vocab_size": None, "input_size": 5}
TOKENS = {
    "architectures": ["SkimRNNForTokenClassification"],
    "id2label": {"0": "O", "1": "X", "2": "Y"},
}


def is_possible(policy, jumps, layers, bidirectional):
    """Whether one pointer or gate can lead such a stack."""
    return not (bidirectional and layers > 1 and (policy == "skip" or jumps != "no jumps"))


def inputs_of(config, length, seed=5):
    """Token ids, or frames, of one text."""
    generator = np.random.default_rng(seed)
    if config.reads_features:
        return generator.standard_normal((length, config.input_size))
    return generator.integers(0, config.vocab_size, length)
