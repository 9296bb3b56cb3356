"""The zero test against looking at every point of a box, with sets read by numpy and not by isl."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import islpy as isl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.errors import Undecidable
from jaxiom.polyhedra import zero
from jaxiom.polyhedra.polynomial import Atom, Polynomial, lift
from jaxiom.polyhedra.world import World
from jaxiom.polyhedra.zero import lattice, vanishes

LAW = settings(max_examples=80, deadline=None, derandomize=True)

n = Polynomial.variable("n")
x, y = Polynomial.variable(0), Polynomial.variable(1)
COORDINATES = ("n", 0, 1)

Affine = tuple[int, int, int, int]
"""Constant, then the coefficients of n, x, y."""


def polynomial(row: Affine) -> Polynomial:
    return lift(row[0]) + row[1] * n + row[2] * x + row[3] * y


@dataclass(frozen=True)
class Constraint:
    """row >= 0 (modulus 0), row == 0 (modulus 1), or row mod modulus == rest."""

    row: Affine
    modulus: int = 0
    rest: int = 0

    def text(self) -> str:
        value = f"{self.row[0]} + {self.row[1]}*n + {self.row[2]}*x + {self.row[3]}*y"
        if self.modulus > 1:
            return f"({value}) mod {self.modulus} = {self.rest}"
        return f"{value} {'=' if self.modulus else '>='} 0"

    def holds(self, grid: list[np.ndarray]) -> np.ndarray:
        value = np.sum([a * g for a, g in zip(self.row[1:], grid, strict=True)], 0) + self.row[0]
        if self.modulus > 1:
            return value % self.modulus == self.rest
        return value == 0 if self.modulus else value >= 0


Union = list[list[Constraint]]


def isl_set(union: Union) -> isl.Set:
    pieces = " or ".join("(" + " and ".join([c.text() for c in piece] or ["true"]) + ")" for piece in union)
    return isl.Set(f"[n] -> {{ [x, y] : n >= 1 and ({pieces}) }}")


def values_in_a_box(union: Union, weight: Polynomial, size: int) -> np.ndarray:
    """The polynomial at every point of the set with n <= size and |x|, |y| <= size."""
    line = np.arange(-size, size + 1)
    grid = list(np.meshgrid(np.arange(1, size + 1), line, line, indexing="ij"))
    inside = np.zeros(grid[0].shape, dtype=bool)
    for piece in union:
        inside |= np.logical_and.reduce([np.ones_like(inside), *(c.holds(grid) for c in piece)])
    places = dict(zip(COORDINATES, (g[inside].astype(object) for g in grid), strict=True))
    total = np.zeros(int(inside.sum()), dtype=object)
    for powers, coefficient in (weight * weight.denominator).terms.items():
        term: Any = int(coefficient)
        for variable, exponent in powers:
            term = term * places[variable] ** exponent  # type: ignore[index]
        total = total + term
    return total


small = st.integers(-2, 2)
rows = st.tuples(st.integers(-3, 3), st.integers(-1, 1), small, small)
constraints = st.one_of(
    st.builds(Constraint, rows),
    st.builds(Constraint, rows, st.just(1)),
    st.sampled_from([2, 3]).flatmap(lambda m: st.builds(Constraint, rows, st.just(m), st.integers(0, m - 1))),
)
unions = st.lists(st.lists(constraints, min_size=1, max_size=3), min_size=1, max_size=2)
coefficients = st.sampled_from([-2, -1, Fraction(1, 2), 1, 2])


@st.composite
def polynomials(draw: Any) -> Polynomial:
    """Sums of products of affine functions, those that vanish on lines and points among them."""
    total = Polynomial()
    for factors in draw(st.lists(st.lists(rows, min_size=1, max_size=3), min_size=1, max_size=2)):
        term = lift(draw(coefficients))
        for row in factors:
            term = term * polynomial(row)
        total = total + term
    return total


@LAW
@given(unions, polynomials())
def test_true_means_zero_everywhere_and_false_means_nonzero_somewhere(union: Union, weight: Polynomial) -> None:
    if vanishes(isl_set(union), weight):
        assert not values_in_a_box(union, weight, 12).any()
    else:
        # Coefficients of at most 3 put a nonzero value near the origin.
        assert values_in_a_box(union, weight, 12).any() or values_in_a_box(union, weight, 50).any()


@st.composite
def vanishing(draw: Any) -> tuple[Union, Polynomial]:
    """A union of pieces, each inside a strip (or residue class) on which a factor of the polynomial vanishes."""
    union: Union = []
    weight = lift(draw(coefficients))
    for _ in range(draw(st.integers(1, 2))):
        row = draw(rows)
        low, width, step = draw(st.integers(-2, 2)), draw(st.integers(0, 2)), draw(st.sampled_from([1, 1, 2, 3]))
        # low <= row <= low + step·width, and row = low mod step
        strip = [
            Constraint((row[0] - low, *row[1:])),
            Constraint((low + step * width - row[0], *(-a for a in row[1:]))),
        ]
        if step > 1:
            strip.append(Constraint((row[0] - low, *row[1:]), step, 0))
        union.append([*strip, *draw(st.lists(constraints, max_size=1))])
        for value in range(low, low + step * width + 1, step):
            weight = weight * (polynomial(row) - value)
    return union, weight * draw(polynomials())


@LAW
@given(vanishing())
def test_a_polynomial_made_to_vanish_on_a_set_is_found_to(made: tuple[Union, Polynomial]) -> None:
    union, weight = made
    assert vanishes(isl_set(union), weight)


@LAW
@given(vanishing(), coefficients)
def test_shifted_off_it_vanishes_only_on_the_empty_set(made: tuple[Union, Polynomial], by: Fraction | int) -> None:
    union, weight = made
    points = isl_set(union)
    assert vanishes(points, weight + by) is points.is_empty()


@pytest.mark.parametrize(
    ("points", "weight", "zero_there"),
    [
        ("{ [x] : 0 <= x <= 1 }", x * (x - 1), True),
        ("{ [x] : 0 <= x <= 2 }", x * (x - 1), False),
        ("{ [x] : 0 <= x <= 2 }", x * (x - 1) * (x - 2), True),
        ("[n] -> { [] : n = 3 }", n**2 - 9, True),
        ("[n] -> { [] : n = 3 or n = -3 }", n**2 - 9, True),
        ("[n] -> { [] : 2 <= n <= 3 }", n**2 - 9, False),
        ("[n] -> { [x] : 0 <= x < n }", x * (n - x), False),
        ("[n] -> { [x] : 0 <= x < n and n = 1 }", x * (n - x), True),
        ("[n] -> { [x] : 0 <= x < n and n <= 2 }", x * (x - 1), True),
        ("[n] -> { [x] : 0 <= x < n and n <= 3 }", x * (x - 1), False),
        ("[n] -> { [x, y] : 2y <= x <= 2y + 1 }", (x - 2 * y) * (x - 2 * y - 1), True),
        ("[n] -> { [x, y] : 2y <= x <= 2y + 2 }", (x - 2 * y) * (x - 2 * y - 1), False),
        ("[n] -> { [x, y] : x = 2y and n >= 0 }", 2 * y - x, True),
        ("[n] -> { [x] : 1 = 0 }", lift(1), True),
        ("[n] -> { [x] : x = n }", Polynomial(), True),
        ("[n] -> { [x] : x = n }", lift(Fraction(1, 7)), False),
        ("{ [x] : exists (k : x = 5k) and 0 <= x <= 9 }", x * (x - 5), True),
        ("{ [x] : exists (k : x = 5k) and 0 <= x <= 10 }", x * (x - 5), False),
        ("{ [x] : exists (k : 3k <= x <= 3k + 1) and 0 <= x <= 5 }", x * (x - 1) * (x - 3) * (x - 4), True),
        ("{ [x] : exists (k : 3k <= x <= 3k + 1) and 0 <= x <= 6 }", x * (x - 1) * (x - 3) * (x - 4), False),
        # rationally 0 <= x <= 1/2 is a segment; its only integer point is 0
        ("{ [x, y] : 0 <= 2x <= 1 }", x * (y + 1), True),
        # 3x = 2y + 1 has the integer points x = 1 + 2t, y = 1 + 3t only
        ("{ [x, y] : 3x = 2y + 1 }", 3 * x - 2 * y - 1, True),
        ("{ [x, y] : 3x = 2y + 1 and 0 <= x <= 3 }", (x - 1) * (x - 3), True),
        ("{ [x, y] : 3x = 2y + 1 and 0 <= x <= 5 }", (x - 1) * (x - 3), False),
        # no integer point at all, though rational ones
        ("{ [x, y] : 2x = 2y + 1 }", x, True),
    ],
)
def test_by_hand(points: str, weight: Polynomial, zero_there: bool) -> None:
    assert vanishes(isl.Set(points), weight) is zero_there


@pytest.mark.parametrize(
    ("given_", "size", "zero_there"),
    [
        ("n mod 2 = 0", 2 * Polynomial.variable(Atom("floordiv", n, lift(2))) - n, True),
        ("n mod 2 = 1", 2 * Polynomial.variable(Atom("floordiv", n, lift(2))) - n, False),
        ("n >= 1", 2 * Polynomial.variable(Atom("floordiv", n, lift(2))) - n, False),
        ("n = 3", n**2 - 9, True),
        ("n >= 1", n**2 - 9, False),
        # ceil(n / 2) written in two ways
        (
            "n >= 1",
            Polynomial.variable(Atom("floordiv", n - 1, lift(2)))
            + 1
            + Polynomial.variable(Atom("floordiv", -n, lift(2))),
            True,
        ),
        (
            "n >= 1",
            Polynomial.variable(Atom("mod", n, lift(3))) * Polynomial.variable(Atom("max", 1 - n, lift(0))),
            True,
        ),
        (
            "n >= 0",
            Polynomial.variable(Atom("mod", n, lift(3))) * Polynomial.variable(Atom("max", 1 - n, lift(0))),
            True,
        ),
        (
            "n >= -1",
            Polynomial.variable(Atom("mod", n, lift(3))) * Polynomial.variable(Atom("max", 1 - n, lift(0))),
            False,
        ),
        ("n >= 1", (n - 1) * n * Polynomial.variable(Atom("min", n - 1, lift(1))) - (n - 1) * n, True),
    ],
)
def test_sizes_with_floors_and_maxima(given_: str, size: Polynomial, zero_there: bool) -> None:
    assert World(("n",), isl.Set(f"[n] -> {{ : {given_} }}")).is_zero(size) is zero_there


def test_too_many_slices_are_undecidable(monkeypatch: pytest.MonkeyPatch) -> None:
    points, weight = isl.Set("{ [x] : 0 <= x <= 3 }"), x * (x - 1) * (x - 2) * (x - 3)
    assert vanishes(points, weight)
    monkeypatch.setattr(zero, "MOST_SLICES", 3)
    with pytest.raises(Undecidable, match="would take more than 3 slices"):
        vanishes(points, weight)


@LAW
@given(st.lists(st.lists(st.integers(-4, 4), min_size=4, max_size=4), max_size=3))
def test_the_lattice_is_all_integer_solutions(rows_: list[list[int]]) -> None:
    box = range(-5, 6)
    solutions = {
        (a, b, c)
        for a in box
        for b in box
        for c in box
        if all(r[0] + r[1] * a + r[2] * b + r[3] * c == 0 for r in rows_)
    }
    found = lattice(rows_, 3)
    if found is None:
        assert not solutions
        return
    origin, basis = found
    for row in rows_:
        assert row[0] + sum(a * b for a, b in zip(row[1:], origin, strict=True)) == 0
        assert all(sum(a * b for a, b in zip(row[1:], v, strict=True)) == 0 for v in basis)
    # A basis of all integer solutions and not of a part of them: its maximal minors have no common divisor.
    normals = np.array([r[1:] for r in rows_] or [[0, 0, 0]])
    assert len(basis) == 3 - np.linalg.matrix_rank(normals)
    assert len(basis) == 0 or math.gcd(*minors(basis)) == 1


def minors(basis: list[list[int]]) -> list[int]:
    """The determinants of all square choices of columns."""
    from itertools import combinations

    matrix = np.array(basis)
    return [round(np.linalg.det(matrix[:, list(c)])) for c in combinations(range(matrix.shape[1]), len(basis))]
