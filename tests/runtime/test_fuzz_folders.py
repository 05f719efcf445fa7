"""Damaged, absurd and foreign files: one clear exception, whatever runs the model, and never a crash."""

import copy
import json
import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.words import native_module

RUNS = [{"backend": "numpy"}]
if native_module() is not None:
    RUNS += [{"backend": "native"}, {"backend": "native", "dtype": "int8"}]

REFUSALS = {ValueError, TypeError, FileNotFoundError, ImportError}
TEXTS = ["A good film, isn't it?", "", "dull \ud800 \x00", "very " * 300]
# fmt: off
ODD = [
    None, True, False, -1, 0, 1, 7, 2**31, 2**32, 2**63, 2**64, 10**400, -(10**400), 1.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "x", "0", "\ud800", "\x00", "a" * 10_000, [], {}, [[]], [-1], {"a": 1},
    "F16", "BF16", "I64", "BOOL", "F8_E4M3", "gru", "WordLevel", "[UNK]",
]
# fmt: on
INDEX, SHARD = "model.safetensors.index.json", "model-00001-of-00002.safetensors"
quick = settings(max_examples=60, deadline=None)


class Damaged:
    """The files of a good model, and a folder for what becomes of them."""

    def __init__(self, root):
        self.root = root
        self.files = {path.name: path.read_bytes() for path in root.iterdir()}

    def outcomes(self, name, data):
        """What each way of running says of the folder with one file replaced: its scores, or its refusal."""
        (self.root / name).write_bytes(data)
        try:
            return [self._outcome(name, run) for run in RUNS]
        finally:
            (self.root / name).write_bytes(self.files[name])

    def _outcome(self, name, run):
        try:
            # Weights may be so large that products overflow.
            with np.errstate(all="ignore"):
                clf = SkimRuntime.from_pretrained(self.root, **run)
                scores = clf.predict_proba(TEXTS)
        except Exception as error:
            refusal = error
        else:
            assert len(scores) == len(TEXTS)
            return scores
        # Not one of their subclasses: those come from code that was not asked to say what is wrong.
        assert type(refusal) in REFUSALS, repr(refusal)
        assert name in str(refusal)
        return str(refusal)

    def refused(self, name, data, match):
        for outcome in self.outcomes(name, data):
            assert isinstance(outcome, str), f"{outcome} instead of {match}"
            assert re.search(match, outcome), outcome


@pytest.fixture(scope="module")
def damaged(shared_models):
    return Damaged(shared_models.folder(id2label={"0": "negative", "1": "positive"}))


@pytest.fixture(scope="module")
def damaged_shards(shared_models):
    """Weights split over two files."""
    folder = shared_models.folder()
    shared_models.split(folder, 2)
    return Damaged(folder)


def assert_alike(outcomes):
    """All ways of running refuse, with the same words, or none does."""
    assert len({outcome if isinstance(outcome, str) else None for outcome in outcomes}) == 1


def bytes_like(data):
    """Strategy for what a bad disk or connection, or somebody with ill will, makes of a file."""
    places = st.integers(0, len(data) - 1)

    def flipped(flips):
        changed = bytearray(data)
        for place, bit in flips:
            changed[place] ^= 1 << bit
        return bytes(changed)

    return st.one_of(
        st.binary(max_size=200),
        places.map(lambda place: data[:place]),
        st.lists(st.tuples(places, st.integers(0, 7)), min_size=1, max_size=4).map(flipped),
        st.tuples(places, st.binary(min_size=1, max_size=12), st.integers(0, 12)).map(
            lambda cut: data[: cut[0]] + cut[1] + data[cut[0] + cut[2] :]
        ),
        st.binary(min_size=1, max_size=40).map(lambda more: data + more),
    )


def paths_in(value, path=()):
    """Keys and indices that lead to every value inside."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths_in(value[key], (*path, key))


def edited(content, path, value, how):
    """A copy of JSON content with one value replaced, removed or renamed."""
    whole = copy.deepcopy(content)
    *above, last = path
    place = whole
    for key in above:
        place = place[key]
    if how == "replace":
        place[last] = copy.deepcopy(value)
    elif isinstance(place, dict):
        kept = place.pop(last)
        if how == "rename":
            place[str(value)[:50]] = kept
    else:
        place[last:] = [] if how == "remove" else place[last:] * 2
    return whole


def json_like(content):
    paths = st.sampled_from(list(paths_in(content)))
    ways = st.sampled_from(["replace"] * 3 + ["remove", "rename"])
    return st.builds(edited, st.just(content), paths, st.sampled_from(ODD), ways)


def with_header(header, data, size=None):
    """A safetensors file."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def parts_of(data):
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


@pytest.mark.parametrize("name", ModelFolder.FILES)
@quick
@given(data=st.data())
def test_any_bytes_give_one_clear_refusal_or_a_model(damaged, name, data):
    assert_alike(damaged.outcomes(name, data.draw(bytes_like(damaged.files[name]))))


