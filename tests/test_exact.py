"""Exact evaluation: retraced at the sizes given, on fractions and on letters."""

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from sympy import QQ

from jaxiom.errors import BadInput, NoValue, Unsupported
from jaxiom.exact import evaluate, exact, letters, random_inputs
from jaxiom.signature import read_signature


def conv(X: Any, W: Any) -> Any:
    return lax.conv_general_dilated(X, W, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


SIGNATURE = read_signature([lambda X, W, Q: X], {"X": "n h w c", "W": "kh kw c f", "Q": "f k"}, "h >= kh")
SIZES = {"n": 1, "h": 3, "w": 2, "c": 2, "kh": 2, "kw": 1, "f": 2, "k": 1}


@pytest.mark.parametrize(
    ("lhs", "rhs", "equal"),
    [
        (lambda X, W, Q: conv(X, W @ Q), lambda X, W, Q: conv(X, W) @ Q, True),
        (lambda X, W, Q: conv(X, W @ Q), lambda X, W, Q: conv(X, W - W.mean()) @ Q, False),
        (lambda X, W, Q: conv(2 * X, W), lambda X, W, Q: conv(X, W + W), True),
        (lambda X, W, Q: conv(X + 1, W), lambda X, W, Q: conv(X, W) + W.sum((0, 1, 2)), False),  # the border
        (lambda X, W, Q: (W - W.mean()).mean(), lambda X, W, Q: 0 * Q.sum(), True),
        (lambda X, W, Q: W.mean(), lambda X, W, Q: W.sum() * (1 / 8 + 2**-20), False),
        (lambda X, W, Q: W.mean(), lambda X, W, Q: W.sum() * (1 / 8 + 2**-30), True),  # 1/8 in float32
    ],
)
@pytest.mark.parametrize("values", ["fractions", "letters"])
def test_claims_by_value(lhs: Any, rhs: Any, equal: bool, values: str) -> None:
    inputs = (
        random_inputs(SIGNATURE, SIZES, random.Random(3)) if values == "fractions" else letters(SIGNATURE, SIZES).arrays
    )
    arguments = SIGNATURE.arguments(SIZES, inputs)
    (left,), (right,) = evaluate(lhs, arguments), evaluate(rhs, arguments)
    assert (left.tolist() == right.tolist()) is equal


def test_letters_at_numbers_are_the_value_at_numbers() -> None:
    made, inputs = letters(SIGNATURE, SIZES), random_inputs(SIGNATURE, SIZES, random.Random(5))
    function = lambda X, W, Q: conv(X, W @ Q) ** 2 / 3 - Q.sum()  # noqa: E731
    (general,) = evaluate(function, SIGNATURE.arguments(SIZES, made.arrays))
    (special,) = evaluate(function, SIGNATURE.arguments(SIZES, inputs))
    values = [QQ(x.numerator, x.denominator) for x in (inputs[name][index] for name, index in made.owners)]
    for symbolic, value in zip(general.flat, special.flat, strict=True):
        assert made.in_ring(symbolic).evaluate(list(zip(made.ring.gens, values, strict=True))) == QQ(
            value.numerator, value.denominator
        )


def test_the_function_is_traced_at_the_sizes_given() -> None:
    def shortcut(x: Any) -> Any:
        return x if x.shape[0] == 1 else 2 * x  # a symbolic trace takes the second branch, silently

    assert evaluate(shortcut, [exact([3])])[0].tolist() == [3]
    assert evaluate(shortcut, [exact([3, 3])])[0].tolist() == [6, 6]


def test_pytrees_integers_and_several_outputs() -> None:
    def layer(p: dict[str, Any], pad: int, x: Any) -> Any:
        return {"y": jnp.pad(x * p["scale"], pad), "n": jnp.sum(x)}

    outputs = evaluate(layer, [{"scale": exact(Fraction(1, 3))}, 2, exact([1, 2])])
    assert [out.tolist() for out in outputs] == [3, [0, 0, Fraction(1, 3), Fraction(2, 3), 0, 0]]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=4))
def test_floats_are_read_exactly(values: list[float]) -> None:
    read = exact(np.array(values, np.float32))
    assert read.tolist() == [Fraction(v) for v in values]
    assert all(type(entry) in (int, Fraction) for entry in read)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, float("nan")], "X: nan is no real number"),
        ([-np.inf], "X: -inf is no real number"),
        ([1j], "X: 1j is no real number"),
        (["1"], "X: '1' is no real number"),
        ([None], "X: None is no real number"),
    ],
)
def test_what_is_no_real_number(values: list[Any], text: str) -> None:
    with pytest.raises(BadInput, match=f"^{text}$"):
        exact(values, "X")


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: x @ x.T.reshape(4), BadInput, r"^lhs: the function does not run on the shapes \[2, 3\]: TypeError"),
        (lambda x: x / (x - x), ZeroDivisionError, r"^div at .*test_exact.py:\d+.*: a divisor is zero"),
        (
            lambda x: jnp.sort(x),
            Unsupported,
            "^sort at .*test_exact.py:.*: the explicit interpreter has no rule for this primitive",
        ),
        (lambda x: jnp.log(x - 1), NoValue, "^log has no value at 0"),
        (lambda x: jnp.exp(x) > jnp.exp(x), NoValue, "which of two numbers is larger cannot be told"),
        (lambda x: jnp.where(x > 0, jnp.nan, x), Unsupported, r"^lhs: the output\[0, 0\] is nan, no real number"),
        (
            lambda x: {"a": x, "b": jnp.full(2, jnp.inf)},
            Unsupported,
            r"^lhs: the output\['b'\]\[0\] is inf, no real number",
        ),
    ],
)
def test_errors(function: Callable[..., Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        evaluate(function, [exact(np.ones((2, 3), int))], "lhs")


def test_evaluation_does_not_change_its_arguments() -> None:
    x = exact([1, 2, 3])
    evaluate(lambda x: (x.at[0].set(7.0), lax.dynamic_update_slice(x, x[:1], (2,)), jnp.cumsum(x)), [x])
    assert x.tolist() == [1, 2, 3]


def test_random_inputs_are_spread_and_repeatable() -> None:
    sizes = {**SIZES, "h": 20, "w": 20}
    inputs = random_inputs(SIGNATURE, sizes, random.Random(1))
    assert {name: array.shape for name, array in inputs.items()} == {
        "X": (1, 20, 20, 2),
        "W": (2, 1, 2, 2),
        "Q": (2, 1),
    }
    entries = list(inputs["X"].flat)
    assert 0 not in entries
    assert len(set(entries)) > 200
    assert {type(entry) for entry in entries} == {int, Fraction}
    assert {entry > 0 for entry in entries} == {True, False}
    again = random_inputs(SIGNATURE, sizes, random.Random(1))
    assert all((inputs[name] == again[name]).all() for name in inputs)


def test_jax_enabled_for_64_bits_changes_nothing() -> None:
    with jax.enable_x64(True):
        (out,) = evaluate(lambda x: x * 0.1, [exact([1])])
    assert out.tolist() == [Fraction(13421773, 134217728)]
