"""Counting and summing over indices, against adding up by brute force."""

import itertools
from collections import defaultdict
from fractions import Fraction
from typing import Any

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import evaluate_term

from jaxiom.polyhedra.form import Term
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.settle import eliminate, faulhaber, pinned, progression_sum, settle
from jaxiom.polyhedra.world import World

LAW = settings(max_examples=60, deadline=None, derandomize=True)

n, m = Polynomial.variable("n"), Polynomial.variable("m")
o, e, f = (Polynomial.variable(i) for i in range(3))
NO_TENSORS: dict[str, Any] = {}


def world() -> World:
    return World(("n", "m"), isl.Set("[n, m] -> { : n >= 1 and m >= 1 }"))


def term(constraints: str, weight: Polynomial, extra: int = 1) -> Term:
    indices = ", ".join(f"_{i}" for i in range(1 + extra))
    return Term((), isl.Set(f"[n, m] -> {{ [{indices}] : n >= 1 and m >= 1 and {constraints} }}"), weight)


def sums(terms: list[Term], sizes: dict[str, int]) -> dict[int, Fraction]:
    """The value at each output index."""
    found: dict[int, Fraction] = defaultdict(Fraction)
    for one in terms:
        for index, amount in evaluate_term(world(), one, 1, sizes, NO_TENSORS):
            found[index[0]] += amount
    return {k: v for k, v in found.items() if v}


SIZES: list[dict[str, int]] = [{"n": a, "m": b} for a, b in itertools.product((1, 2, 3, 5), (1, 2, 4))]


def counted(terms: list[Term]) -> bool:
    return all(pinned(t.points, 1) for t in terms)


@pytest.mark.parametrize("power", range(8))
def test_faulhaber(power: int) -> None:
    formula = faulhaber(power)
    assert formula.degree() == power + 1
    for t in range(-1, 8):
        assert formula.evaluate({0: t}) == sum(s**power for s in range(t + 1))


@LAW
@given(
    st.lists(st.fractions(min_value=-3, max_value=3, max_denominator=4), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(-3, 5),
    st.integers(0, 6),
)
def test_the_sum_of_a_polynomial_over_a_progression(
    coefficients: list[Fraction], step: int, first: int, steps: int
) -> None:
    weight = sum((e**i * c for i, c in enumerate(coefficients)), Polynomial()) + o * e
    total = progression_sum(weight, 1, step).evaluate({0: 7, 1: first, 2: steps})
    assert total == sum(weight.evaluate({0: 7, 1: first + step * s}) for s in range(steps + 1))


bounds = st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(0, 1), st.integers(-3, 3))


def affine(row: tuple[int, int, int, int]) -> Polynomial:
    """In n, m, the output index and a number."""
    return row[0] * n + row[1] * m + row[2] * o + row[3]


weights = st.sampled_from(
    [
        lift(1),
        lift(Fraction(1, 3)),
        n * m,
        e,
        e**2 - o,
        (e - n) * (e + o),
        e**3 * Fraction(1, 2) - e * m + 2,
    ]
)


@LAW
@given(bounds, bounds, st.sampled_from([1, 1, 2, 3]), weights)
def test_intervals_and_progressions(
    low: tuple[int, int, int, int], high: tuple[int, int, int, int], step: int, weight: Polynomial
) -> None:
    text = f"0 <= _0 < n and exists (k : _1 = {step}*k) and " if step > 1 else "0 <= _0 < n and "
    start, end = (f"{r[0]}*n + {r[1]}*m + {r[2]}*_0 + {r[3]}" for r in (low, high))
    settled = settle(world(), 1, term(text + f"{start} <= _1 <= {end}", weight))
    assert counted(settled)
    for sizes in SIZES:
        expected: dict[int, Fraction] = {}
        for index in range(sizes["n"]):
            env = {**sizes, 0: index}
            first, last = (int(affine(r).evaluate(env)) for r in (low, high))
            total = sum(
                (weight.evaluate({**env, 1: i}) for i in range(first, last + 1) if i % step == 0), start=Fraction(0)
            )
            expected |= {index: total} if total else {}
        assert sums(settled, sizes) == expected


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (lambda i, a, b, s: 0 <= a < s["n"] and 0 <= b <= a, "0 <= _1 < n and 0 <= _2 <= _1"),
        (lambda i, a, b, s: 0 <= a < s["n"] and 0 <= b < s["m"], "0 <= _1 < n and 0 <= _2 < m"),
        (lambda i, a, b, s: 0 <= b <= a + i and 0 <= a < s["m"], "0 <= _2 <= _1 + _0 and 0 <= _1 < m"),
        (lambda i, a, b, s: 0 <= a < s["n"] and b == 2 * a + i, "0 <= _1 < n and _2 = 2*_1 + _0"),
        (lambda i, a, b, s: 0 <= b < s["n"] and a == i - b and a >= 0, "0 <= _2 < n and _1 = _0 - _2 and _1 >= 0"),
        (lambda i, a, b, s: 0 <= a < s["n"] and a < b < s["n"], "0 <= _1 < n and _1 < _2 < n"),
        (
            lambda i, a, b, s: 0 <= a < s["m"] and 0 <= b < s["n"] and a <= i and b >= a,
            "0 <= _1 < m and 0 <= _2 < n and _1 <= _0 and _2 >= _1",
        ),
        # every second, from a start that depends on the other index
        (
            lambda i, a, b, s: 0 <= a < s["n"] and a <= b <= a + 4 and (b - a) % 2 == 0,
            "0 <= _1 < n and _1 <= _2 <= _1 + 4 and exists (k : _2 = _1 + 2*k)",
        ),
    ],
)
@pytest.mark.parametrize(
    "weight", [lift(1), e, f, e * f - n, o * e + f**2, lift(Fraction(2, 3)) * m], ids=["1", "e", "f", "ef", "of", "m"]
)
def test_two_indices(inside: Any, text: str, weight: Polynomial) -> None:
    settled = settle(world(), 1, term(f"0 <= _0 < n and {text}", weight, extra=2))
    assert counted(settled)
    for sizes in SIZES:
        expected: dict[int, Fraction] = {}
        for index in range(sizes["n"]):
            total = sum(
                (
                    weight.evaluate({**sizes, 0: index, 1: a, 2: b})
                    for a in range(-8, 16)
                    for b in range(-8, 16)
                    if inside(index, a, b, sizes)
                ),
                start=Fraction(0),
            )
            expected |= {index: total} if total else {}
        assert sums(settled, sizes) == expected