@pytest.mark.parametrize("name", [ModelFolder.CONFIG, ModelFolder.TOKENIZER])
@quick
@given(data=st.data())
def test_any_edit_of_json_gives_one_clear_refusal_or_a_model(damaged, name, data):
    content = data.draw(json_like(json.loads(damaged.files[name])))
    assert_alike(damaged.outcomes(name, json.dumps(content).encode()))


@quick
@given(data=st.data())
def test_any_edit_of_the_tensors_header_gives_one_clear_refusal_or_a_model(damaged, data):
    header, tensors = parts_of(damaged.files[ModelFolder.WEIGHTS])
    content = data.draw(json_like(header))
    assert_alike(damaged.outcomes(ModelFolder.WEIGHTS, with_header(content, tensors)))


@pytest.mark.parametrize("name", [INDEX, SHARD])
@quick
@given(data=st.data())
def test_any_bytes_of_split_weights_give_one_clear_refusal_or_a_model(damaged_shards, name, data):
    assert_alike(damaged_shards.outcomes(name, data.draw(bytes_like(damaged_shards.files[name]))))


@quick
@given(data=st.data())
def test_any_edit_of_an_index_gives_one_clear_refusal_or_the_model(damaged_shards, data):
    whole = json.loads(damaged_shards.files[INDEX])
    content = data.draw(json_like(whole))
    outcomes = damaged_shards.outcomes(INDEX, json.dumps(content).encode())
    assert_alike(outcomes)
    is_whole = isinstance(content, dict) and content.get("weight_map") == whole["weight_map"]
    assert is_whole or isinstance(outcomes[0], str)


@quick
@given(data=st.data())
def test_tensors_in_any_wrong_place_are_refused(damaged_shards, data):
    index = json.loads(damaged_shards.files[INDEX])
    files = st.sampled_from([*set(index["weight_map"].values()), "other.safetensors", ModelFolder.CONFIG])
    tensors = st.sampled_from([*index["weight_map"], "skim_rnn.other", "classifier.weight.2"])
    moved = data.draw(st.dictionaries(tensors, files, min_size=1))
    changed = {**index["weight_map"], **moved}
    outcomes = damaged_shards.outcomes(INDEX, json.dumps({**index, "weight_map": changed}).encode())
    assert_alike(outcomes)
    assert (changed == index["weight_map"]) == (not isinstance(outcomes[0], str))


@pytest.mark.parametrize(
    "size", [0, 1, 1 << 20, 99_999_999, 100_000_001, 1 << 32, (1 << 63) - 1, (1 << 64) - 1]
)
def test_absurd_lengths_of_the_header_are_refused(damaged, size):
    whole = damaged.files[ModelFolder.WEIGHTS]
    damaged.refused(ModelFolder.WEIGHTS, struct.pack("<Q", size) + whole[8:], "Save the model again")


@pytest.mark.parametrize(
    "shape",
    [
        [1 << 32, 1 << 32],
        [1 << 63, 2],
        [1 << 62, 4],
        [(1 << 64) - 1],
        [1 << 40, 5],
        [-1, 5],
        [5, 15],
        [75],
        [],
    ],
)
def test_shapes_that_overflow_or_do_not_match_are_refused(damaged, shape):
    header, tensors = parts_of(damaged.files[ModelFolder.WEIGHTS])
    entry = header["skim_rnn.embed_tokens.weight"]
    size = 4 * int(np.prod(np.array(shape, object))) if shape else 4
    for end in (entry["data_offsets"][1], entry["data_offsets"][0] + size % (1 << 64)):
        changed = {**entry, "shape": shape, "data_offsets": [entry["data_offsets"][0], end]}
        data = with_header({**header, "skim_rnn.embed_tokens.weight": changed}, tensors)
        damaged.refused(ModelFolder.WEIGHTS, data, "Save the model again|Save or download")


@pytest.mark.parametrize("dtype", ["I64", "I32", "U8", "BOOL", "BF16", "F8_E4M3", "C64", "F4", "float32"])
def test_tensors_of_another_dtype_are_refused(damaged, dtype):
    header, tensors = parts_of(damaged.files[ModelFolder.WEIGHTS])
    for name, entry in header.items():
        if name != "__metadata__":
            data = with_header({**header, name: {**entry, "dtype": dtype}}, tensors)
            damaged.refused(ModelFolder.WEIGHTS, data, "Save the model again|model.float")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_refused_wherever_it_is(damaged, value):
    header, tensors = parts_of(damaged.files[ModelFolder.WEIGHTS])
    for name, entry in header.items():
        if name != "__metadata__":
            at = entry["data_offsets"][1] - 4
            data = tensors[:at] + np.float32(value).tobytes() + tensors[at + 4 :]
            damaged.refused(ModelFolder.WEIGHTS, with_header(header, data), "NaN or values that are infinite")


ABSURD = [
    {"hidden_size": 20_000},
    {"hidden_size": 10**9},
    {"hidden_size": 2**64, "skim_sizes": [2**63]},
    {"vocab_size": 10**9},
    {"vocab_size": 2**62},
    {"embedding_size": 10**9},
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": 10**400, "bidirectional": True},
    {"skim_sizes": [7] * 100_000},
    {"skim_sizes": [0] * 100_000},
    {"id2label": {str(number): "name" for number in range(100_000)}},
]


