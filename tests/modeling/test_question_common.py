"""What transformers and users expect of a question reader, for both kinds and every policy."""

import copy
import json
import pickle

import pytest
import torch
from transformers import AutoModel, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from skim_hf import SkimRNNForQuestionAnswering
from skim_hf.modeling import reader_skim_rnn
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader

SHAPES = {
    "plain": {"policy": "full"},
    "skim": {},
    "many sizes": {"cell_type": "gru", "skim_sizes": [3, 0], "char_vocab_size": None},
    "straight through": {"cell_type": "tanh", "estimator": "straight_through", "num_hidden_layers": 1},
    "no encoder": {"num_encoder_layers": 0, "exact_match": False, "small_input": "full_h"},
    "two encoders": {"num_encoder_layers": 2, "policy": "full", "num_highway_layers": 1},
    "skip": {"policy": "skip"},
    "selective": {"policy": "selective"},
    "random": {"policy": "random"},
    "periodic": {"policy": "periodic", "learned_initial_state": True},
}
LENGTHS, ASKED = [5, 2, 0, 1], [3, 1, 2, 0]
STARTS, ENDS = torch.tensor([1, 0, -100, 0]), torch.tensor([3, 1, -100, 0])


def draw(shape, high, lengths, seed):
    """Random ids of at least 1, and zeros at padding on the right."""
    ids = torch.randint(1, high, shape, generator=torch.Generator().manual_seed(seed))
    real = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    return ids * real.reshape(*shape[:2], *[1] * (len(shape) - 2))


IDS, QUESTION = draw((4, 5), 9, LENGTHS, 1), draw((4, 3), 9, ASKED, 2)
CHARACTERS, ASKED_CHARACTERS = draw((4, 5, 4), 11, LENGTHS, 3), draw((4, 3, 6), 11, ASKED, 4)


def inputs_of(model, ids=IDS, question=QUESTION, characters=CHARACTERS, asked=ASKED_CHARACTERS):
    """The arguments of a call, with characters where the model reads them."""
    given = {"input_ids": ids, "question_ids": question}
    if model.config.char_vocab_size is not None:
        given |= {"char_ids": characters, "question_char_ids": asked}
    return given


def loss_of(model, **options):
    noise = torch.Generator().manual_seed(9)
    positions = {"start_positions": STARTS, "end_positions": ENDS}
    return model(**inputs_of(model), **positions, generator=noise, **options).loss


@pytest.fixture(params=["attention", "bidaf"])
def reader(request):
    return request.param


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return request.param


@pytest.fixture
def model(reader, shape, make_question):
    return make_question(reader, **shape)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12, msg=name)


# Saving and loading


def test_what_is_loaded_is_what_was_saved(model, tmp_path):
    model.save_pretrained(tmp_path)
    for loader in (SkimRNNForQuestionAnswering, AutoModelForQuestionAnswering):
        loaded = loader.from_pretrained(tmp_path)
        assert type(loaded) is SkimRNNForQuestionAnswering
        assert loaded.config.to_diff_dict() == model.config.to_diff_dict()
        for name, tensor in loaded.state_dict().items():
            assert torch.equal(tensor, model.state_dict()[name]), name
        assert_same(loaded(**inputs_of(model)), model(**inputs_of(model)))


@pytest.mark.parametrize("meta", [False, True])
def test_fresh_weights(reader, meta, make_config):
    fields = {"num_highway_layers": 1, "char_vocab_size": 40, "initializer_range": 0.2}
    config = make_config(reader=reader, vocab_size=60, embedding_size=30, **fields)
    model = SkimRNNForQuestionAnswering(config)
    if meta:
        # As loading does it: without memory first, and whatever a file does not have initialised after.
        model = SkimRNNForQuestionAnswering.from_pretrained(None, config=config, state_dict={})
    weights = model.state_dict()
    drawn = [
        "embed_tokens",
        "characters.embed",
        "characters.filters",
        "highway.gates.0",
        "reader.similarity.scores",
    ]
    for name in drawn:
        assert float(weights[f"{name}.weight"].std()) == pytest.approx(0.2, rel=0.3), name
    assert bool((weights["embed_tokens.weight"][0] == 0).all())
    assert bool((weights["characters.embed.weight"][0] == 0).all())
    for name in ("characters.filters", "highway.gates.0", "highway.transforms.0"):
        assert bool((weights[f"{name}.bias"] == 0).all()), name
    assert weights["encoder.0.readers.1.cells.0.bias_ih"][7:14].tolist() == [1.0] * 7
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())
    assert not model.all_tied_weights_keys


