"""Conditions as they are written say what they said."""

import operator
from typing import Any

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.polyhedra.conditions import Condition, Relation, find_window, holds, reads_well, relations
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.world import World

LAW = settings(max_examples=150, deadline=None, derandomize=True)
SIGNS = {"=": operator.eq, "≤": operator.le, "≥": operator.ge, "<": operator.lt, ">": operator.gt}
VARIABLES: list[Any] = [0, 1, 2, "h", "k"]
p, q, j, h, k = map(Polynomial.variable, VARIABLES)

AFFINE = st.builds(
    lambda constant, terms: sum((Polynomial.variable(v) * c for v, c in terms.items()), lift(constant)),
    st.integers(-2, 2),
    st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from([-3, -2, -1, 1, 2]), min_size=1),
)


def said(relation: Relation, env: dict[Any, int]) -> bool:
    values = [side if isinstance(side, str) else side.evaluate(env) for side in relation]
    return all(SIGNS[str(s)](a, b) for a, s, b in zip(values[::2], values[1::2], values[2::2], strict=False))


@LAW
@given(st.lists(st.builds(Condition, AFFINE, st.booleans()), max_size=4), st.data())
def test_relations_say_what_the_conditions_say(conditions: list[Condition], data: st.DataObject) -> None:
    mirrored = [Condition(c.expression * -1 + data.draw(st.integers(0, 3)), False) for c in conditions[:1]]
    every = [*conditions, *mirrored]
    written = relations(every)
    for _ in range(10):
        env = {v: data.draw(st.integers(-3, 3)) for v in VARIABLES}
        holding = all(c.expression.evaluate(env) == 0 if c.equality else c.expression.evaluate(env) >= 0 for c in every)
        assert holding == all(said(r, env) for r in written)


@pytest.mark.parametrize(
    ("conditions", "written"),
    [
        ([Condition(p - h + 1, True)], "0 = h - 1"),
        ([Condition(h - 2, False)], "h ≥ 2"),
        ([Condition(p + q - 1, False), Condition(h - p - q, False)], "1 ≤ 0 + 1 ≤ h"),
        ([Condition(h - p - 1, False)], "0 < h"),
        ([Condition(p - h, False)], "0 ≥ h"),
        ([Condition(p * 2 - h, True)], "h = 2*0"),
        ([Condition(h * 2 - k * 3, True)], "2*h = 3*k"),
        ([Condition(q - p + 2, False)], "0 ≤ 1 + 2"),
    ],
)
def test_as_they_are_written(conditions: list[Condition], written: str) -> None:
    assert [" ".join(map(str, r)) for r in relations(conditions)] == [written]


def world(domain: str = "h >= 1 and k >= 1 and h >= k") -> World:
    return World(("h", "k"), isl.Set(f"[h, k] -> {{ : {domain} }}"))


def test_what_the_sizes_say_needs_no_saying() -> None:
    assert holds(world(), Condition(h - 1, False))
    assert holds(world(), Condition(h - k, False))
    assert not holds(world(), Condition(h - 2, False))
    assert not holds(world(), Condition(p, False))
    assert holds(world("h = 1 and k = 1"), Condition(h - 1, True))


def test_an_axis_is_a_bound_too_where_a_number_is_left() -> None:
    assert find_window(2, [Condition(1 - j, False)], 2, h) == (lift(0), lift(2))
    assert find_window(2, [Condition(j - h + 2, False)], 2, h) == (h - 2, lift(2))
    assert find_window(2, [Condition(k - 1 - j, False)], 2, h) is None
    assert find_window(2, [Condition(1 - j, False)], 2) is None


def test_a_window_that_counts_backwards_is_one_only_inside_the_axis() -> None:
    assert reads_well(world(), (q - 1, k), h)
    assert reads_well(world(), (1 - q, k), h)
    assert not reads_well(world(), (1 - q, h), k)
    assert reads_well(world(), (q - 1, h), k)
