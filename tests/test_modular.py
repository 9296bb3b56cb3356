"""Residues against Python's integers, heights against polynomials."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from jaxiom.interpret import interpret
from jaxiom.lettered import letters_of
from jaxiom.residues import ExactCheck, check_here, primes_below
from jaxiom.rules.accumulators import ACCUMULATORS, BFLOAT16, FLOAT64, INT8, Accumulator
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.heights import HEIGHTS, INPUT, Height, literal, whole_mantissa
from jaxiom.rules.modular import Field, modular_table


def conv(x: Array, w: Array, padding: Any = "SAME") -> Array:
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def jaxpr(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, "float32") for s in shapes))


def check(lhs: Callable[..., Any], rhs: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> ExactCheck:
    return check_here(jaxpr(lhs, *shapes), jaxpr(rhs, *shapes), **options)


def modulo(value: Fraction, p: int) -> int:
    return value.numerator * pow(value.denominator, -1, p) % p


# Residues against Python's integers


KINDS = st.sampled_from(ACCUMULATORS)


def prime_of(kind: Accumulator, at: int) -> int:
    """The at-th prime from the top."""
    return next(itertools.islice(primes_below(kind.largest), at, None))


def balanced(value: int, p: int) -> int:
    return (value + p // 2) % p - p // 2


@settings(max_examples=25, deadline=None)
@given(
    kind=KINDS,
    at=st.integers(0, 20),
    x=st.integers(-(2**60), 2**60),
    y=st.integers(-(2**60), 2**60),
    n=st.integers(0, 40),
)
def test_field_against_integers(kind: Accumulator, at: int, x: int, y: int, n: int):
    p = prime_of(kind, at)
    with jax.enable_x64(True):
        field = Field(jnp.asarray(p, kind.storage), kind)
        a, b = (jnp.asarray(balanced(v, p), kind.storage) for v in (x, y))
        found = [field.times(a, b), field.power(a, n), field.reduce(a + b), field.residues(jnp.int64(x))]
        assert [int(f) for f in found] == [balanced(v, p) for v in (x * y, pow(x, n, p), x + y, x)]
        if x % p:
            assert int(field.inverse(a)) % p == pow(x, -1, p)
        else:
            assert np.isnan(field.inverse(a))


@settings(max_examples=25, deadline=None)
@given(kind=KINDS, at=st.integers(0, 20), data=st.data())
def test_sums_up_to_the_accumulators_limit_are_reduced(kind: Accumulator, at: int, data: st.DataObject):
    p, limit = prime_of(kind, at), kind.exact
    value = data.draw(st.integers(-limit, limit) | st.sampled_from([limit, -limit]))
    with jax.enable_x64(True):
        field = Field(jnp.asarray(p, kind.storage), kind)
        assert int(field.settle(jnp.asarray(value, kind.result))) == balanced(value, p)


@settings(max_examples=25, deadline=None)
@given(kind=KINDS, values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_constants_are_the_binary_fractions_that_they_are(kind: Accumulator, values: list[float]):
    p = kind.largest
    with jax.enable_x64(True):
        found = Field(jnp.asarray(p, kind.storage), kind).constants(np.array(values))
    assert [int(f) % p for f in found] == [modulo(Fraction(v), p) for v in values]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whole_mantissa_is_exact(value: float):
    mantissa, exponent = (int(part[0]) for part in whole_mantissa(np.array([value])))
    assert mantissa * Fraction(2) ** exponent == Fraction(value)
    assert mantissa == 0 or mantissa % 2 == 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("past", [0, 2])
@pytest.mark.parametrize("kind", ACCUMULATORS, ids=lambda kind: kind.name)
def test_contractions_that_reach_the_accumulators_limit(kind: Accumulator, past: int, sign: int):
    # Every product at its largest: a block's sum is just below what the accumulator holds; then some blocks more.
    terms, p = kind.terms * (1 + past) + (7 if past else 0), kind.largest
    assert 0.99 * kind.exact < kind.terms * kind.half**2 <= kind.exact or kind is BFLOAT16
    x, w = np.full((1, terms), kind.half), np.full((terms, 1), sign * kind.half)
    x[0, ::7] -= 1
    closed = jaxpr(lambda x, w: x @ w, (1, terms), (terms, 1))
    with jax.enable_x64(True):
        table = modular_table(jnp.asarray(p, kind.storage), kind)
        inputs = [jnp.asarray(o, kind.storage) for o in (x, w)]
        (found,) = jax.jit(lambda *xs: interpret(table, closed, xs))(*inputs)
    assert int(found[0, 0]) == balanced(sum(int(a) * int(b) for a, b in zip(x[0], w[:, 0], strict=True)), p)


@pytest.mark.parametrize("kind", [FLOAT64, BFLOAT16], ids=lambda kind: kind.name)
def test_blocks_twice_as_long_would_not_be_exact(kind: Accumulator):
    # The limit is no formality: past it the last bit of a sum is lost.
    product = (kind.half - 1 + kind.half % 2) ** 2
    terms = np.full(2 * kind.terms + 1, product, kind.result)
    assert int(np.cumsum(terms, dtype=terms.dtype)[-1]) != len(terms) * product


CONVOLUTIONS: list[dict[str, Any]] = [
    {"window_strides": (1, 1), "padding": "SAME"},
    {"window_strides": (2, 1), "padding": ((2, -1), (0, 3)), "rhs_dilation": (1, 2)},
    {"window_strides": (1, 2), "padding": ((0, 0), (1, 0)), "lhs_dilation": (2, 3)},
    {"window_strides": (1, 1), "padding": "SAME", "feature_group_count": 2},
    {"window_strides": (1, 1), "padding": "SAME", "batch_group_count": 2},
]


@pytest.mark.parametrize("at", range(len(CONVOLUTIONS)))
@pytest.mark.parametrize("kind", [FLOAT64, INT8, BFLOAT16], ids=lambda kind: kind.name)
@pytest.mark.parametrize("terms", [None, 5], ids=["one block", "blocks"])
def test_convolutions_against_jax(at: int, kind: Accumulator, terms: int | None):
    options = CONVOLUTIONS[at]
    groups = options.get("feature_group_count", 1)
    names = ("NHWC", "HWIO", "NHWC") if at % 2 else ("NCHW", "OIHW", "NHWC")
    shapes = ((2, 5, 6, 4), (3, 2, 4 // groups, 6)) if at % 2 else ((2, 4, 5, 6), (6, 4 // groups, 3, 2))
    rng = np.random.default_rng(at)
    x, w = (rng.integers(-kind.half, kind.half + 1, s) for s in shapes)
    function = lambda x, w: lax.conv_general_dilated(x, w, dimension_numbers=names, **options)  # noqa: E731
    closed = jaxpr(function, *shapes)
    if terms is not None:  # an accumulator that holds fewer products than a window has
        kind = replace(kind, exact=terms * kind.half**2)
    with jax.enable_x64(True):
        expected = np.asarray(function(jnp.asarray(x, float), jnp.asarray(w, float))).astype(int)
        table = modular_table(jnp.asarray(kind.largest, kind.storage), kind)
        (found,) = interpret(table, closed, [jnp.asarray(o, kind.storage) for o in (x, w)])
    assert np.array_equal(np.asarray(found).astype(int), (expected + kind.half) % kind.largest - kind.half)


def test_what_int8_cannot_hold_is_not_lost():
    closed = jaxpr(lambda x, w: x @ w, (2, 3), (3, 2))
    x = np.full((2, 3), np.nan, np.float32)
    with jax.enable_x64(True):
        (found,) = interpret(modular_table(jnp.float32(251), INT8), closed, [jnp.asarray(x), jnp.ones((3, 2))])
    assert np.isnan(found).all()


PROGRAMS: list[tuple[Callable[..., Any], list[tuple[int, ...]]]] = [
    (lambda x, y: (x + 2 * y) * (x - y / 3) - 0.1, [(2,), (2,)]),
    (lambda x: x**3 / 7 + jnp.square(x) * x.sum(), [(3,)]),
    (lambda x, w: conv(x, w / 5), [(1, 3, 2, 1), (2, 2, 1, 1)]),
    (lambda x, y: jnp.cumsum(x @ y, 0) - (x @ y).mean(), [(2, 2), (2, 2)]),
    (lambda x: jnp.tril(x) + jnp.where(jnp.arange(2) > 0, x.T, 0.25), [(2, 2)]),
    (lambda x: jnp.pad(x, 1)[::-1] * jnp.arange(4.0) / (jnp.arange(4.0) + 1), [(2,)]),
    (lambda x: x[jnp.array([1, 0, 1])] * np.array([0.5, 3, 0.1], np.float32), [(2,)]),
    (lambda x: lax.reduce_window(x, 0.0, lax.add, (2,), (1,), "SAME") * jnp.float32(5 // 2 + 7 % 4), [(3,)]),
]


@pytest.mark.parametrize("kind", ACCUMULATORS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("at", range(len(PROGRAMS)))
def test_residues_and_heights_against_polynomials(at: int, kind: Accumulator):
    p = kind.largest
    function, shapes = PROGRAMS[at]
    closed = jaxpr(function, *shapes)
    count = sum(math.prod(s) for s in shapes)
    letters = letters_of({"x": (count,)})
    queue, inputs = iter(letters.arrays["x"]), []
    for shape in shapes:
        array = np.empty(shape, object)
        array[...] = np.array([next(queue) for _ in range(math.prod(shape))], object).reshape(shape)
        inputs.append(array)
    (exact,) = interpret(EXPLICIT, closed, inputs)
    (height,) = interpret(HEIGHTS, closed, [INPUT] * len(shapes))
    rng = np.random.default_rng(at)
    values = [rng.integers(-kind.half, kind.half + 1, s) for s in shapes]
    with jax.enable_x64(True):
        table = modular_table(jnp.asarray(p, kind.storage), kind)
        (found,) = interpret(table, closed, [jnp.asarray(v, kind.storage) for v in values])
    point = [Fraction(int(v)) for array in values for v in array.ravel()]
    for entry, residue in zip(exact.ravel(), np.asarray(found).ravel(), strict=True):
        polynomial = letters.in_ring(entry)
        obeys(height, polynomial)
        value = sum((fraction(c) * math.prod(map(pow, point, m)) for m, c in polynomial.terms()), Fraction(0))
        assert int(residue) % p == modulo(value, p)


def fraction(coefficient: Any) -> Fraction:
    return Fraction(int(coefficient.numerator), int(coefficient.denominator))


def obeys(height: Height, polynomial: Any) -> None:
    """Assert that a polynomial has the degree, the denominator and the coefficients that a height promises."""
    if not polynomial:
        return
    coefficients = [fraction(c) * height.denominator for c in polynomial.coeffs()]
    assert all(c.denominator == 1 for c in coefficients)
    assert sum(abs(c) for c in coefficients) <= height.norm
    assert max(sum(m) for m in polynomial.monoms()) <= height.degree


def test_heights_of_literals():
    assert literal(np.array([0.5, 3], np.float32), np.zeros(2, np.float32)) == Height(0, 6, 2)
    assert literal(np.array([-7, 3], np.int32), np.zeros(2, np.int32)) == Height(0, 7)
    assert literal(np.zeros((0,), np.float32), np.zeros(0, np.float32)).norm == 0
    assert literal(True, np.zeros((), bool)).constant == 1
