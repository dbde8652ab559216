import math

import pytest

from clickprompt.training.schedule import learning_rate_factor


def test_warm_up_rises_in_even_steps_and_reaches_one():
    factors = [learning_rate_factor(step, 100, 0.1, "constant") for step in range(12)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10:] == [1.0, 1.0]


def test_linear_falls_to_just_above_zero():
    assert learning_rate_factor(0, 50, 0.0, "linear") == 1.0
    assert learning_rate_factor(25, 50, 0.0, "linear") == pytest.approx(0.5)
    assert learning_rate_factor(49, 50, 0.0, "linear") == pytest.approx(1 / 50)


def test_cosine_is_half_a_wave_after_warm_up():
    assert learning_rate_factor(20, 120, 1 / 6, "cosine") == pytest.approx(1.0)
    assert learning_rate_factor(70, 120, 1 / 6, "cosine") == pytest.approx(0.5)
    assert learning_rate_factor(95, 120, 1 / 6, "cosine") == pytest.approx(0.5 * (1 + math.cos(0.75 * math.pi)))
