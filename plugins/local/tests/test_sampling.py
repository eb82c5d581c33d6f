"""How possibilities are taken: penalties, temperature, top_k, top_p, in this order."""

import pytest
from dragoman.plugin import Inference
from dragoman_local.sampling import Sampler
from hypothesis import given
from hypothesis import strategies as st

WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.15, "d": 0.05}


def taken(weights=WEIGHTS, used=None, times=300, **settings):
    sampler = Sampler(Inference(seed=1, **settings))
    return [sampler.choose(weights, used or {}) for _ in range(times)]


@pytest.mark.parametrize(
    ("settings", "possible"),
    [
        ({}, "abcd"),
        ({"temperature": 0}, "a"),
        ({"top_k": 2}, "ab"),
        ({"top_k": 9}, "abcd"),
        ({"top_p": 0.5}, "a"),
        ({"top_p": 0.51}, "ab"),
        ({"top_p": 0.79}, "ab"),
        # the temperature comes first: flattened, a and b no longer reach 0.79
        ({"top_p": 0.79, "temperature": 1e9}, "abcd"),
        # top_k comes before top_p: of a and b alone, a has more than 0.6
        ({"top_p": 0.6, "top_k": 2}, "a"),
    ],
)
def test_what_is_possible_is_what_the_settings_leave(settings, possible):
    assert set(taken(**settings)) == set(possible)


@pytest.mark.parametrize(
    ("settings", "used", "best"),
    [
        ({"presence_penalty": 1}, {"a": 1}, "b"),
        ({"presence_penalty": 1}, {"a": 9, "b": 1, "c": 1}, "a"),
        ({"frequency_penalty": 0.5}, {"a": 1}, "a"),
        ({"frequency_penalty": 0.5}, {"a": 2}, "b"),
        ({"frequency_penalty": -1}, {"d": 3}, "d"),
    ],
)
def test_penalties_move_the_best(settings, used, best):
    assert taken(used=used, temperature=0, **settings) == [best] * 300


def test_of_equal_weights_temperature_0_takes_the_first():
    assert set(taken({"x": 0.5, "y": 0.5}, temperature=0)) == {"x"}


@given(
    st.dictionaries(st.integers(), st.floats(min_value=1e-300, max_value=1), min_size=1, max_size=20),
    st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.floats(min_value=0, allow_nan=False, allow_infinity=False),
            "top_p": st.floats(0, 1),
            "top_k": st.integers(0, 30),
            "seed": st.integers(),
            "presence_penalty": st.floats(-2, 2),
            "frequency_penalty": st.floats(-2, 2),
        },
    ),
    st.integers(0, 10**6),
)
def test_any_setting_takes_something(weights, settings, times):
    sampler = Sampler(Inference(**settings))
    assert sampler.choose(weights, dict.fromkeys(weights, times)) in weights
