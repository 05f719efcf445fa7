"""Counters and pointers of jumping, row by row against a loop over one text."""

import pytest
import torch

from skim_hf.modeling.jumps_skim_rnn import Jumper, JumpHead, check_jumps

EXACT = {"rtol": 0, "atol": 1e-12}


def walk(head, hidden, every, limit, noise):
    """Visits of one text [T, d] and its decisions by token, as the definition says it."""
    visited, decided, position, used = [], {}, 0, 0
    while position < len(hidden):
        visited.append(position)
        if len(visited) % every == 0 and position + 1 < len(hidden):
            if used == limit:
                break
            u = None if noise is None else noise[position : position + 1]
            jump = int(head.decide(hidden[position : position + 1], u).jumps)
            decided[position] = jump
            used += 1
            if jump == 0:
                break
            position += jump
        else:
            position += 1
    return visited, decided


def walk_together(head, hidden, lengths, every, limit, noise):
    """The same for a batch [T, B, d] of texts from long to short; noise is [T, B]."""
    sizes = [sum(length > t for length in lengths) for t in range(len(hidden))]
    packed = None if noise is None else torch.cat([u[:n] for u, n in zip(noise, sizes, strict=True)])
    jumper = Jumper(head, sizes, every, limit, packed)
    pointer = torch.zeros(len(lengths), dtype=torch.int64)
    visited = [[] for _ in lengths]
    for step, rows in enumerate(sizes):
        pointer = pointer[:rows]
        visiting = pointer == step
        for row in visiting.nonzero().flatten().tolist():
            visited[row].append(step)
        if visiting.any():
            moved = jumper.move(
                step, hidden[step, :rows], visiting, sum(length > step + 1 for length in lengths)
            )
            pointer = torch.where(visiting, torch.where(moved == 0, 99, step + moved), pointer)
    return visited, jumper.finish(hidden[0])


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize(("every", "limit"), [(1, 0), (1, 3), (1, 99), (2, 2), (3, 1), (4, 99), (99, 1)])
def test_a_batch_moves_as_each_of_its_texts(every, limit, sampled):
    generator = torch.Generator().manual_seed(every)
    head = JumpHead(5, 3, 9, 9).double()
    with torch.no_grad():
        head.head.weight.copy_(torch.randn(4, 5, generator=generator))
    lengths = [17, 17, 11, 6, 6, 2, 1]
    hidden = torch.randn(17, 7, 5, generator=generator, dtype=torch.float64)
    noise = torch.rand(17, 7, generator=generator, dtype=torch.float64) if sampled else None
    visited, record = walk_together(head, hidden, lengths, every, limit, noise)
    steps = record.jumps.split([sum(length > t for length in lengths) for t in range(17)])
    for row, length in enumerate(lengths):
        own = None if noise is None else noise[:length, row]
        expected, decided = walk(head, hidden[:length, row], every, limit, own)
        assert visited[row] == expected
        assert {t: int(steps[t][row]) for t in range(length) if steps[t][row] >= 0} == decided
        assert len(expected) <= (limit + 1) * every
        assert len(decided) <= limit
    assert torch.equal(record.log_probabilities != 0, record.jumps >= 0)
    assert torch.equal(record.baselines != 0, record.jumps >= 0)


def test_where_no_token_is_no_decision_is():
    record = Jumper(JumpHead(5, 3, 1, 1), []).finish(torch.empty(0, 5))
    assert record.jumps.dtype == torch.int64
    assert len(record.jumps) == len(record.log_probabilities) == len(record.baselines) == 0


def test_the_head_has_a_gradient_where_nothing_was_decided():
    head = JumpHead(5, 3, 9, 1)
    jumper, hidden = Jumper(head, [2, 2]), torch.randn(2, 5)
    for step in range(2):
        jumper.move(step, hidden, None, 2 - 2 * step)
    record = jumper.finish(hidden)
    (record.log_probabilities.sum() + record.baselines.sum()).backward()
    assert all((parameter.grad == 0).all() for parameter in head.parameters())


def test_reading_ends_where_no_jump_is_left():
    jumper = Jumper(JumpHead(5, 3, 2, 0), [2, 2, 2])
    hidden = torch.randn(2, 5)
    assert jumper.move(0, hidden, None, 2).tolist() == [1, 1]
    assert jumper.move(1, hidden, None, 2).tolist() == [0, 0]
    assert jumper.finish(hidden).jumps.tolist() == [-1] * 6


def test_what_a_call_may_change():
    check_jumps(False, None, None)
    check_jumps(True, None, None)
    check_jumps(True, 1, 0)
    with pytest.raises(ValueError, match="configure jump_every, jump_size and jump_limit"):
        check_jumps(False, 3, None)
    with pytest.raises(ValueError, match="jump_every must be an integer of at least 1; got 0"):
        check_jumps(True, 0, None)
    with pytest.raises(ValueError, match="jump_limit must be an integer of at least 0; got -1"):
        check_jumps(True, None, -1)
    with pytest.raises(ValueError, match="jump_limit must be an integer"):
        check_jumps(True, None, 1.5)
