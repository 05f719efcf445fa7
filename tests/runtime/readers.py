"""Every way of reading, as fields of tiny models, for the tests that hold engines to the reference."""

from itertools import product

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


# One gate or pointer can lead a stack in one direction, or one layer in two.
READERS = [
    (policy, jumps, stack)
    for policy, jumps, stack in product(POLICIES, JUMPS, STACKS)
    if not (stack == (2, True) and (policy == "skip" or jumps != "no jumps"))
    # What jumps do at the extremes of their settings does not depend on the stack.
    and (jumps in ("no jumps", "jumps") or stack == (3, False))
]


def fields_of(policy, jumps, stack):
    """A model's fields for one of `READERS`."""
    return {
        **POLICIES[policy],
        **JUMPS[jumps],
        "num_hidden_layers": stack[0],
        "bidirectional": stack[1],
    }


def inputs_of(config, length, seed=5):
    """Token ids, or frames, of one text."""
    generator = np.random.default_rng(seed)
    if config.reads_features:
        return generator.standard_normal((length, config.input_size))
    return generator.integers(0, config.vocab_size, length)
