"""Oracles Q1 to Q5 of the specification: attention, and readers that skim in the place of plain LSTMs."""

import pytest
import torch

from skim_hf import SkimRNNForQuestionAnswering
from skim_hf.modeling.context_skim_rnn import ContextWalk
from skim_hf.modeling.policies_skim_rnn import Setting

from .question_reference import answer

EXACT = {"rtol": 0, "atol": 1e-12}
READERS = ("attention", "bidaf")
LENGTHS, QUESTION_LENGTHS = [6, 3, 1], [2, 4, 1]


@pytest.fixture(params=READERS)
def reader(request):
    return request.param


def draw(shape, high, seed):
    return torch.randint(1, high, shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def batch():
    """Three contexts and questions with characters, some of which are missing."""
    ids = draw((3, 6), 9, 1) * (torch.arange(6) < torch.tensor(LENGTHS)[:, None])
    question = draw((3, 4), 9, 2) * (torch.arange(4) < torch.tensor(QUESTION_LENGTHS)[:, None])
    characters, asked = draw((3, 6, 5), 11, 3), draw((3, 4, 4), 11, 4)
    # Words of 0 to 5 characters.
    characters *= torch.arange(5) < draw((3, 6, 1), 7, 5) - 1
    return {
        "input_ids": ids,
        "question_ids": question,
        "char_ids": characters,
        "question_char_ids": asked,
    }


@torch.no_grad()
def assert_logits_by_hand(model, batch, **options):
    result = model(**batch, **options)
    for row, (length, asked) in enumerate(zip(LENGTHS, QUESTION_LENGTHS, strict=True)):
        pairs = [("input_ids", length), ("char_ids", length), ("question_ids", asked)]
        given = [batch[name][row, :n].tolist() for name, n in (*pairs, ("question_char_ids", asked))]
        expected = answer(model, *given)
        for got, want in zip((result.start_logits, result.end_logits), expected, strict=True):
            torch.testing.assert_close(got[row, :length], want, **EXACT)
            assert bool((got[row, length:] == torch.finfo(got.dtype).min).all())
    return result


@pytest.mark.parametrize("side", ["right", "left"])
def test_q1_attention_is_a_distribution_over_the_real_words_of_the_question(side, make_question):
    model = make_question()
    generator = torch.Generator().manual_seed(0)
    context, question = (torch.randn(4, n, 14, generator=generator, dtype=torch.float64) for n in (6, 5))
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 0])[:, None]
    mask = mask if side == "right" else mask.flip(1)
    weights = model.reader.attend(context, 5 * question, mask)
    torch.testing.assert_close(weights.sum(2)[:3], torch.ones(3, 6, dtype=torch.float64), **EXACT)
    assert bool((weights[~mask[:, None].expand_as(weights)] == 0).all())
    # Weights that are all alike would pass as well.
    assert float(weights[0].detach().std(0).max()) > 0.1


def test_q2_a_plain_model_is_its_equations_with_torch_lstms(reader, make_question, batch):
    assert_logits_by_hand(make_question(reader, policy="full"), batch)


@pytest.mark.parametrize("skim_sizes", [[3], [5, 0]], ids=str)
@pytest.mark.parametrize("fields", [{}, {"num_encoder_layers": 0, "num_highway_layers": 1}], ids=["", "bare"])
def test_q2_readers_that_read_everything_leave_the_logits_as_they_are(
    reader, skim_sizes, fields, make_question, force, batch
):
    model = make_question(reader, skim_sizes=skim_sizes, **fields)
    skimming = model(**batch)
    assert float(skimming.skim_rate.max()) > 0
    result = assert_logits_by_hand(force(model, 0), batch, skim_threshold=1.0)
    assert bool((result.skim_rate == 0).all())
    assert not torch.allclose(result.start_logits[0], skimming.start_logits[0])