conjuncts = st.lists(
    st.one_of(
        st.tuples(st.integers(-1, 1), st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2)).map(
            lambda r: f"{r[0]}*n + {r[1]}*_0 + {r[2]}*_1 + {r[3]}*_2 >= 0"
        ),
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)).map(
            lambda r: f"({r[0]} + _0 + {r[1]}*_1 + {r[2]}*_2) mod 3 = 0"
        ),
        st.just("(_1 + _2) mod 3 <= 1"),
        st.just("_2 = floor(_1 / 2)"),
        st.just("2*_1 + 3*_2 = 2*_0 + n"),
    ),
    max_size=3,
)


@LAW
@given(conjuncts, st.sampled_from([lift(1), e, f - o, e * f]))
def test_whatever_is_left_uncounted_is_still_right(parts: list[str], weight: Polynomial) -> None:
    text = " and ".join(["0 <= _0 < n", "0 <= _1 <= n + 1", "0 <= _2 <= m", *parts])
    before = term(text, weight, extra=2)
    after = settle(world(), 1, before)
    for sizes in SIZES[::2]:
        assert sums(after, sizes) == sums([before], sizes)


def test_what_is_no_progression_is_left_alone() -> None:
    # 0, 1, 3, 4, 6, ...: two residues of three, in one piece
    gaps = term("_0 = 0 and 0 <= _1 < n and _1 mod 3 <= 1", lift(1))
    (left,) = settle(world(), 1, gaps)
    assert not pinned(left.points, 1)
    assert sums([left], {"n": 7, "m": 1}) == {0: 5}


def test_a_divisor_that_depends_on_the_index_is_not_counted_over() -> None:
    harmonic = Term((), isl.Set("[n, m] -> { [_0, _1] : _0 = 0 and 1 <= _1 <= n and m >= 1 }"), lift(1), (e,))
    (left,) = settle(world(), 1, harmonic)
    assert not pinned(left.points, 1)
    assert sums([left], {"n": 3, "m": 1}) == {0: Fraction(11, 6)}


def test_nothing_is_left_of_an_empty_set_or_a_zero_weight() -> None:
    assert settle(world(), 1, term("_0 = 0 and _1 = 0 and n <= 0", lift(1))) == []
    assert settle(world(), 1, term("_0 = 0 and 0 <= _1 < n", Polynomial())) == []


def test_a_pinned_index_is_put_into_the_weight() -> None:
    (only,) = eliminate(term("0 <= _0 < n and _1 = 2*_0 + m", e**2 - e), 1) or []
    assert only.weight == (2 * o + m) ** 2 - (2 * o + m)
    assert only.points.dim(isl.dim_type.set) == 1
    # a free one is not
    assert eliminate(term("0 <= _0 < n and 0 <= _1 < m", e), 1) is None
    # one that needs a floor is not either
    assert eliminate(term("0 <= _0 < n and _1 = floor(_0 / 2)", e), 1) is None
    # unless nothing depends on it
    (free,) = eliminate(term("0 <= _0 < n and _1 = floor(_0 / 2)", n), 1) or []
    assert free.weight == n
