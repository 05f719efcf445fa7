"""Oracles S9, S11 and S14: the dial, merged granularities, and that only the chosen branch runs."""

from collections import Counter
from itertools import pairwise

import pytest
import torch

from skim_hf import SkimRNNModel
from skim_hf.costs import macs, reader_shapes
from skim_hf.modeling.estimators_skim_rnn import hard_choice
from skim_hf.modeling.policies_skim_rnn import Action, Setting, SkimPolicy

CELL_TYPES = ("lstm", "gru", "tanh")


@pytest.mark.parametrize("sizes", [[3], [5, 2, 0]], ids=str)
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s09_a_lower_threshold_skims_first_where_paths_part(cell_type, sizes, make_model, make_batch):
    model = make_model(SkimRNNModel, cell_type=cell_type, input_size=5, skim_sizes=sizes)
    inputs, mask = make_batch([9, 9, 9, 9])
    dial = [0.0, 0.2, 0.4, 0.5, 0.7, 0.9, 1.0]
    paths = [
        model(inputs_embeds=inputs, attention_mask=mask, skim_threshold=threshold).decisions[:, :, 0]
        for threshold in dial
    ]
    parted = 0
    for lower, higher in pairwise(paths):
        for a, b in zip(lower, higher, strict=True):
            differs = (a != b).nonzero().flatten()
            if len(differs):
                parted += 1
                assert int(a[differs[0]]) > 0
                assert int(b[differs[0]]) == 0
    assert parted > 3
    assert bool((paths[-1] == 0).all())
    assert bool((paths[0] > 0).all())


@pytest.mark.parametrize("k", [2, 3, 4, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_s09_the_ends_of_the_dial(k, dtype):
    logits = 3 * torch.randn(20_000, k, dtype=torch.float64)
    # Also where reading is so improbable that the rounded sum of the others may exceed one.
    logits[:10_000, 0] -= 30
    p = logits.to(dtype).softmax(-1)
    for threshold in (1.0, 1.5):
        assert bool((hard_choice(p, threshold) == 0).all())
    skimmed = hard_choice(p, -1e-9)
    assert bool((skimmed > 0).all())
    assert torch.equal(skimmed, p[:, 1:].argmax(-1) + 1)


def test_s09_one_granularity_is_always_read():
    assert hard_choice(torch.ones(3, 1), -1.0).tolist() == [0, 0, 0]


def test_s09_the_first_of_equally_likely_sizes_is_taken():
    p = torch.tensor([[0.2, 0.3, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
    assert hard_choice(p, 0.5).tolist() == [1, 1, 0]


@pytest.mark.parametrize("shift", [-0.9, -0.3, 0.0, 0.2, 0.8])
def test_s09_the_additive_dial_is_a_threshold(shift):
    p = torch.randn(5_000, 2, dtype=torch.float64).softmax(-1)
    # argmax_j (p_j + b_j) with b = (shift, 0); a tie reads.
    additive = (p + torch.tensor([shift, 0.0])).argmax(-1)
    assert torch.equal(additive, hard_choice(p, 0.5 + shift / 2))


def test_s09_the_paper_argmax_is_the_threshold_of_one_half():
    p = torch.randn(5_000, 2, dtype=torch.float64).softmax(-1)
    assert torch.equal(p.argmax(-1), hard_choice(p, 0.5))


class Merged(SkimPolicy):
    """Three scores, of which the two small ones are one choice."""

    def decide(self, projected, state, memory, noise, setting):
        logits = super().decide(projected, state, memory, noise, setting).logits
        merged = torch.stack((logits[:, 0], logits[:, 1:].logsumexp(1)), 1)
        return Action(hard_choice(merged.softmax(-1), setting.threshold), merged)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s11_equal_small_cells_are_one_choice(cell_type, small_input, threshold, make_reader, packed):
    fields = {"cell_type": cell_type, "small_input": small_input}
    three, two = make_reader(skim_sizes=[3, 3], seed=2, **fields), make_reader(skim_sizes=[3], **fields)
    three.cells[2].load_state_dict(three.cells[1].state_dict())
    for own, given in zip(two.cells, three.cells, strict=False):
        own.load_state_dict(given.state_dict())
    two.policy = Merged(5, 7, 3).double()
    two.policy.load_state_dict(three.policy.state_dict())
    batch = packed([9, 6, 9, 2], three)
    a, b = (reader(*batch, None, Setting(threshold=threshold)) for reader in (three, two))
    assert set(a.choices.tolist()) == {0, 1, 2}
    assert torch.equal(a.choices.clamp(max=1), b.choices)
    torch.testing.assert_close(a.hidden, b.hidden, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.stack(a.state), torch.stack(b.state), rtol=0, atol=1e-12)


def count_rows(model, monkeypatch):
    """Counts, for every (reader, choice), the rows that are projected and the rows that enter the cell."""
    projected, entered = Counter(), Counter()
    readers = [reader for layer in model.layers for reader in layer.readers]
    for index, reader in enumerate(readers):
        for choice in range(len(reader.sizes)):
            cell = reader.cell_of(choice)
            if cell is None:
                continue

            def project(inputs, key=(index, choice), original=cell.project):
                projected[key] += len(inputs)
                return original(inputs)

            def enter(_, inputs, key=(index, choice)):
                entered[key] += len(inputs[0])

            monkeypatch.setattr(cell, "project", project)
            cell.register_forward_pre_hook(enter)
    return projected, entered


@pytest.mark.parametrize("lengths", [[21], [5, 9, 0, 1, 9, 7]], ids=str)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("sizes", [[3], [0], [5, 2, 0]], ids=str)
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s14_only_the_chosen_branch_is_computed(
    cell_type, sizes, layers, bidirectional, lengths, make_model, make_batch, monkeypatch
):
    fields = {"num_hidden_layers": layers, "bidirectional": bidirectional, "cell_type": cell_type}
    model = make_model(SkimRNNModel, input_size=5, skim_sizes=sizes, **fields)
    projected, entered = count_rows(model, monkeypatch)
    inputs, mask = make_batch(lengths)
    decisions = model(inputs_embeds=inputs, attention_mask=mask).decisions[mask]
    total = 0
    for index, shape in enumerate(reader_shapes(model.config)):
        counts = torch.bincount(decisions[:, index], minlength=len(sizes) + 1).tolist()
        for choice, size in enumerate([7, *sizes]):
            if size > 0:
                assert entered[index, choice] == projected[index, choice] == counts[choice]
        total += macs(shape, counts)
    # The test means something only where the decisions differ.
    assert len(set(decisions.flatten().tolist())) > 1
    executed = sum(
        rows
        * model.layers[index // (1 + bidirectional)]
        .readers[index % (1 + bidirectional)]
        .cell_of(choice)
        .multiply_adds
        for (index, choice), rows in entered.items()
    )
    overhead = (
        sum(shape.input_size + 7 for shape in reader_shapes(model.config)) * len(sizes) * len(decisions)
    )
    assert total == executed + overhead


@pytest.mark.parametrize("choice", [0, 1])
def test_s14_a_uniform_batch_computes_one_branch(choice, make_model, force, make_batch, monkeypatch):
    model = force(make_model(SkimRNNModel, input_size=5), choice)
    _, entered = count_rows(model, monkeypatch)
    inputs, mask = make_batch([4, 2, 4])
    model(inputs_embeds=inputs, attention_mask=mask)
    assert entered == {(0, choice): 10}
