"""Numbers that are not rational: every function against SciPy and JAX, and what intervals may and may not conclude."""

import math
import sys
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom import prove
from jaxiom.errors import NeedsIntervals, NoValue, Unsupported
from jaxiom.exact import evaluate, exact
from jaxiom.interpret import Step
from jaxiom.rules.balls import Ball, divide, larger, precision, same, sign, smaller, value
from jaxiom.rules.explicit_functions import RULES

MANY = settings(max_examples=60, deadline=None, derandomize=True)
fractions = st.fractions(-4, 4, max_denominator=20)

# name -> an independent way to compute it in float64, where it has a value, where it has none
FUNCTIONS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "exp": (math.exp, [-2, 0, Fraction(1, 3)], []),
    "exp2": (lambda x: 2.0**x, [-2, 0, Fraction(1, 3)], []),
    "log": (math.log, [Fraction(1, 7), 1, 5], [0, -1]),
    "log1p": (math.log1p, [0, Fraction(-1, 2), 3], [-1, -2]),
    "expm1": (math.expm1, [-1, 0, 2], []),
    "sqrt": (math.sqrt, [0, 2, Fraction(9, 4)], [-1, Fraction(-1, 9)]),
    "rsqrt": (lambda x: 1 / math.sqrt(x), [4, 3], [0, -1]),
    "cbrt": (np.cbrt, [-8, 0, 5, Fraction(27, 8)], []),
    "logistic": (scipy.special.expit, [-3, 0, 2], []),
    "tanh": (math.tanh, [-1, 0, 2], []),
    "sin": (math.sin, [-1, 0, 2], []),
    "cos": (math.cos, [-1, 0, 2], []),
    "tan": (math.tan, [-1, 0, 2], []),
    "asin": (math.asin, [-1, 0, Fraction(1, 3)], [2]),
    "acos": (math.acos, [-1, 1, Fraction(1, 3)], [-2]),
    "atan": (math.atan, [-1, 0, 2], []),
    "sinh": (math.sinh, [-1, 0, 2], []),
    "cosh": (math.cosh, [-1, 0, 2], []),
    "asinh": (math.asinh, [-1, 0, 2], []),
    "acosh": (math.acosh, [1, 3], [0]),
    "atanh": (math.atanh, [Fraction(-1, 2), 0], [1, -1, 2]),
    "erf": (math.erf, [-1, 0, 2], []),
    "erfc": (math.erfc, [-1, 0, 2], []),
    "erf_inv": (scipy.special.erfinv, [Fraction(-1, 2), 0, Fraction(3, 4)], [1, -1, 2]),
    "lgamma": (math.lgamma, [1, 2, Fraction(7, 2)], [0, -1]),
    "digamma": (scipy.special.digamma, [1, Fraction(7, 2)], [0, -1]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function(name: str) -> None:
    function, inside, outside = FUNCTIONS[name]
    for x in inside:
        with precision():
            found = value(name, x)
        assert isinstance(found, int | Fraction | Ball)
        assert float(found) == pytest.approx(float(function(float(x))), rel=1e-13, abs=1e-14)
    for x in outside:
        with pytest.raises(NoValue, match="no value|positive numbers only"), precision():
            value(name, x)


@pytest.mark.parametrize("primitive", RULES, ids=lambda p: p.name)
def test_each_rule_is_what_jax_computes(primitive: Any) -> None:
    points = [x for x in (*FUNCTIONS.get(primitive.name, (0, [Fraction(1, 2), 2], 0))[1], Fraction(5, 4))]
    points = [x for x in points if primitive.name not in ("asin", "acos", "atanh", "erf_inv") or abs(x) <= 1]

    def function(x: Any) -> Any:
        return primitive.bind(x, x + 1) if primitive.name == "atan2" else getattr(jax.lax, primitive.name)(x)

    (found,) = evaluate(function, [exact(points)])
    expected = function(jnp.asarray([float(x) for x in points], jnp.float32))
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=2e-6, atol=2e-6)


def test_every_function_is_looked_at() -> None:
    assert {p.name for p in RULES} == {*FUNCTIONS, "atan2"}


def test_an_accuracy_that_is_asked_for_is_refused() -> None:
    step = Step("exp", (jax.ShapeDtypeStruct((2,), jnp.dtype("float32")),), (), "here:1")
    with pytest.raises(Unsupported, match="accuracy=high has no rule"):
        RULES[jax.lax.exp_p](step, exact([1, 2]), accuracy="high")


@MANY
@given(fractions, fractions)
def test_arithmetic_contains_the_truth(x: Fraction, y: Fraction) -> None:
    """sqrt(x²) is |x|, but the ball does not know: what is computed with it must not be apart from the truth."""
    with precision():
        a, b = (Ball(value("exp", 0) * root_of(v)) for v in (x, y))
        assert all(isinstance(v, Ball) for v in (a, b))
        truths = [
            (a + b, abs(x) + abs(y)),
            (a - b, abs(x) - abs(y)),
            (a * b, abs(x * y)),
            (-a, -abs(x)),
            (a**3, abs(x) ** 3),
        ]
        truths += [(a + y, abs(x) + y), (y - a, y - abs(x)), (a * y, abs(x) * y), (larger(a, y), max(abs(x), y))]
        truths += [(smaller(y, a), min(abs(x), y)), (abs(-a), abs(x))]
        truths += [(divide(b, a), abs(y) / abs(x)), (divide(y, a), y / abs(x))] if x else []
        for found, truth in truths:
            assert found == truth
            assert found != truth + Fraction(1, 10**9)


def root_of(x: Fraction) -> Any:
    """|x| as a ball of some width."""
    from flint import arb, fmpq

    return arb(fmpq(abs(x).numerator, abs(x).denominator)) + arb(0, 1e-30)


def test_what_overlaps_is_not_told_apart() -> None:
    with precision():
        root = value("sqrt", 2)
        two = root * root
        assert two == 2
        for asks in (
            lambda: two > 2,
            lambda: two <= 2,
            lambda: same(two, 2),
            lambda: sign(two - 2),
            lambda: divide(1, two - 2),
        ):
            with pytest.raises(NoValue):
                asks()
        assert root > Fraction(7, 5)
        assert not root >= Fraction(3, 2)
        assert sign(root) == 1
        assert not same(root, 1)
        assert 0 * root == 0
        assert isinstance(0 * root, int)


def test_powers() -> None:
    with precision():
        assert value("pow", 4, Fraction(3, 2)) == 8
        assert value("pow", Fraction(2, 3), -2) == Fraction(9, 4)
        assert value("pow", 0, Fraction(1, 2)) == 0
        assert float(value("pow", 2, Fraction(1, 3))) == pytest.approx(2 ** (1 / 3))
        for base, exponent in ((-2, Fraction(1, 2)), (0, Fraction(-1, 2))):
            with pytest.raises(NoValue):
                value("pow", base, exponent)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(NeedsIntervals, match=r"pip install 'jaxiom\[flint\]'"):
        value("exp", 1)
    assert value("sqrt", 4) == 2
    proved = prove(lambda x: jnp.exp(x.T), lambda x: jnp.exp(x).T, x="n m")
    assert proved.status == "proved"
    assert any("not cross-checked" in note and "jaxiom[flint]" in note for note in proved.notes)
    open_ = prove(lambda x: jnp.exp(x + 1), lambda x: jnp.exp(x) + 1, x="n")
    assert open_.status == "undecided"
    assert "jaxiom[flint]" in open_.reason