def test_what_transformers_asks_of_the_class(make_question):
    model = make_question()
    assert model.main_input_name == "input_ids"
    assert model.base_model is model
    assert model.supports_gradient_checkpointing
    assert not model.can_generate()
    assert set(model._no_split_modules) <= {type(module).__name__ for module in model.modules()}


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForSequenceClassification])
def test_other_classes_refuse_the_folder(auto, make_question, tmp_path):
    make_question().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="SkimRNNForQuestionAnswering"):
        auto.from_pretrained(tmp_path)


def test_a_configuration_of_another_model_is_refused(make_config):
    with pytest.raises(ValueError, match="reader='attention' or 'bidaf'"):
        SkimRNNForQuestionAnswering(make_config())


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_copies_and_pickles(model, duplicate):
    assert_same(duplicate(model)(**inputs_of(model)), model(**inputs_of(model)))


def test_a_vocabulary_of_another_size(model):
    before = model(**inputs_of(model))
    new = model.resize_token_embeddings(31)
    assert new is model.get_input_embeddings() is model.embed_tokens
    assert model.config.vocab_size == len(new.weight) == 31
    assert_same(model(**inputs_of(model)), before)


# Batches


def pad(ids, amount, side):
    """Zeros before or after the words, and none of the two among characters."""
    left, right = (amount, 0) if side == "left" else (0, amount)
    return torch.nn.functional.pad(ids, ((0, 0) * (ids.dim() - 2)) + (left, right))


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model, side):
    asked_side = {"left": "right", "right": "left"}[side]
    per_token = {"start_logits", "end_logits", "decisions", "probabilities"}
    for row, (length, asked) in enumerate(zip(LENGTHS, ASKED, strict=True)):
        rows = slice(row, row + 1)
        parts = [IDS[rows, :length], QUESTION[rows, :asked]]
        parts += [CHARACTERS[rows, :length], ASKED_CHARACTERS[rows, :asked]]
        alone = model(**inputs_of(model, *parts))
        sides = [(2, side), (3, asked_side)] * 2
        wide = [pad(ids, *where) for ids, where in zip(parts, sides, strict=True)]
        # Characters too have padding, behind those of the word.
        wide[2:] = [torch.nn.functional.pad(ids, (0, 2)) for ids in wide[2:]]
        padded = model(**inputs_of(model, *wide))
        places = slice(2, None) if side == "left" else slice(length)
        for name, value in alone.items():
            got = padded[name][:, places] if name in per_token else padded[name]
            torch.testing.assert_close(got, value, rtol=0, atol=1e-12, msg=name)
        rest = slice(2) if side == "left" else slice(length, None)
        assert bool((padded.start_logits[:, rest] == torch.finfo(torch.float64).min).all())
        assert bool((padded.decisions[:, rest] == -1).all())


@torch.no_grad()
def test_texts_together_are_as_texts_alone(model):
    together = model(**inputs_of(model))
    order = torch.tensor([2, 0, 3, 1])
    shuffled = [ids[order] for ids in (IDS, QUESTION, CHARACTERS, ASKED_CHARACTERS)]
    assert_same(model(**inputs_of(model, *shuffled)), {k: v[order] for k, v in together.items()})
    masks = {"attention_mask": (IDS != 0).long(), "question_mask": (QUESTION != 0).long()}
    assert_same(model(**inputs_of(model), **masks), together)


@torch.no_grad()
@pytest.mark.parametrize(("length", "asked"), [(0, 0), (0, 2), (3, 0)])
def test_nothing_to_read_has_a_defined_result(model, length, asked):
    shapes = [(2, length), (2, asked), (2, length, 3), (2, asked, 3)]
    result = model(**inputs_of(model, *(torch.ones(shape, dtype=torch.int64) for shape in shapes)))
    assert result.start_logits.shape == result.end_logits.shape == (2, length)
    assert bool(result.start_logits.isfinite().all())
    assert result.lengths.tolist() == [length, length]
    if not length:
        assert bool((result.layer_skim_rates == 0).all())


