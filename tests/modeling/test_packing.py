"""Time-major packing of padded batches."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.modeling.packing_skim_rnn import Packing

SETTINGS = settings(max_examples=80, deadline=None, database=None)


@st.composite
def masks(draw):
    """Any mask: left or right padding, holes, rows without tokens, no rows, no columns."""
    batch, length = draw(st.integers(0, 5)), draw(st.integers(0, 7))
    kind = draw(st.sampled_from(["right", "left", "any"]))
    if kind == "any":
        rows = [[draw(st.booleans()) for _ in range(length)] for _ in range(batch)]
        return torch.tensor(rows, dtype=torch.bool).reshape(batch, length)
    lengths = torch.tensor([draw(st.integers(0, length)) for _ in range(batch)], dtype=torch.int64)
    right = torch.arange(length) < lengths.reshape(-1, 1)
    return right if kind == "right" else right.flip(1)


def expected_order(mask, reverse):
    """(text, column) of the packed tokens: step by step, long texts first, ties in batch order."""
    columns = [row.nonzero().flatten().tolist()[:: -1 if reverse else 1] for row in mask]
    texts = sorted(range(len(columns)), key=lambda text: -len(columns[text]))
    steps = max(map(len, columns), default=0)
    return [(text, columns[text][t]) for t in range(steps) for text in texts if t < len(columns[text])], texts


@given(masks(), st.booleans())
@SETTINGS
def test_order_of_the_packed_tokens(mask, reverse):
    packing = Packing.from_mask(mask, reverse=reverse)
    order, texts = expected_order(mask, reverse)
    assert packing.index.tolist() == [text * mask.shape[1] + column for text, column in order]
    assert packing.order.tolist() == texts
    assert packing.shape == tuple(mask.shape)


@given(masks(), st.booleans())
@SETTINGS
def test_batch_sizes_count_the_texts_still_being_read(mask, reverse):
    packing = Packing.from_mask(mask, reverse=reverse)
    lengths = mask.sum(1)
    assert packing.steps == [
        int((lengths > t).sum()) for t in range(int(lengths.max()) if len(lengths) else 0)
    ]
    assert sum(packing.steps) == int(mask.sum())
    assert packing.steps == sorted(packing.steps, reverse=True)


@given(masks(), st.booleans(), st.sampled_from([(), (1,), (3, 2), (0,)]))
@SETTINGS
def test_unpack_is_the_inverse_of_pack(mask, reverse, width):
    packing = Packing.from_mask(mask, reverse=reverse)
    padded = torch.randn(*mask.shape, *width, dtype=torch.float64)
    packed = packing.pack(padded)
    assert packed.shape == (int(mask.sum()), *width)
    assert torch.equal(packing.pack(packing.unpack(packed)), packed)
    unpacked = packing.unpack(packed, fill=-7.0)
    assert torch.equal(unpacked[mask], padded[mask])
    assert bool((unpacked[~mask] == -7.0).all())


@given(masks())
@SETTINGS
def test_restore_order_undoes_the_sorting(mask):
    packing = Packing.from_mask(mask)
    rows = torch.randn(mask.shape[0], 2, 3)
    assert torch.equal(packing.restore_order(rows[packing.order]), rows)


@given(masks())
@SETTINGS
def test_reading_backwards_reverses_the_real_tokens_only(mask):
    forward, backward = Packing.from_mask(mask), Packing.from_mask(mask, reverse=True)
    positions = torch.arange(mask.numel()).reshape(mask.shape)
    flipped = positions.clone()
    for row in range(len(mask)):
        flipped[row, mask[row]] = positions[row, mask[row]].flip(0)
    assert torch.equal(backward.pack(positions), forward.pack(flipped))
    assert backward.steps == forward.steps
    assert torch.equal(backward.order, forward.order)


def test_dtypes_are_kept_and_padding_is_not_touched():
    mask = torch.tensor([[False, True, True], [True, False, False]])
    packing = Packing.from_mask(mask)
    padded = torch.where(mask, 1.0, torch.nan)
    assert not packing.pack(padded).isnan().any()
    assert packing.unpack(torch.tensor([3, 4, 5]), fill=-1).tolist() == [[-1, 3, 5], [4, -1, -1]]


def test_gradients_reach_the_real_tokens_only():
    mask = torch.tensor([[True, True, False], [False, False, True]])
    packing = Packing.from_mask(mask)
    padded = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    packing.unpack(packing.pack(padded)).sum().backward()
    assert torch.equal(padded.grad, mask[:, :, None].expand(2, 3, 4).double())
