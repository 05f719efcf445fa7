"""The score-function estimator against exact enumeration (J7), and the rewards."""

import itertools

import pytest
import torch

from skim_hf.modeling.jumps_skim_rnn import JumpHead
from skim_hf.modeling.reinforce_skim_rnn import reinforce_loss, repeat_rows, text_rewards, token_rewards

EXACT = {"rtol": 0, "atol": 1e-12}


def two_decisions(seed=3):
    """Logits of a first decision [2] and of a second one after each outcome [2, 2], and rewards [2, 2]."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(2, generator=generator, dtype=torch.float64, requires_grad=True)
    second = torch.randn(2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    return first, second, torch.randn(2, 2, generator=generator, dtype=torch.float64)


def path_gradients(baseline):
    """Probability and gradient of every path of two decisions; a path that starts with 0 ends there."""
    first, second, rewards = two_decisions()
    found = []
    for a, b in ((0, None), (1, 0), (1, 1)):
        logs = [first.log_softmax(0)[a], second[a].log_softmax(0)[b or 0]]
        taken = torch.tensor([[True, b is not None]])
        reward = rewards[a, b or 0].reshape(1)
        loss = reinforce_loss(torch.stack(logs)[None], torch.full((1, 2), baseline).double(), taken, reward)
        probability = torch.stack([log for log, t in zip(logs, taken[0], strict=True) if t]).sum().exp()
        gradient = torch.autograd.grad(loss, (first, second))
        found.append((probability.detach(), torch.cat([g.flatten() for g in gradient])))
    return found


def exact_gradient():
    first, second, rewards = two_decisions()
    p, q = first.softmax(0), second.softmax(1)
    expected = p[0] * rewards[0, 0] + p[1] * (q[1] * rewards[1]).sum()
    return torch.cat([g.flatten() for g in torch.autograd.grad(-expected, (first, second))])


@pytest.mark.parametrize("baseline", [0.0, 0.7, -5.0])
def test_the_estimator_is_the_enumerated_gradient_whatever_the_baseline(baseline):
    mean = sum(p * gradient for p, gradient in path_gradients(baseline))
    torch.testing.assert_close(mean, exact_gradient(), **EXACT)


def test_a_baseline_changes_the_variance():
    def variance(baseline):
        exact = exact_gradient()
        return sum(float(p * (g - exact).square().sum()) for p, g in path_gradients(baseline))

    first, second, rewards = two_decisions()
    p, q = first.softmax(0), second.softmax(1)
    near = float((p[0] * rewards[0, 0] + p[1] * (q[1] * rewards[1]).sum()).detach())
    assert variance(near) < 0.5 * variance(near + 5.0)


def test_sampled_arms_converge_to_the_enumerated_gradient():
    torch.manual_seed(0)
    head = JumpHead(3, 1, 1, 1).double()
    state = torch.randn(1, 3, dtype=torch.float64)
    rewards = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    exact = torch.autograd.grad(-(head.head(state).softmax(-1)[0] @ rewards), head.head.weight)[0]
    hidden = state.expand(200_000, 3)
    record = head.decide(hidden, head.draw_noise(hidden, torch.Generator().manual_seed(5)))
    taken = record.jumps >= 0
    loss = reinforce_loss(
        record.log_probabilities[:, None],
        record.baselines.detach()[:, None],
        taken[:, None],
        rewards[record.jumps],
    )
    estimate = torch.autograd.grad(loss, head.head.weight)[0]
    # Three standard errors of a mean of 200,000 values of at most 2 |state|.
    torch.testing.assert_close(estimate, exact, rtol=0, atol=3 * 2 * float(state.abs().max()) / 200_000**0.5)


def test_the_baseline_learns_from_its_error_alone():
    logs = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    baselines = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    taken = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]]).bool()
    rewards = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    reinforce_loss(logs, baselines, taken, rewards).backward()
    count = taken.sum(1, keepdim=True).clamp(min=1)
    advantage = rewards[:, None] - baselines.detach()
    torch.testing.assert_close(baselines.grad, -2 * advantage * taken / count / 4, **EXACT)
    torch.testing.assert_close(logs.grad, -advantage * taken / 4, **EXACT)


def test_what_was_not_decided_has_no_part():
    logs = torch.full((1, 3), torch.nan, requires_grad=True)
    taken = torch.zeros(1, 3).bool()
    loss = reinforce_loss(logs, logs, taken, torch.ones(1))
    loss.backward()
    assert loss == 0
    assert not logs.grad.isnan().any()
    assert reinforce_loss(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0, 3).bool(), torch.zeros(0)) == 0


def test_rewards_of_texts():
    logits = torch.tensor([[0.2, 0.1, -1.0], [0.0, -1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    one = text_rewards(logits, torch.tensor([0, 1]), "single_label_classification")
    assert one.tolist() == [1.0, -1.0]
    assert one.dtype == torch.float64
    assert not one.requires_grad
    several = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    expected = torch.tensor([(1 - 1 + 1) / 3, (1 - 1 + 1) / 3]).double()
    torch.testing.assert_close(text_rewards(logits, several, "multi_label_classification"), expected)
    numbers = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.0, 0.0]]).double()
    torch.testing.assert_close(
        text_rewards(logits, numbers, "regression"), torch.tensor([-1 / 3, -5 / 3]).double()
    )
    alone = text_rewards(logits[:, :1], torch.tensor([0.2, 2.0]), "regression")
    torch.testing.assert_close(alone, torch.tensor([0.0, -4.0]).double(), rtol=0, atol=1e-6)


def test_rewards_of_tokens_leave_out_what_has_no_label():
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0]] * 3])
    labels = torch.tensor([[0, 0, -100], [-100, -100, -100]])
    assert token_rewards(logits, labels).tolist() == [0.0, 0.0]
    assert token_rewards(logits, torch.tensor([[0, 1, -100], [1, 1, 1]])).tolist() == [1.0, -1.0]


def test_rollouts_repeat_the_whole_batch():
    rows = torch.arange(6).view(3, 2)
    repeated = repeat_rows(rows, 4)
    assert repeated.shape == (12, 2)
    for start in range(0, 12, 3):
        assert torch.equal(repeated[start : start + 3], rows)
    assert repeat_rows(None, 3) is None


@pytest.mark.parametrize("size", [1, 4])
def test_noise_that_is_even_gives_every_jump_its_probability(size):
    torch.manual_seed(1)
    head = JumpHead(3, size, 1, 1).double()
    hidden = torch.randn(1, 3, dtype=torch.float64)
    probabilities = head.head(hidden).softmax(-1)[0]
    even = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    jumps = head.decide(hidden.expand(10_000, 3), even).jumps
    shares = torch.bincount(jumps, minlength=size + 1) / 10_000
    torch.testing.assert_close(shares.double(), probabilities, rtol=0, atol=1.1e-4)
    edges = head.decide(hidden.expand(2, 3), torch.tensor([0.0, 1.0 - 2**-53], dtype=torch.float64)).jumps
    assert edges.tolist() == [0, size]


def test_records_hold_the_log_probability_of_what_was_taken():
    torch.manual_seed(2)
    head = JumpHead(3, 2, 1, 1).double()
    hidden = torch.randn(50, 3, dtype=torch.float64, requires_grad=True)
    record = head.decide(hidden, torch.rand(50, dtype=torch.float64))
    assert set(record.jumps.tolist()) == {0, 1, 2}
    expected = torch.log_softmax(hidden @ head.head.weight.T + head.head.bias, 1)
    torch.testing.assert_close(record.log_probabilities, expected[range(50), record.jumps], **EXACT)
    assert torch.equal(head.decide(hidden).jumps, expected.argmax(1))
    # The state does not learn to please the baseline.
    assert torch.autograd.grad(record.baselines.sum(), hidden, allow_unused=True)[0] is None
    for pair in itertools.pairwise((0.1, 0.5, 0.9)):
        low, high = (head.decide(hidden, torch.full((50,), u).double()).jumps for u in pair)
        assert (low <= high).all()
