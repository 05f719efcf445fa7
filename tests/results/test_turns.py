"""How contestants take turns, and what is made of their times."""

import pytest

from skim_hf.results import turns


@pytest.fixture
def run():
    """Lets contestants take turns; gives the order of their inputs, timed and untimed, and their turns."""

    def run(every, inputs, rounds, block=1):
        order = []

        def contestant(name):
            return turns.Contestant(lambda given: order.append(f"{name}{given}"), every[name])

        contestants = {name: contestant(name) for name in every}
        times = turns.take_turns(contestants, inputs, rounds, "Test", block)
        return " ".join(order), {name: list(taken) for name, taken in times.items()}

    return run


def test_contestants_alternate_and_warm_up_with_the_input_before(run):
    order, taken = run({"a": 1, "b": 1}, [0, 1], rounds=4)
    # The second lap meets each input in the other order.
    assert order == "b1 b0 a1 a0 a0 a1 b0 b1 a1 a0 b1 b0 b0 b1 a0 a1"
    assert taken == {"a": [0, 1, 2, 3], "b": [0, 1, 2, 3]}


def test_a_round_may_be_a_block_and_a_slow_contestant_has_one_input_of_some(run):
    order, taken = run({"a": 1, "slow": 2}, [0, 1, 2, 3, 4], rounds=3, block=2)
    assert order == "slow4 slow0 a3 a4 a0 a1 a0 a1 a2 a3 slow3 slow4 a2 a3 a4 a0"
    assert taken == {"a": [0, 1, 2, 3, 4, 5], "slow": [0, 4]}


def test_ratios_are_compared_within_turns():
    # A busy machine slowed the second turn for all alike; the last one only one contestant took.
    times = {"base": {0: 0.2, 1: 2.0, 2: 0.4}, "fast": {0: 0.1, 1: 1.0, 2: 0.1, 3: 9.0}, "none": {}}
    assert turns.ratios(times, "fast", ["base", "none", "absent"]) == {"base": pytest.approx(2)}


def test_times_are_summed_up_in_microseconds():
    summary = turns.summarise([number / 1e6 for number in range(1, 201)], per=2)
    expected = {"median_us": 50.25, "p99_us": 99, "min_us": 0.5, "turns": 200}
    assert summary == pytest.approx(expected)
