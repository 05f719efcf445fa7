"""What transformers expects of any model, for every class of ours and every shape of reader."""

import copy
import json
import pickle

import pytest
import torch
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    initialization,
)

from skim_hf import (
    SkimRNNConfig,
    SkimRNNForSequenceClassification,
    SkimRNNForTokenClassification,
    SkimRNNModel,
)
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader

HEADS = {
    SkimRNNForSequenceClassification: AutoModelForSequenceClassification,
    SkimRNNForTokenClassification: AutoModelForTokenClassification,
}
CLASSES = {SkimRNNModel: AutoModel, **HEADS}
SHAPES = {
    "plain": {"policy": "full", "bidirectional": True, "num_hidden_layers": 2},
    "skim": {},
    "two directions": {"cell_type": "gru", "bidirectional": True, "skim_sizes": [3, 0], "pooling": "max"},
    "two layers": {"cell_type": "tanh", "num_hidden_layers": 2, "small_input": "full_h", "pooling": "mean"},
    "both": {"bidirectional": True, "num_hidden_layers": 2, "estimator": "straight_through"},
    "skip": {"policy": "skip", "cell_type": "gru", "bidirectional": True},
    "skip stack": {"policy": "skip", "num_hidden_layers": 2, "skip_gradient": "equation"},
    "selective": {"policy": "selective", "bidirectional": True, "num_hidden_layers": 2},
    "random": {"policy": "random", "num_hidden_layers": 2, "pooling": "mean"},
    "periodic": {"policy": "periodic", "learned_initial_state": True, "bidirectional": True},
}
LENGTHS = [5, 2, 0, 1]
MASK = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
IDS = torch.arange(1, 21).reshape(4, 5) * MASK
LEFT_IDS = torch.stack([row.roll(5 - length) for row, length in zip(IDS, LENGTHS, strict=True)])


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


@pytest.fixture(params=HEADS, ids=lambda cls: cls.__name__)
def head(request):
    return request.param


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return request.param


@pytest.fixture
def model(cls, shape, make_model):
    return make_model(cls, num_labels=3, **shape)


# Every shape, and every class: enough where the one has nothing to do with the other.
SOME = [(SkimRNNForSequenceClassification, name) for name in SHAPES]
SOME += [(SkimRNNForTokenClassification, "both"), (SkimRNNModel, "both")]


@pytest.fixture(params=SOME, ids=lambda pair: f"{pair[0].__name__}-{pair[1]}")
def some_model(request, make_model):
    cls, name = request.param
    return make_model(cls, num_labels=3, **SHAPES[name])


def assert_same_weights(a, b):
    assert a.state_dict().keys() == b.state_dict().keys()
    for name, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[name]), name


def a_loss(model, ids=IDS, **kwargs):
    """The loss of a head, and something to descend for the bare encoder."""
    noise = torch.Generator().manual_seed(9)
    if isinstance(model, SkimRNNModel):
        return model(ids, generator=noise, **kwargs).last_hidden_state.square().sum()
    labels = ids % 3 if isinstance(model, SkimRNNForTokenClassification) else ids[:, 0] % 3
    return model(ids, labels=labels, generator=noise, **kwargs).loss


# Saving and loading


def test_what_is_loaded_is_what_was_saved(model, cls, tmp_path):
    model.save_pretrained(tmp_path)
    for loader in (cls, CLASSES[cls]):
        loaded = loader.from_pretrained(tmp_path)
        assert type(loaded) is cls
        assert not loaded.training
        assert loaded.dtype == torch.float64
        assert_same_weights(loaded, model)
        # Not bit for bit: the sums of a matrix product depend on where its operands lie in memory.
        torch.testing.assert_close(loaded(IDS)[0], model(IDS)[0], rtol=0, atol=1e-12)
        assert loaded.config.to_diff_dict() == model.config.to_diff_dict()


def test_a_configuration_survives_json(model, tmp_path):
    model.config.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    for again in (AutoConfig.from_pretrained(tmp_path), SkimRNNConfig.from_dict(stored)):
        assert type(again) is SkimRNNConfig
        assert again.to_diff_dict() == model.config.to_diff_dict()
        assert json.loads(again.to_json_string()) == stored


