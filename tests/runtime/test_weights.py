import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.weights import expected_shapes, load_weights


def saved(models, **kwargs):
    folder = models.folder(**kwargs)
    return folder / "model.safetensors", RuntimeConfig.load(folder / "config.json")


def test_every_tensor_lands_in_its_place(models):
    path, config = saved(models, num_hidden_layers=2, bidirectional=True, skim_sizes=[3, 2, 0])
    weights, tensors = load_weights(path, config), load_file(path)
    assert len(weights.readers) == 4
    assert np.array_equal(weights.embedding, tensors["skim_rnn.embed_tokens.weight"])
    assert np.array_equal(weights.classifier_bias, tensors["classifier.bias"])
    for number, name in enumerate(["0.readers.0", "0.readers.1", "1.readers.0", "1.readers.1"]):
        reader = weights.readers[number]
        prefix = f"skim_rnn.layers.{name}"
        assert reader.cells[3] is None
        assert np.array_equal(reader.cells[2].weight_hh, tensors[f"{prefix}.cells.2.weight_hh"])
        assert np.array_equal(reader.decision_weight, tensors[f"{prefix}.policy.decision.weight"])


def test_shapes_follow_the_configuration(models):
    config = RuntimeConfig.from_dict(models.values(cell_type="gru", small_input="full_h"))
    shapes = dict(expected_shapes(config))
    assert shapes["layers.0.readers.0.cells.0.weight_ih"] == (21, 5)
    assert shapes["layers.0.readers.0.cells.1.weight_hh"] == (9, 7)
    assert shapes["layers.0.readers.0.policy.decision.weight"] == (2, 12)


def test_a_plain_reader_has_no_decision(models):
    path, config = saved(models, policy="full")
    reader = load_weights(path, config).readers[0]
    assert reader.decision_weight is None
    assert len(reader.cells) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_files_become_float32(models, dtype):
    path, config = saved(models, dtype=dtype)
    weights = load_weights(path, config)
    assert weights.embedding.dtype == np.float32
    stored = load_file(path)["skim_rnn.embed_tokens.weight"]
    assert stored.dtype == dtype
    assert np.array_equal(weights.embedding, stored.astype(np.float32))


def replace_tensor(path, name, value):
    tensors = load_file(path)
    del tensors[name]
    save_file(tensors | ({} if value is None else {name: value}), path)


NAME = "skim_rnn.layers.0.readers.0.cells.1.bias_hh"


def test_a_missing_tensor_is_named(models):
    path, config = saved(models)
    replace_tensor(path, NAME, None)
    with pytest.raises(ValueError, match=r"lacks layers.0.readers.0.cells.1.bias_hh"):
        load_weights(path, config)


def test_an_unexpected_tensor_is_named(models):
    path, config = saved(models)
    save_file({**load_file(path), "adapter": np.ones(1, np.float32)}, path)
    with pytest.raises(ValueError, match="unexpected adapter"):
        load_weights(path, config)


def test_a_tensor_stored_twice_is_refused(models):
    path, config = saved(models)
    tensors = load_file(path)
    save_file({**tensors, NAME.removeprefix("skim_rnn."): tensors[NAME]}, path)
    with pytest.raises(ValueError, match="unexpected"):
        load_weights(path, config)


def test_the_file_of_another_model_is_refused(models):
    path, config = saved(models)
    save_file({"bert.pooler.weight": np.ones((2, 2), np.float32)}, path)
    with pytest.raises(ValueError, match=r"lacks .*Its tensors are bert.pooler.weight.*does not belong"):
        load_weights(path, config)


def test_a_wrong_shape_is_named_with_the_right_one(models):
    path, config = saved(models)
    replace_tensor(path, NAME, np.zeros(5, np.float32))
    with pytest.raises(ValueError, match=r"bias_hh has shape \[5\].* asks for \[12\]"):
        load_weights(path, config)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_])
def test_a_wrong_dtype_is_named(models, dtype):
    path, config = saved(models)
    replace_tensor(path, NAME, np.zeros(12, dtype))
    with pytest.raises(ValueError, match=r"bias_hh is stored as (I64|I8|BOOL).*F32, F16, BF16, F64.*float32"):
        load_weights(path, config)