def test_words_without_characters(make_question):
    model = make_question()
    for width in (0, 3):
        empty = [torch.zeros(4, n, width, dtype=torch.int64) for n in (5, 3)]
        found = model(**inputs_of(model, characters=empty[0], asked=empty[1]))
        assert bool(found.start_logits.isfinite().all())
        vectors = model.characters(empty[0])
        assert vectors.shape == (4, 5, 4)
        assert bool((vectors == 0).all())


# Outputs


def test_shapes_and_rates(model, reader, shape):
    result = model(**inputs_of(model), output_hidden_states=True)
    layers = shape.get("num_encoder_layers", 1) + shape.get("num_hidden_layers", 2) + (reader == "bidaf")
    readers, choices = 2 * layers, model.config.num_choices
    assert model.config.num_readers == readers
    assert result.decisions.shape == (4, 5, readers)
    assert result.probabilities.shape == (4, 5, readers, choices)
    assert result.layer_skim_rates.shape == (4, readers)
    assert result.lengths.tolist() == LENGTHS
    torch.testing.assert_close(result.layer_skim_rates.mean(1), result.skim_rate)
    if model.config.policy not in ("selective",):
        real = (IDS != 0)[..., None]
        skimmed = ((result.decisions != 0) & real).sum(1) / real.sum(1).clamp(min=1)
        torch.testing.assert_close(result.layer_skim_rates, skimmed)
    assert len(result.hidden_states) == layers + 1
    assert all(states.shape[:2] == (4, 5) for states in result.hidden_states)
    assert {states.shape[2] for states in result.hidden_states[1:]} == {14}
    assert model(**inputs_of(model)).hidden_states is None


