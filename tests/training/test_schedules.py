from __future__ import annotations

import math

import pytest

from skim_hf.training.schedules import budget_weight, gumbel_temperature, slope


@pytest.mark.parametrize(("step", "expected"), [(0, 1.0), (6931, 0.5000236), (6932, 0.5), (10**6, 0.5)])
def test_temperature_follows_the_paper(step, expected):
    assert gumbel_temperature(step) == pytest.approx(expected, abs=1e-6)


def test_temperature_is_exact_at_its_ends():
    assert gumbel_temperature(0) == 1.0
    assert gumbel_temperature(6932) == 0.5


def test_temperature_takes_other_settings():
    assert gumbel_temperature(100, start=2.0, floor=0.1, rate=1e-3) == 2.0 * math.exp(-0.1)
    assert gumbel_temperature(10**5, start=0.7, floor=0.2, rate=0.0) == 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": -1}, "global step"),
        ({"step": 0, "floor": 0.0}, "0 < floor <= start"),
        ({"step": 0, "start": 0.4}, "0 < floor <= start"),
        ({"step": 0, "start": math.nan}, "0 < floor <= start"),
        ({"step": 0, "rate": -1e-4}, "decay rate"),
        ({"step": 0, "rate": math.inf}, "decay rate"),
    ],
)
def test_temperature_refuses_impossible_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        gumbel_temperature(**arguments)


def test_budget_weight_rises_linearly_and_stays():
    weights = [budget_weight(step, weight=0.04, warmup_steps=4) for step in range(7)]
    assert weights == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.04, 0.04, 0.04])


def test_budget_weight_without_warm_up_is_constant():
    assert [budget_weight(step, weight=0.02) for step in (0, 1, 999)] == [0.02] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": -3, "weight": 0.1}, "global step"),
        ({"step": 0, "weight": -0.1}, "budget weight"),
        ({"step": 0, "weight": math.nan}, "budget weight"),
        ({"step": 0, "weight": 0.1, "warmup_steps": -1}, "warm-up"),
    ],
)
def test_budget_weight_refuses_impossible_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        budget_weight(**arguments)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 1.0), (0.99, 1.0), (1.0, 1.04), (25.7, 2.0), (99.9, 4.96), (100, 5.0), (1e6, 5.0)],
)
def test_the_slope_rises_once_per_epoch(epoch, expected):
    assert slope(epoch) == pytest.approx(expected)


def test_the_slope_takes_other_settings():
    assert slope(3.5, start=2.0, rate=0.5, limit=10.0) == 3.5
    assert slope(100, start=2.0, rate=0.0, limit=2.0) == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": -0.1}, "epoch must be"),
        ({"epoch": math.nan}, "epoch must be"),
        ({"epoch": 0, "start": 0.0}, "0 < start <= limit"),
        ({"epoch": 0, "start": 6.0}, "0 < start <= limit"),
        ({"epoch": 0, "limit": math.inf}, "0 < start <= limit"),
        ({"epoch": 0, "rate": -0.1}, "rise of the slope"),
    ],
)
def test_the_slope_refuses_impossible_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        slope(**arguments)