def test_weights_are_safetensors_for_pytorch(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("*model*") if path.suffix != ".py"] == ["model.safetensors"]
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata()["format"] == "pt"
        assert set(file.keys()) == set(model.state_dict())


def test_shards(some_model, tmp_path):
    some_model.save_pretrained(tmp_path, max_shard_size="1KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(some_model.state_dict())
    assert len({*index["weight_map"].values()}) > 1
    assert not (tmp_path / "model.safetensors").exists()
    assert_same_weights(type(some_model).from_pretrained(tmp_path), some_model)


@pytest.mark.parametrize("options", [{}, {"low_cpu_mem_usage": True}, {"device_map": "cpu"}], ids=str)
def test_loading_leaves_nothing_on_the_meta_device(some_model, options, tmp_path):
    some_model.save_pretrained(tmp_path)
    loaded = type(some_model).from_pretrained(tmp_path, **options)
    assert {tensor.device.type for tensor in (*loaded.parameters(), *loaded.buffers())} == {"cpu"}
    assert_same_weights(loaded, some_model)


@pytest.mark.parametrize(
    ("saved", "asked"),
    [
        (torch.bfloat16, "auto"),
        (torch.float16, None),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float16),
    ],
    ids=str,
)
def test_precision_of_loaded_weights(some_model, saved, asked, tmp_path):
    some_model.to(saved).save_pretrained(tmp_path)
    loaded = type(some_model).from_pretrained(tmp_path, **({} if asked is None else {"dtype": asked}))
    expected = asked if isinstance(asked, torch.dtype) else saved
    assert {parameter.dtype for parameter in loaded.parameters()} == {expected}
    assert loaded.config.dtype == expected
    assert_same_weights(loaded, copy.deepcopy(some_model).to(expected))
    result = loaded(IDS)
    assert result[0].dtype == expected
    assert bool(result[0].isfinite().all())


@pytest.mark.usefixtures("_seeded_draws")
@pytest.mark.parametrize("fields", [*SHAPES.values(), {"pad_token_id": None}, {"input_size": 4}], ids=str)
def test_the_meta_device_gives_the_weights_of_a_new_model(cls, fields, make_config):
    config = make_config(**fields)
    direct, meta = cls(config), cls.from_pretrained(None, config=config, state_dict={})
    assert_same_weights(direct, meta)
    # Buffers that are not saved would be left as whatever the memory held.
    assert dict(direct.named_buffers()).keys() == dict(meta.named_buffers()).keys() == set()
    assert all(bool(tensor.isfinite().all()) for tensor in meta.state_dict().values())


@pytest.fixture
def _seeded_draws(monkeypatch):
    """Seeds every single draw, since a model that is not built on the meta device draws more numbers."""
    for name, original in initialization.TORCH_INIT_FUNCTIONS.items():

        def seeded(*args, original=original, **kwargs):
            torch.manual_seed(3)
            return original(*args, **kwargs)

        monkeypatch.setitem(initialization.TORCH_INIT_FUNCTIONS, name, seeded)
        monkeypatch.setattr(torch.nn.init, name, seeded)


# Heads and encoders


def test_encoders_and_heads_read_each_other(head, shape, tmp_path, make_model):
    whole, base = make_model(head, **shape), make_model(SkimRNNModel, seed=1, **shape)
    whole.save_pretrained(tmp_path / "head")
    base.save_pretrained(tmp_path / "base")
    classifier = {"classifier.weight", "classifier.bias"}
    encoder, report = SkimRNNModel.from_pretrained(tmp_path / "head", output_loading_info=True)
    assert (set(report["unexpected_keys"]), set(report["missing_keys"])) == (classifier, set())
    assert_same_weights(encoder, whole.skim_rnn)
    new, report = head.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert (set(report["unexpected_keys"]), set(report["missing_keys"])) == (set(), classifier)
    assert_same_weights(new.skim_rnn, base)
    assert bool(new.classifier.weight.isfinite().all())
    for other in HEADS:
        assert_same_weights(other.from_pretrained(tmp_path / "head"), whole)


