"""What a block of a result file may hold."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.results.schema import BLOCKS, check

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """Paths of everything within a value, itself included."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(value, path, new):
    """A copy with another value at a place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return value


def fault_of(value, schema, place):
    try:
        check(value, schema, place)
    except ValueError as error:
        return str(error)


def test_complete_blocks_pass(blocks):
    for name, block in blocks.items():
        check(block, BLOCKS[name], name)


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_there_must_be_complete(blocks, name):
    for key in blocks[name]:
        less = {other: value for other, value in blocks[name].items() if other != key}
        if f"{key}?" in BLOCKS[name]:
            check(less, BLOCKS[name], name)
        else:
            with pytest.raises(ValueError, match=rf"{name} lacks {key}; it must hold .*{key}"):
                check(less, BLOCKS[name], name)


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("training", ("seed",), -1, r"training\.seed must be an integer of at least 0; got -1\."),
        ("training", ("seed",), True, "integer"),
        ("training", ("recipe", "deep"), [[1]], r"training\.recipe\.deep must be a text, a number"),
        ("training", ("splits",), {}, r"training\.splits lacks entries"),
        ("training", ("seconds",), math.inf, "finite"),
        ("training", ("secnods",), 1, r"training has the unknown key 'secnods'; it may hold .*seconds"),
        ("evaluation", ("metrics", "accuracy"), math.nan, r"evaluation\.metrics\.accuracy must be a finite"),
        ("evaluation", ("skim_rate_micro",), 1.5, r"must be a number in \[0, 1\]; got 1\.5"),
        ("evaluation", ("curve", "points"), [], r"evaluation\.curve\.points must be a list of 1 or more"),
        ("evaluation", ("curve", "points", 0, "read"), "x", r"curve\.points\[0\]\.read must be"),
        (
            "latency",
            ("contestants", "adaptive"),
            3,
            r"latency\.contestants\.adaptive must be an object; got 3",
        ),
        ("latency", ("words_per_text",), 10**400, None),
        ("example", ("text",), "\ud800", r"example\.text must be a text"),
        ("example", ("read",), [], None),
        ("example", ("text",), ["long"] * 1000, r"\.\.\.\.$"),
    ],
)
def test_faults_are_named_with_their_place(blocks, name, path, value, message):
    changed = replaced(blocks[name], path, value)
    if message is None:
        check(changed, BLOCKS[name], name)
    else:
        with pytest.raises(ValueError, match=message):
            check(changed, BLOCKS[name], name)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_key_that_no_file_can_hold_is_refused(blocks, name):
    with pytest.raises(ValueError, match=f"a key of {name} must be a text"):
        check({**blocks[name], "\ud800": 1}, BLOCKS[name], name)


@given(data=st.data(), value=JSON)
def test_any_other_value_passes_or_is_a_value_error(data, value):
    block = {"metrics": {"accuracy": 0.5}, "what": "plain"}
    schema = BLOCKS["evaluation"]["dense?"]
    path = data.draw(st.sampled_from(list(places(block))))
    changed = replaced(block, path, value)
    fault = fault_of(changed, schema, "dense")
    if fault is None:
        assert all(-math.inf < number < math.inf for number in changed["metrics"].values())
        changed["what"].encode("utf-8")
    else:
        assert fault.startswith(("dense", "a key of dense"))