@pytest.mark.parametrize("change", ABSURD, ids=lambda change: str(change)[:40])
def test_enormous_sizes_are_refused_before_anything_is_allocated(damaged, change):
    config = {**json.loads(damaged.files[ModelFolder.CONFIG]), **change}
    data = json.dumps(config).encode()
    tracemalloc.start()
    try:
        damaged.refused(ModelFolder.CONFIG, data, r"do(es)? not belong to")
        # What Python keeps of the configuration itself, and not the gigabytes that it asks for.
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name",
    ["hidden_size", "vocab_size", "embedding_size", "num_hidden_layers", "skim_sizes", "skim_threshold"],
)
@pytest.mark.parametrize("value", [-1, -(10**30), 1.5, "7", True, [1.5], [-1], {}])
def test_negative_and_fractional_sizes_are_refused(damaged, name, value):
    config = {**json.loads(damaged.files[ModelFolder.CONFIG]), name: value}
    damaged.refused(ModelFolder.CONFIG, json.dumps(config).encode(), f"{name} must be")


def tokenizer_with(files, vocab=None, **model):
    """The text of a tokenizer.json; `vocab` is JSON, which may hold what no dict can."""
    content = json.loads(files[ModelFolder.TOKENIZER])
    content["model"].update(model)
    text = json.dumps(content)
    if vocab is not None:
        text = text.replace(json.dumps(content["model"]["vocab"]), vocab)
    return text.encode()


VOCABULARIES = {
    "a word twice": '{"[PAD]": 0, "[UNK]": 1, "good": 2, "film": 3, "good": 4}',
    "an id twice": '{"[PAD]": 0, "[UNK]": 1, "good": 2, "film": 2, "dull": 1}',
    "a gap": '{"[PAD]": 0, "[UNK]": 1, "good": 14}',
    "only special words": '{"[PAD]": 0, "[UNK]": 1}',
    "an empty word": '{"[PAD]": 0, "[UNK]": 1, "": 2, "good": 3}',
    "huge words": json.dumps(
        {"[PAD]": 0, "[UNK]": 1, "x" * 1_000_000: 2, "\U0001f600" * 300_000: 3, "good": 4}
    ),
    "control characters": '{"[PAD]": 0, "[UNK]": 1, "\\u0000": 2, "\\u202e": 3, "good": 4}',
}
REFUSED = {
    "an id beyond the model": '{"[PAD]": 0, "[UNK]": 1, "good": 15}',
    "an id beyond 32 bits": '{"[PAD]": 0, "[UNK]": 1, "good": 4294967296}',
    "an id beyond 64 bits": '{"[PAD]": 0, "[UNK]": 1, "good": 18446744073709551616}',
    "a negative id": '{"[PAD]": 0, "[UNK]": 1, "good": -1}',
    "a fractional id": '{"[PAD]": 0, "[UNK]": 1, "good": 2.0}',
    "a true id": '{"[PAD]": 0, "[UNK]": 1, "good": true}',
    "no id": '{"[PAD]": 0, "[UNK]": 1, "good": null}',
    "a lone surrogate": '{"[PAD]": 0, "[UNK]": 1, "\\ud800": 2}',
    "a list": '["[PAD]", "[UNK]", "good"]',
    "no words": "{}",
}


@pytest.mark.parametrize("vocab", VOCABULARIES.values(), ids=VOCABULARIES)
def test_odd_vocabularies_are_read_alike(damaged, vocab):
    found = damaged.outcomes(ModelFolder.TOKENIZER, tokenizer_with(damaged.files, vocab))
    for scores in found[1:2]:
        np.testing.assert_allclose(scores, found[0], atol=1e-5)
    assert all(isinstance(scores, np.ndarray) for scores in found)


@pytest.mark.parametrize("vocab", REFUSED.values(), ids=REFUSED)
def test_impossible_vocabularies_are_refused(damaged, vocab):
    data = tokenizer_with(damaged.files, vocab)
    damaged.refused(ModelFolder.TOKENIZER, data, "Save it again|do not belong together|unknown token")


@pytest.mark.parametrize("unknown", ["absent", "", "\ud800", None, 3, ["[UNK]"]])
def test_a_missing_unknown_token_is_refused(damaged, unknown):
    data = tokenizer_with(damaged.files, unk_token=unknown)
    damaged.refused(ModelFolder.TOKENIZER, data, "Save it again|needs an unknown token")


@pytest.mark.parametrize("name", ModelFolder.FILES)
def test_a_file_nested_without_end_is_refused(damaged, name):
    for nested in (b"[" * 200_000, b'{"a":' * 200_000, b'{"model_type":' + b"[" * 200_000):
        data = nested if name != ModelFolder.WEIGHTS else struct.pack("<Q", len(nested)) + nested
        damaged.refused(name, data, "ave .* again|download")