def test_another_number_of_labels(head, shape, tmp_path, make_model):
    model = make_model(head, num_labels=3, **shape)
    model.save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="mismatch"):
        head.from_pretrained(tmp_path, num_labels=5)
    loaded = head.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert loaded.num_labels == loaded.config.num_labels == loaded(IDS).logits.shape[-1] == 5
    assert_same_weights(loaded.skim_rnn, model.skim_rnn)
    assert bool(loaded.classifier.weight.isfinite().all())


def test_labels_keep_their_names(cls, tmp_path, make_model):
    names = {0: "bad", 1: "so so", 2: "good"}
    model = make_model(cls, id2label=names, label2id={name: number for number, name in names.items()})
    model.save_pretrained(tmp_path)
    for loaded in (loader.from_pretrained(tmp_path) for loader in CLASSES):
        assert loaded.config.id2label == names
        assert loaded.config.label2id == {"bad": 0, "so so": 1, "good": 2}
        assert loaded.config.num_labels == 3


# Embeddings


@pytest.mark.parametrize("size", [31, 21])
def test_a_vocabulary_of_another_size(some_model, size, tmp_path):
    model, cls = some_model, type(some_model)
    before, old = model(IDS)[0].detach(), model.get_input_embeddings().weight.detach().clone()
    new = model.resize_token_embeddings(size)
    assert new is model.get_input_embeddings()
    assert new.weight.shape == (size, 5)
    assert model.config.vocab_size == model.base_model.config.vocab_size == size
    assert torch.equal(new.weight[:23], old[:size])
    assert bool(new.weight.isfinite().all())
    assert new.padding_idx == 0
    assert torch.equal(model(IDS)[0], before)
    assert model(torch.full((1, 2), size - 1)).lengths.tolist() == [2]
    model.save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert loaded.config.vocab_size == size
    assert_same_weights(loaded, model)
    a_loss(model.train()).backward()
    assert bool((new.weight.grad[0] == 0).all())


def test_embeddings_can_be_had_and_replaced(model):
    table = model.get_input_embeddings()
    assert table is model.base_model.embed_tokens
    other = torch.nn.Embedding(23, 5, dtype=torch.float64)
    before = model(IDS)[0]
    model.set_input_embeddings(other)
    assert model.get_input_embeddings() is model.base_model.embed_tokens is other
    assert not torch.equal(model(IDS)[0], before)


@pytest.mark.parametrize("training", [False, True])
def test_vectors_instead_of_words(model, training):
    model.train(training)
    vectors = model.get_input_embeddings()(IDS)
    noise = (torch.Generator().manual_seed(0) for _ in range(2))
    words = model(IDS, MASK, generator=next(noise))
    same = model(inputs_embeds=vectors, attention_mask=MASK, generator=next(noise))
    for name, value in words.items():
        assert torch.equal(value, same[name]), name


# Batches


@torch.no_grad()
def test_padding_changes_nothing(model):
    together, left = model(IDS, MASK), model(LEFT_IDS, MASK.flip(1))
    wider = model(torch.nn.functional.pad(IDS, (0, 3)), torch.nn.functional.pad(MASK, (0, 3)))
    for row, length in enumerate(LENGTHS):
        for name, alone in model(IDS[row : row + 1, :length]).items():
            # Outputs that have a place for every token have as many as the padded batch.
            is_per_token = together[name].shape[1:2] == (5,)
            right_places, left_places = slice(length), slice(5 - length, 5)
            for batch, places in ((together, right_places), (wider, right_places), (left, left_places)):
                got = batch[name][row][places] if is_per_token else batch[name][row]
                torch.testing.assert_close(got, alone[0], rtol=0, atol=1e-12, msg=name)


def test_order_of_texts_changes_nothing(model):
    order = torch.tensor([2, 0, 3, 1])
    together, shuffled = model(IDS), model(IDS[order])
    for name, value in together.items():
        torch.testing.assert_close(shuffled[name], value[order], rtol=0, atol=1e-12, msg=name)


# Outputs


def test_tuples_carry_the_same_values(model):
    result, values = model(IDS), model(IDS, return_dict=False)
    assert isinstance(values, tuple)
    for a, b in zip(result.to_tuple(), values, strict=True):
        assert torch.equal(a, b)
    model.config.return_dict = False
    assert isinstance(model(IDS), tuple)
    assert torch.equal(model(IDS, return_dict=True)[0], result[0])