def test_bfloat16_files_become_float32(models):
    path, config = saved(models)
    tensors = load_file(path)
    models.save_bfloat16(path, tensors)
    for dtype in (np.float32, np.float64):
        weights = load_weights(path, config, dtype=dtype)
        assert weights.embedding.dtype == dtype
        stored = tensors["skim_rnn.embed_tokens.weight"]
        expected = (stored.view(np.uint32) & 0xFFFF0000).view(np.float32)
        assert np.array_equal(weights.embedding, expected)


def test_bfloat16_that_is_not_finite_is_refused(models):
    path, config = saved(models)
    tensors = load_file(path)
    models.save_bfloat16(path, {**tensors, NAME: np.full(12, np.inf, np.float32)})
    with pytest.raises(ValueError, match="bias_hh holds NaN or values that are infinite"):
        load_weights(path, config)


def test_the_prefix_of_the_encoder_is_optional(models):
    path, config = saved(models)
    expected = load_weights(path, config)
    save_file({name.removeprefix("skim_rnn."): value for name, value in load_file(path).items()}, path)
    assert load_weights(path, config).digest == expected.digest


@pytest.mark.parametrize("prefix", ["", "skim_rnn."])
def test_a_bare_encoder_is_told_what_it_lacks(models, prefix):
    path, config = saved(models)
    tensors = {name: value for name, value in load_file(path).items() if "classifier" not in name}
    save_file({prefix + name.removeprefix("skim_rnn."): value for name, value in tensors.items()}, path)
    with pytest.raises(
        ValueError, match=r"bare encoder: it lacks the classifier \(classifier.weight, classifier.bias\)"
    ):
        load_weights(path, config)


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_split_weights_are_the_same_weights(models, shards):
    path, config = saved(models, num_hidden_layers=2)
    expected = load_weights(path, config)
    models.split(path.parent, shards)
    assert load_weights(path.with_name("model.safetensors.index.json"), config).digest == expected.digest


def test_a_wrong_tensor_of_split_weights_is_named_with_its_file(models):
    path, config = saved(models)
    names = models.split(path.parent, 2)
    for name in names:
        tensors = load_file(path.with_name(name))
        if NAME in tensors:
            save_file({**tensors, NAME: np.zeros(5, np.float32)}, path.with_name(name))
            break
    with pytest.raises(ValueError, match=rf"{name}: .*bias_hh has shape \[5\].* asks for \[12\]"):
        load_weights(path.with_name("model.safetensors.index.json"), config)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_not_finite_are_refused(models, value, dtype):
    path, config = saved(models)
    bias = np.zeros(12, dtype)
    bias[4] = value
    replace_tensor(path, NAME, bias)
    with pytest.raises(ValueError, match="bias_hh holds NaN or values that are infinite"):
        load_weights(path, config)


def test_a_value_beyond_float32_is_refused(models):
    path, config = saved(models)
    replace_tensor(path, NAME, np.full(12, 1e300))
    with pytest.raises(ValueError, match="infinite in float32"):
        load_weights(path, config)


def test_millions_of_promised_layers_are_refused_at_once(models):
    path, _ = saved(models)
    config = RuntimeConfig.from_dict(models.values(num_hidden_layers=10**12))
    with pytest.raises(ValueError, match=r"lacks layers\.1"):
        load_weights(path, config)


@pytest.mark.parametrize("kept", [0, 5, 8, 100, -1])
def test_a_truncated_file_is_refused(models, kept):
    path, config = saved(models)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"model.safetensors is not a complete safetensors file.*download"):
        load_weights(path, config)


@pytest.fixture(scope="module")
def whole(shared_models):
    path, config = saved(shared_models)
    return path.read_bytes(), config


@given(data=st.data())
def test_a_damaged_file_loads_or_gives_one_error(whole, tmp_path_factory, data):
    intact, config = whole
    damaged = bytearray(intact[: data.draw(st.integers(0, len(intact)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    path.write_bytes(damaged)
    # The damage may happen to leave a valid file; any error must be this one.
    with contextlib.suppress(ValueError):
        load_weights(path, config)


@given(data=st.binary(max_size=200))
def test_random_bytes_give_one_error(whole, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        load_weights(path, whole[1])
