"""The few numbers per text that evaluation gathers."""

import torch

from skim_hf import SkimRNNConfig
from skim_hf.training.counting import count_choices, count_reading, needed_outputs


def small_config(**fields):
    return SkimRNNConfig(vocab_size=18, embedding_size=5, hidden_size=7, **fields)


def test_choices_leave_padding_and_passed_tokens_out():
    decisions = torch.tensor([[[0, 1], [2, 1], [-1, -1]], [[0, 0], [-1, 2], [1, 0]]])
    assert count_choices(decisions, 3).tolist() == [[[1, 0, 1], [0, 2, 0]], [[1, 1, 0], [2, 0, 1]]]


def test_choices_alone_where_they_say_everything():
    config = small_config(skim_sizes=[3])
    assert needed_outputs(config) == ("decisions",)
    found = count_reading(config, {"decisions": torch.tensor([[[0], [1], [-1]]])})
    assert found.tolist() == [[[1, 1]]]


def test_units_and_jumps_are_counted():
    config = small_config(policy="selective", jump_every=1, jump_size=2, jump_limit=3)
    assert needed_outputs(config) == ("decisions", "probabilities", "lengths", "jumps")
    shares = torch.tensor([3 / 7, 0.0, 1.0, 0.0])
    outputs = {
        "decisions": torch.tensor([[[0], [-1], [0], [1]]]),
        "probabilities": torch.stack([shares, 1 - shares], dim=-1)[None, :, None],
        "lengths": torch.tensor([4]),
        "jumps": torch.tensor([[[2], [-1], [1], [-1]]]),
    }
    found = {name: part.tolist() for name, part in count_reading(config, outputs).items()}
    assert found == {"choices": [[[2, 1]]], "lengths": [4], "units": [[10]], "jumps": [[2]]}