def test_hidden_states(model, shape):
    assert model(IDS).hidden_states is None
    asked = model(IDS, output_hidden_states=True).hidden_states
    layers, width = shape.get("num_hidden_layers", 1), 14 if shape.get("bidirectional") else 7
    assert [tuple(states.shape) for states in asked] == [(4, 5, 5), *[(4, 5, width)] * layers]
    assert torch.equal(asked[0], model.get_input_embeddings()(IDS))
    assert torch.equal(asked[-1], model.base_model(IDS).last_hidden_state)
    model.config.output_hidden_states = True
    configured = model(IDS).hidden_states
    assert all(torch.equal(a, b) for a, b in zip(asked, configured, strict=True))
    assert model(IDS, output_hidden_states=False).hidden_states is None


def test_every_output_has_a_row_for_each_text(model):
    # Pipelines take the rows of every output of a batch.
    assert {name: len(value) for name, value in model(IDS).items()} == dict.fromkeys(model(IDS), 4)


# Training


@pytest.mark.parametrize("estimator", ["gumbel", "straight_through"])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_every_parameter_gets_a_gradient(cell_type, small_input, estimator, cls, make_model):
    fields = {"cell_type": cell_type, "small_input": small_input, "estimator": estimator}
    model = make_model(
        cls, num_labels=3, num_hidden_layers=2, bidirectional=True, skim_sizes=[5, 2, 0], **fields
    )
    # Undecided decisions and enough tokens, so that a straight-through sample takes every branch.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(0.1 if "decision" in name else 1.0)
    a_loss(model.train(), torch.randint(0, 23, (6, 11))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert float(parameter.grad.abs().sum()) > 0, name


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize(("names", "dropout"), [("activation", 0.4), ("activation", 0.0), ("gradient", 0.4)])
def test_checkpointing_changes_no_gradient(some_model, dropout, names, monkeypatch):
    model = some_model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    calls, original = [], SkimRNNReader.accept
    monkeypatch.setattr(SkimRNNReader, "accept", lambda *args: calls.append(1) or original(*args))

    def gradients():
        calls.clear()
        model.zero_grad()
        torch.manual_seed(3)
        a_loss(model).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}, len(calls)

    plain, readers = gradients()
    # Early versions of transformers 5 know the old names alone.
    getattr(model, f"{names}_checkpointing_enable", model.gradient_checkpointing_enable)()
    checkpointed, readers_again = gradients()
    # Without this the test would pass with checkpointing that does nothing.
    assert readers_again == 2 * readers
    for name, gradient in plain.items():
        torch.testing.assert_close(checkpointed[name], gradient, rtol=0, atol=1e-14, msg=name)
    getattr(model, f"{names}_checkpointing_disable", model.gradient_checkpointing_disable)()
    assert gradients()[1] == readers


# Objects


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_copies_and_pickles(model, duplicate):
    twin = duplicate(model)
    assert torch.equal(twin(IDS)[0], model(IDS)[0])
    with torch.no_grad():
        twin.get_input_embeddings().weight.zero_()
    assert float(model.get_input_embeddings().weight.abs().sum().detach()) > 0


def test_no_weights_are_tied(model):
    assert not model.all_tied_weights_keys
    storages = [parameter.untyped_storage().data_ptr() for parameter in model.parameters()]
    assert len(set(storages)) == len(storages)


def test_what_transformers_asks_of_a_class(model, cls):
    assert cls.main_input_name == "input_ids"
    assert cls.config_class is SkimRNNConfig
    assert cls.base_model_prefix == "skim_rnn"
    assert type(model.base_model) is SkimRNNModel
    assert (model.base_model is model) == (cls is SkimRNNModel)
    assert model.supports_gradient_checkpointing
    assert not model.can_generate()
    # For device maps: what may not be split is among the modules.
    assert set(model._no_split_modules) <= {type(module).__name__ for module in model.modules()}
    assert model.num_parameters() == sum(parameter.numel() for parameter in model.parameters())
