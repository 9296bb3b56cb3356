"""lhs - rhs as it is shown: text, LaTeX, SymPy, ways to vanish, and values."""

from typing import Any

import jax.numpy as jnp
import pytest
import sympy

from jaxiom import prove
from jaxiom.difference import Difference
from jaxiom.layers import conv
from jaxiom.polyhedra.reading import Expression

ZERO = Expression((), (), {})


def difference(*functions: object, given: str = "", **shapes: object) -> Difference:
    found = prove(*functions, given=given, **shapes).difference  # type: ignore[arg-type]
    assert found is not None
    return found


def test_zero_when_proved() -> None:
    found = difference(lambda x: x + x, lambda x: 2 * x, x="n")
    assert found.is_zero
    assert str(found) == found.latex() == "0"
    assert found.sympy() == 0
    assert found.vanishing() == []


def test_one_output_is_shown_without_a_name() -> None:
    found = difference(lambda x: 2 * x, lambda x: x, x="n")
    assert not found.is_zero
    assert str(found) == "x[p]"
    assert list(found.leaves) == [""]


def test_several_outputs_are_shown_by_name() -> None:
    found = difference(lambda x: {"b": 2 * x, "a": x}, lambda x: {"b": x, "a": x}, x="n")
    assert not found.is_zero
    assert str(found) == "['a']: 0; ['b']: x[p]"
    assert found.latex() == "['a']: 0; ['b']: x_{p}"
    x: Any = sympy.IndexedBase("x")
    assert found.sympy() == {"['a']": 0, "['b']": x[sympy.Symbol("p", integer=True, nonnegative=True)]}


def test_one_of_several_outputs_may_be_zero() -> None:
    assert Difference({"a": ZERO, "b": ZERO}).is_zero
    some = difference(lambda x: 2 * x, lambda x: x, x="n").leaves[""]
    assert not Difference({"a": ZERO, "b": some}).is_zero


def test_the_ways_to_vanish_of_the_centred_filters() -> None:
    found = difference(
        lambda X, W, Q: conv(X, (W - W.mean((0, 1, 2))) @ Q),
        lambda X, W, Q: conv(X, W) @ Q,
        X="n h w c",
        W="kh kw c f",
        Q="f k",
        given="h >= kh, w >= kw",
    )
    patches, means = found.vanishing()
    assert patches == "Σ_{i<kh, j<kw, l<c} X[p, q+i, r+j, l]"
    assert means == "Σ_{m<f} (Σ_{a<kh, b<kw, d<c} W[a, b, d, m])·Q[m, s]"


def test_a_case_says_what_part_of_the_sizes_it_is_about() -> None:
    found = difference(lambda x: 3 * x if x.shape[0] == 2 else x, lambda x: x, x="n")
    assert found.case == "n == 2"
    assert difference(lambda x: 2 * x, lambda x: x, x="n").case == ""


@pytest.mark.parametrize("n", [1, 4])
def test_its_value_on_inputs(n: int) -> None:
    found = difference(lambda x: x - x.mean(), lambda x: x, x="n")
    x = jnp.arange(n, dtype=jnp.float32) + 2
    (value,) = found.compile({"n": n})({"x": x})
    assert value.tolist() == pytest.approx([-float(x.mean())] * n)