@pytest.mark.parametrize(
    ("fields", "new"),
    [
        ({"policy": "skim", "skim_sizes": [3]}, {"cells.1", "policy.decision"}),
        ({"policy": "skim", "skim_sizes": [0]}, {"policy.decision"}),
        ({"policy": "skip", "learned_initial_state": False}, {"policy.gate"}),
        ({"policy": "selective"}, {"policy.coordinator", "policy.own"}),
        ({"policy": "periodic", "skip_rate": 0.0}, set()),
    ],
    ids=lambda value: str(value.get("policy")) if isinstance(value, dict) else "",
)
def test_q3_a_plain_checkpoint_in_the_big_cells_gives_its_logits(
    reader, fields, new, make_question, force, batch, tmp_path
):
    plain = make_question(reader, policy="full")
    plain.save_pretrained(tmp_path)
    unset = {"skim_sizes": None, "budget_type": None, "learned_initial_state": None}
    model, report = SkimRNNForQuestionAnswering.from_pretrained(
        tmp_path, **{**unset, **fields}, output_loading_info=True
    )
    assert not report["unexpected_keys"]
    assert {name for name in report["missing_keys"] if not any(part in name for part in new)} == set()
    assert bool(report["missing_keys"]) == bool(new)
    result, expected = force(model, 0)(**batch, skim_threshold=1.0), plain(**batch)
    torch.testing.assert_close(result.start_logits, expected.start_logits, **EXACT)
    torch.testing.assert_close(result.end_logits, expected.end_logits, **EXACT)
    assert bool((result.skim_rate == 0).all())


@pytest.mark.parametrize("side", ["right", "left"])
def test_q4_what_bidaf_merges(side, make_question):
    """G has 8 d columns, and neither side of the attention sees the padding of the question."""
    model = make_question("bidaf")
    generator = torch.Generator().manual_seed(0)
    context, question, padding = (
        torch.randn(2, n, 14, generator=generator, dtype=torch.float64) for n in (6, 3, 4)
    )
    mask = torch.arange(6) < torch.tensor([6, 4])[:, None]
    real, none = torch.ones(2, 3).bool(), torch.zeros(2, 4).bool()
    alone = model.reader.merge(context, question, mask, real)
    assert alone.shape == (2, 6, 8 * 7)
    parts, masks = ([question, 50 * padding], [real, none])
    order = slice(None) if side == "right" else slice(None, None, -1)
    padded = model.reader.merge(context, torch.cat(parts[order], 1), mask, torch.cat(masks[order], 1))
    torch.testing.assert_close(padded, alone, **EXACT)
    # What is sought in the context is one vector, a mean over its real words alone.
    sought = alone[..., 42:] / context
    torch.testing.assert_close(sought, sought[:, :1].expand_as(sought), rtol=0, atol=1e-9)
    scores = model.reader.similarity(context[1:, :4], question[1:])[0]
    torch.testing.assert_close(sought[1, 0], scores.amax(1).softmax(0) @ context[1, :4], rtol=0, atol=1e-9)


def test_q5_reversed_contexts_swap_the_directions(reader, make_question):
    model, twin = make_question(reader, num_hidden_layers=1), make_question(reader, num_hidden_layers=1)
    mask = torch.arange(6) < torch.tensor([6, 4, 0])[:, None]
    for layer, swapped in zip(model.context_layers, twin.context_layers, strict=True):
        for direction in (0, 1):
            swapped.readers[direction].load_state_dict(layer.readers[1 - direction].state_dict())
        width = layer.readers[0].cells[0].input_size
        words = torch.randn(3, 6, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        walks = [ContextWalk(m, Setting(), torch.nn.Dropout(0.0)) for m in (mask, mask.flip(1))]
        there, back = walks[0].read(layer, words), walks[1].read(swapped, words.flip(1)).flip(1)
        torch.testing.assert_close(back, torch.cat([there[..., 7:], there[..., :7]], -1), **EXACT)
        first, second = walks[0].readings[0].choices, walks[1].readings[0].choices.flip(1)
        assert torch.equal(first, second.flip(2))
        # Both directions decide, and not alike.
        assert len(first[mask].unique(dim=0)) > 1