def test_tuples_carry_the_same_values(model):
    result, values = model(**inputs_of(model)), model(**inputs_of(model), return_dict=False)
    assert isinstance(values, tuple)
    for a, b in zip(result.to_tuple(), values, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("policy", ["skim", "skip", "selective"])
def test_the_dial_reads_everything_or_nothing(reader, policy, make_question):
    model = make_question(reader, policy=policy)
    rates = [model(**inputs_of(model), skim_threshold=t).skim_rate for t in (0.0, 1.0)]
    assert rates[0].tolist() == [1, 1, 0, 1]
    assert rates[1].tolist() == [0, 0, 0, 0]
    model.config.skim_threshold = 0.0
    assert torch.equal(model(**inputs_of(model)).skim_rate, rates[0])


def test_exact_match_sees_words_of_the_question(reader, make_question):
    model = make_question(reader, policy="full", char_vocab_size=None, unk_token_id=3)
    ids, question = torch.tensor([[1, 2, 3, 4, 0]]), torch.tensor([[4, 3, 1, 0]])
    match = model._exact_match(ids, question, question != 0)
    assert match.squeeze(-1).tolist() == [[True, False, False, True, False]]
    blind = make_question(reader, policy="full", char_vocab_size=None, exact_match=False)
    first = [m.reader.layers[0].readers[0].cells[0].input_size for m in (model, blind)]
    assert first[0] == first[1] + 1


# Training


def test_training_is_reproducible_and_draws_from_the_generator(model):
    model.train()
    torch.manual_seed(1)
    first = loss_of(model)
    torch.manual_seed(2)
    assert torch.equal(loss_of(model), first)


@pytest.mark.parametrize("estimator", ["gumbel", "straight_through"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_every_parameter_gets_a_gradient(reader, cell_type, estimator, make_question):
    model = make_question(
        reader, cell_type=cell_type, estimator=estimator, skim_sizes=[5, 2, 0], num_highway_layers=1
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(0.1 if "decision" in name else 0.5)
    generator = torch.Generator().manual_seed(0)
    shapes = [((6, 11), 23), ((6, 5), 23), ((6, 11, 4), 11), ((6, 5, 4), 11)]
    drawn = [torch.randint(1, high, shape, generator=generator) for shape, high in shapes]
    places = torch.arange(6)
    model.train()(
        **inputs_of(model, *drawn), start_positions=places, end_positions=places + 2
    ).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert float(parameter.grad.abs().sum()) > 0, name


@pytest.mark.parametrize("fields", [{"policy": "full"}, {"cell_type": "gru"}, {"policy": "random"}], ids=str)
def test_gradients_are_those_of_finite_differences(reader, fields, scan_backend, make_question):
    model = make_question(reader, **fields).train()
    loss_of(model).backward()
    generator, step = torch.Generator().manual_seed(0), 1e-6
    for part in ("embed", "characters", "highway", "encoder", "similarity", "reader.layers"):
        chosen = [p for name, p in model.named_parameters() if part in name and p.grad is not None]
        ways = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in chosen]
        losses = []
        with torch.no_grad():
            for sign in (1, -2, 1):
                for parameter, way in zip(chosen, ways, strict=True):
                    parameter.add_(way, alpha=sign * step)
                losses.append(float(loss_of(model)))
        expected = sum(float((p.grad * way).sum()) for p, way in zip(chosen, ways, strict=True))
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx(expected, rel=1e-5, abs=1e-7), part


@pytest.mark.parametrize("policy", ["full", "skim", "random", "periodic"])
@pytest.mark.parametrize("training", [False, True])
def test_reading_goes_through_the_fused_scan(reader, policy, training, make_question, monkeypatch):
    def refuse(*args):
        raise AssertionError

    monkeypatch.setattr(reader_skim_rnn, "read_relaxed", refuse)
    monkeypatch.setattr(reader_skim_rnn, "read_hard", refuse)
    model = make_question(reader, policy=policy).train(training)
    with torch.set_grad_enabled(training):
        assert bool(loss_of(model).isfinite())


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing:FutureWarning")
def test_checkpointing_changes_no_gradient(model, monkeypatch):
    model.train()
    model.dropout.p = 0.4
    calls, original = [], SkimRNNReader.forward
    monkeypatch.setattr(SkimRNNReader, "forward", lambda *args: calls.append(1) or original(*args))

    def gradients():
        calls.clear()
        model.zero_grad()
        torch.manual_seed(3)
        loss_of(model).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}, len(calls)

    plain, readers = gradients()
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
    checkpointed, readers_again = gradients()
    assert readers_again == 2 * readers
    for name, gradient in plain.items():
        torch.testing.assert_close(checkpointed[name], gradient, rtol=0, atol=1e-13, msg=name)


def test_recomputed_gates_change_no_gradient(reader, make_question):
    gradients = []
    for recompute in (False, True):
        model = make_question(reader, recompute_gates=recompute).train()
        loss_of(model).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for got, want in zip(*gradients, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-13)


def test_frozen_word_vectors_stay_frozen(reader, make_question, tmp_path):
    make_question(reader, freeze_embeddings=True).save_pretrained(tmp_path)
    model = SkimRNNForQuestionAnswering.from_pretrained(tmp_path).train()
    loss_of(model).backward()
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["embed_tokens.weight"]
    assert model.embed_tokens.weight.grad is None
    fresh = SkimRNNForQuestionAnswering(model.config)
    assert not fresh.embed_tokens.weight.requires_grad
    fresh.resize_token_embeddings(31)
    assert not fresh.train().embed_tokens.weight.requires_grad
    assert json.loads((tmp_path / "config.json").read_text())["freeze_embeddings"] is True
    thawed = SkimRNNForQuestionAnswering.from_pretrained(tmp_path, freeze_embeddings=False)
    assert thawed.embed_tokens.weight.requires_grad


def test_the_loss_is_that_of_the_two_ends(reader, make_question):
    model = make_question(reader)
    result = model(**inputs_of(model), start_positions=STARTS, end_positions=ENDS, budget_weight=0.3)
    expected = [
        -result.start_logits[row, :length].log_softmax(0)[STARTS[row]]
        - result.end_logits[row, :length].log_softmax(0)[ENDS[row]]
        for row, length in enumerate(LENGTHS)
        if length
    ]
    torch.testing.assert_close(result.task_loss, sum(expected) / 3)
    skim = result.probabilities[..., 1]
    # The budget is that of equation 8, over the real tokens of every text and all readers.
    per_text = [-skim[row, :length].log().mean() if length else 0.0 for row, length in enumerate(LENGTHS)]
    torch.testing.assert_close(result.budget_loss, 0.3 * sum(per_text) / 4)
    torch.testing.assert_close(result.loss, result.task_loss + result.budget_loss)
    nowhere = torch.full((4,), -100)
    free = model(**inputs_of(model), start_positions=nowhere, end_positions=nowhere, budget_weight=0.0)
    assert float(free.loss.detach()) == 0


@pytest.mark.parametrize("policy", ["skip", "selective"])
def test_a_cost_budget_of_layers_with_gates_of_their_own(reader, policy, make_question):
    model = make_question(reader, policy=policy, budget_type="expected_cost")
    cost = model(
        **inputs_of(model), start_positions=STARTS, end_positions=ENDS, skim_threshold=1.0, budget_weight=1
    )
    readers = [r for layer in model.context_layers for r in layer.readers]
    extra = [
        (7 if policy == "skip" else 7 * r.cells[0].input_size + 7) / (28 * (r.cells[0].input_size + 7))
        for r in readers
    ]
    # Three of four texts have tokens, all of which are read.
    torch.testing.assert_close(float(cost.budget_loss), 0.75 * (1 + sum(extra) / len(extra)))


# Precision


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_autocast(model, training):
    model.float().train(training)
    exact = loss_of(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = loss_of(model)
    torch.testing.assert_close(rough.float(), exact, rtol=0.2, atol=0.2)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(model, dtype):
    model.to(dtype)
    result = model(**inputs_of(model), start_positions=STARTS, end_positions=ENDS)
    assert result.start_logits.dtype == dtype
    assert bool(result.start_logits.isfinite().all())
    assert bool(result.loss.isfinite())


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question_ids": None}, r"question_ids \[B, J\].*got shape None"),
        ({"question_ids": QUESTION[0]}, "question_ids"),
        ({"question_ids": QUESTION[:3], "question_char_ids": ASKED_CHARACTERS[:3]}, "each of the 4 contexts"),
        ({"question_mask": torch.ones(4, 2)}, "question_mask"),
        ({"attention_mask": torch.ones(4, 2)}, "attention_mask"),
        ({"input_ids": None}, "input_ids"),
        ({"char_ids": None}, "reads also characters; got char_ids=None"),
        ({"char_ids": CHARACTERS[:, :3]}, r"char_ids must have the shape \(4, 5, 'W'\)"),
        ({"question_char_ids": CHARACTERS}, r"question_char_ids must have the shape \(4, 3, 'W'\)"),
        ({"start_positions": STARTS}, "go together"),
        (
            {"start_positions": STARTS[:2], "end_positions": ENDS},
            r"start_positions must have the shape \[4\]",
        ),
        (
            {"start_positions": STARTS, "end_positions": ENDS + 2},
            "real tokens of the context.*got 1 and 5 in row 0",
        ),
        ({"start_positions": STARTS, "end_positions": STARTS - 1}, "got 1 and 0 in row 0"),
        ({"start_positions": STARTS, "end_positions": torch.zeros(4).long()}, "got 1 and 0"),
        ({"start_positions": torch.zeros(4).long(), "end_positions": torch.zeros(4).long()}, "row 2.*0 real"),
        ({"skim_threshold": 2.0}, "skim_threshold"),
        ({"temperature": 0.0}, "temperature"),
        ({"budget_weight": -1.0, "start_positions": STARTS, "end_positions": ENDS}, "budget_weight"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused(change, message, make_question):
    model = make_question()
    with pytest.raises(ValueError, match=message):
        model(**{**inputs_of(model), **change})


def test_characters_of_a_model_without_are_refused(make_question):
    model = make_question(char_vocab_size=None)
    with pytest.raises(ValueError, match="reads no characters"):
        model(IDS, QUESTION, char_ids=CHARACTERS)
