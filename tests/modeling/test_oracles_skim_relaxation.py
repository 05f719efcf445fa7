"""Oracles S6 and S7: the relaxation at low temperature, and its noise."""

import math

import pytest
import torch

from skim_hf.modeling.estimators_skim_rnn import gumbel_noise, gumbel_softmax
from skim_hf.modeling.loop_skim_rnn import read_hard, read_relaxed
from skim_hf.modeling.policies_skim_rnn import Setting

CELL_TYPES = ("lstm", "gru", "tanh")
COLD = 1e-3


def sampled_path(reader, read_by_hand, inputs, start, noise):
    """The path of argmax(log p + g), by hand: choices, hidden states, and the smallest gap of two scores."""
    gaps = []

    def choose(t, x, state):
        scores = reader.policy.decision(torch.cat((x, state[0]))).log_softmax(0) + noise[t]
        best = scores.sort(descending=True).values
        gaps.append(float(best[0] - best[1]))
        return int(scores.argmax())

    choices, states = read_by_hand(reader, inputs, tuple(part[0] for part in start), choose)
    return choices, torch.stack([state[0] for state in states[1:]]), min(gaps)


@pytest.mark.parametrize("sizes", [[3], [0], [5, 2, 0]], ids=str)
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s06_a_cold_mixture_is_the_sampled_path(cell_type, sizes, make_reader, packed, read_by_hand):
    reader, compared = make_reader(cell_type=cell_type, skim_sizes=sizes), 0
    for seed in range(12):
        inputs, packing, start = packed([6], reader, seed=seed)
        noise = reader.policy.draw_noise(inputs, torch.Generator().manual_seed(seed))
        choices, hidden, gap = sampled_path(reader, read_by_hand, inputs, start, noise)
        if gap < 20 * COLD:
            continue
        compared += 1
        mixed = reader(inputs, packing, start, noise, Setting(True, COLD))
        assert mixed.choices.tolist() == choices
        torch.testing.assert_close(mixed.hidden, hidden, rtol=0, atol=1e-6)
    assert compared >= 6


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s06_straight_through_is_the_sampled_path_at_any_temperature(
    cell_type, make_reader, packed, read_by_hand
):
    reader = make_reader(cell_type=cell_type, skim_sizes=[3, 0])
    inputs, packing, start = packed([9], reader)
    noise = reader.policy.draw_noise(inputs)
    choices, hidden, _ = sampled_path(reader, read_by_hand, inputs, start, noise)
    sampled = reader(inputs, packing, start, noise, Setting(True, 5.0, straight_through=True))
    assert sampled.choices.tolist() == choices
    torch.testing.assert_close(sampled.hidden, hidden, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s06_without_noise_a_cold_mixture_is_inference(cell_type, make_reader, packed):
    reader = make_reader(cell_type=cell_type)
    compared = 0
    for seed in range(8):
        inputs, packing, start = packed([6, 4, 1], reader, seed=seed)
        hard = read_hard(reader, inputs, packing, start, Setting())
        if float((hard.logits[:, 0] - hard.logits[:, 1]).detach().abs().min()) < 20 * COLD:
            continue
        compared += 1
        noise = torch.zeros(len(inputs), 2, dtype=torch.float64)
        for read in (reader.forward, lambda *args: read_relaxed(reader, *args)):
            cold = read(inputs, packing, start, noise, Setting(True, COLD))
            assert torch.equal(cold.choices, hard.choices)
            torch.testing.assert_close(cold.hidden, hard.hidden, rtol=0, atol=1e-6)
    assert compared >= 4


@pytest.mark.parametrize("probabilities", [[0.3, 0.7], [0.02, 0.98], [0.6, 0.25, 0.1, 0.05]], ids=str)
def test_s07_gumbel_max_draws_from_the_probabilities(probabilities):
    p = torch.tensor(probabilities, dtype=torch.float64)
    draws, k = 40_000, len(probabilities)
    noise = gumbel_noise(p.new_empty(draws, k), torch.Generator().manual_seed(7))
    counts = torch.bincount((p.log() + noise).argmax(1), minlength=k).double()
    assert bool(((counts / draws - p).abs() < 4 * (p * (1 - p) / draws).sqrt()).all())
    # 99.99 % quantiles of chi-square with k - 1 degrees of freedom.
    chi_square = float(((counts - draws * p) ** 2 / (draws * p)).sum())
    assert chi_square < {2: 15.14, 4: 21.11}[k]
    # The same for what the mixture prefers, at a temperature and with logits instead of log p.
    weights = gumbel_softmax(p.log() + 3.0, noise, 0.7)
    assert torch.equal(weights.argmax(1), (p.log() + noise).argmax(1))
    torch.testing.assert_close(weights.sum(1), torch.ones(draws, dtype=torch.float64))


def test_s07_noise_is_standard_gumbel():
    noise = gumbel_noise(torch.empty(200_000, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float(noise.mean()) == pytest.approx(0.5772156649, abs=4 * 1.2826 / 200_000**0.5)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, rel=0.03)
    assert bool(noise.isfinite().all())
