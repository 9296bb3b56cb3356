"""Residues against Python's integers, heights against polynomials."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax
from sympy import QQ
from sympy.polys.rings import PolyElement, ring

from jaxiom.interpret import interpret
from jaxiom.residues import ExactCheck, check_here, draw_inputs, primes_between
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.heights import HEIGHTS, INPUT, Height, literal, simplest, whole_mantissa
from jaxiom.rules.modular import LARGEST, Field, largest_prime, modular_table

PRIME = 2_583_109


def conv(x: Array, w: Array, padding: Any = "SAME") -> Array:
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def jaxpr(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, "float32") for s in shapes))


def check(lhs: Callable[..., Any], rhs: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> ExactCheck:
    return check_here(jaxpr(lhs, *shapes), jaxpr(rhs, *shapes), **options)


def modulo(value: Fraction, p: int) -> int:
    return value.numerator * pow(value.denominator, -1, p) % p


# Residues against Python's integers


@settings(max_examples=40, deadline=None)
@given(
    p=st.sampled_from([4099, 65537, PRIME, 8_388_593]),
    x=st.integers(-(2**60), 2**60),
    y=st.integers(-(2**60), 2**60),
    n=st.integers(0, 40),
)
def test_field_against_integers(p: int, x: int, y: int, n: int):
    with jax.enable_x64(True):
        field = Field(jnp.float64(p))
        a, b = (jnp.float64((v % p) - p if v % p > p // 2 else v % p) for v in (x, y))
        found = [field.times(a, b), field.power(a, n), field.reduce(a + b)]
        assert [int(f) % p for f in found] == [x * y % p, pow(x, n, p), (x + y) % p]
        assert all(abs(float(f)) <= (p + 1) / 2 for f in found)
        if x % p:
            assert int(field.inverse(a)) % p == pow(x, -1, p)
        else:
            assert np.isnan(field.inverse(a))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_constants_are_the_binary_fractions_that_they_are(values: list[float]):
    with jax.enable_x64(True):
        found = Field(jnp.float64(PRIME)).constants(np.array(values))
    assert [int(f) % PRIME for f in found] == [modulo(Fraction(v), PRIME) for v in values]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whole_mantissa_is_exact(value: float):
    mantissa, exponent = (int(part[0]) for part in whole_mantissa(np.array([value])))
    assert mantissa * Fraction(2) ** exponent == Fraction(value)
    assert mantissa == 0 or mantissa % 2 == 1


@pytest.mark.parametrize("terms", [1, 9, 4608, 100_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_longest_contraction_reaches_the_accumulators_limit(terms: int, sign: int):
    # Every product at its largest: the sum is just below 2^53, where float64 stops being exact.
    p = int(primes_between(largest_prime(terms) - 500, largest_prime(terms))[-1])
    top = (p + 1) // 2
    assert terms * top**2 < 2**53
    if terms > 1:
        assert terms * top**2 > 2**53 * 0.99 or p > LARGEST * 0.99
    x, w = np.full((1, terms), float(top)), np.full((terms, 1), float(sign * top))
    x[0, ::7] -= 1
    closed = jaxpr(lambda x, w: x @ w, (1, terms), (terms, 1))
    with jax.enable_x64(True):
        (found,) = jax.jit(lambda x, w: interpret(modular_table(jnp.float64(p)), closed, [x, w]))(x, w)
    assert int(found[0, 0]) % p == sum(int(a) * int(b) for a, b in zip(x[0], w[:, 0], strict=True)) % p


def test_one_prime_more_would_not_be_exact():
    # The limit is no formality: residues of twice the size lose the last bit.
    terms, p = 4608, 2 * largest_prime(4608) + 1
    top = float(p // 2)
    x = np.full(terms, top)
    x[0] -= 1
    assert int(x @ np.full(terms, top)) != sum(int(a) * int(top) for a in x)


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


@pytest.mark.parametrize("at", range(len(PROGRAMS)))
def test_residues_and_heights_against_polynomials(at: int):
    function, shapes = PROGRAMS[at]
    closed = jaxpr(function, *shapes)
    count = sum(math.prod(s) for s in shapes)
    domain, *letters = ring([f"x{i}" for i in range(count)], QQ)
    queue, inputs = iter(letters), []
    for shape in shapes:
        array = np.empty(shape, object)
        array[...] = np.array([next(queue) for _ in range(math.prod(shape))], object).reshape(shape)
        inputs.append(array)
    (exact,) = interpret(EXPLICIT, closed, inputs)
    (height,) = interpret(HEIGHTS, closed, [INPUT] * len(shapes))
    rng = np.random.default_rng(at)
    values = draw_inputs(closed, PRIME, rng)
    with jax.enable_x64(True):
        (found,) = interpret(modular_table(jnp.float64(PRIME)), closed, [jnp.asarray(v) for v in values])
    point = [Fraction(int(v)) for array in values for v in array.ravel()]
    for entry, residue in zip(exact.ravel(), np.asarray(found).ravel(), strict=True):
        polynomial = entry if isinstance(entry, PolyElement) else domain(entry)
        obeys(height, polynomial)
        value = sum((fraction(c) * math.prod(map(pow, point, m)) for m, c in polynomial.terms()), Fraction(0))
        assert int(residue) % PRIME == modulo(value, PRIME)


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


def test_simplest_fractions():
    values = np.array([1 / 3, -5 / 4608, 0.0, 7.0, 1000 / 7, float(np.float32(0.1))])
    above, below = simplest(values)
    assert [Fraction(int(a), int(b)) for a, b in zip(above, below, strict=True)] == [
        Fraction(1, 3),
        Fraction(-5, 4608),
        Fraction(0),
        Fraction(7),
        Fraction(1000, 7),
        Fraction(13421773, 134217728),
    ]


def test_heights_of_literals():
    assert literal(np.array([0.5, 3], np.float32), np.zeros(2, np.float32)) == Height(0, 6, 2)
    assert literal(np.array([-7, 3], np.int32), np.zeros(2, np.int32)) == Height(0, 7)
    assert literal(np.zeros((0,), np.float32), np.zeros(0, np.float32)).norm == 0
    assert literal(True, np.zeros((), bool)).constant == 1
