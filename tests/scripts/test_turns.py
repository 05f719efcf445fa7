"""How contestants take turns, and what is made of their times."""

import pytest


@pytest.fixture
def turns(script):
    return script("_turns")


def test_contestants_alternate_and_warm_up_with_the_input_before(turns):
    order = []

    def contestant(name, every=1):
        return turns.Contestant(lambda text: order.append(f"{name}{text}"), every)

    contestants = {"a": contestant("a"), "b": contestant("b", every=2)}
    times = turns.take_turns(contestants, [0, 1], 4, "Test")
    warm_up = "a0 a1 a0 b0"
    # The second lap meets each input in the other order; b takes every second turn.
    laps = "b1 b0 a1 a0", "a0 a1", "a1 a0", "b0 b1 a0 a1"
    assert " ".join(order) == " ".join([warm_up, *laps])
    assert list(times["a"]) == [0, 1, 2, 3]
    assert list(times["b"]) == [0, 3]


def test_ratios_are_compared_within_turns(turns):
    # A busy machine slowed the second turn for all alike; the last one only one contestant took.
    times = {"base": {0: 0.2, 1: 2.0, 2: 0.4}, "fast": {0: 0.1, 1: 1.0, 2: 0.1, 3: 9.0}, "none": {}}
    assert turns.ratios(times, "fast", ["base", "none", "absent"]) == {"base": pytest.approx(2)}


def test_times_are_summed_up_in_microseconds(turns):
    summary = turns.summarise([number / 1e6 for number in range(1, 201)], per=2)
    expected = {"median_us": 50.25, "p99_us": 99, "min_us": 0.5, "turns": 200}
    assert summary == pytest.approx(expected)


def test_who_is_not_there_is_named_and_a_defect_is_not_hidden(turns):
    def absent():
        raise ImportError("No module named 'elsewhere'")

    def missing():
        raise turns.Missing("no compiler")

    def broken():
        raise ValueError("a defect")

    here = turns.Contestant(len)
    made, reasons = turns.gather({"here": lambda: here, "absent": absent, "missing": missing})
    assert made == {"here": here}
    assert reasons == {"absent": "No module named 'elsewhere'", "missing": "no compiler"}
    with pytest.raises(ValueError, match="a defect"):
        turns.gather({"broken": broken})
