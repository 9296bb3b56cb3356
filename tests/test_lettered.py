"""Polynomials in letters, and matrices of them, held against SymPy's ring."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import QQ

from jaxiom.lettered import Lettered, LetterMatrix, confirm, letter, letters_of

LETTERS = letters_of({"x": (3,)})
X = list(LETTERS.arrays["x"])


def polynomials() -> st.SearchStrategy[Any]:
    """Numbers and letters, added and multiplied."""
    numbers = st.integers(-3, 3) | st.fractions(-2, 2, max_denominator=4)
    grown = lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner).map(combined)  # noqa: E731
    return st.recursive(numbers | st.sampled_from(X), grown, max_leaves=8)


def combined(made: tuple[str, Any, Any]) -> Any:
    sign, a, b = made
    return a + b if sign == "+" else a - b if sign == "-" else a * b


@settings(max_examples=80, deadline=None, derandomize=True)
@given(polynomials(), polynomials(), st.integers(0, 3), st.sampled_from([2, Fraction(-1, 3)]))
def test_arithmetic_is_that_of_sympys_ring(a: Any, b: Any, power: int, number: Any) -> None:
    ring = LETTERS.in_ring
    assert ring(a + b) == ring(a) + ring(b)
    assert ring(a - b) == ring(a) - ring(b)
    assert ring(a * b) == ring(a) * ring(b)
    assert ring(a**power) == (ring(a) ** power if power else 1)
    assert ring(X[0] * a / number) == ring(X[0] * a) * QQ(number.denominator, number.numerator)
    assert bool(a - b) is bool(ring(a) - ring(b)) is (a != b)
    assert a != b or hash(a) == hash(b)
    assert LETTERS.expression(a) == ring(a).as_expr(*LETTERS.symbols)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (X[0] - X[0], "0"),
        (X[0] * X[1] / 2 - X[2] ** 3 - 1, "-x_2**3 + 1/2*x_0*x_1 - 1"),
        (-X[0] * 0 + 3, "3"),
    ],
)
def test_text(made: Any, text: str) -> None:
    assert str(made) == text


@pytest.mark.parametrize("other", [0.5, "1", None])
def test_no_arithmetic_with_what_is_not_exact(other: Any) -> None:
    for operation in (lambda: X[0] + other, lambda: X[0] * other, lambda: X[0] - other, lambda: X[0] / other):
        with pytest.raises(TypeError):
            operation()


def test_letters_know_their_owners() -> None:
    shapes = {"X": (1, 3, 2, 2), "W": (2, 1, 2, 2), "Q": (2, 1)}
    made = letters_of(shapes)
    assert str(made.arrays["W"][1, 0, 1, 0]) == "W_1_0_1_0"
    assert made.span("X") == range(0, 12)
    assert made.span("Q") == range(20, 22)
    assert made.span("nobody") == range(0)
    ((at,),) = made.arrays["W"][1, 0, 1, 0].terms
    assert made.owners[at] == ("W", (1, 0, 1, 0))
    assert made.in_ring(made.arrays["W"][1, 0, 1, 0]) == made.ring.gens[at]


def test_letters_of_alike_names_stay_apart() -> None:
    made = letters_of({"X": (1, 1), "X_0": (1,)})
    one, other = made.arrays["X"][0, 0], made.arrays["X_0"][0]
    assert one != other
    assert [str(one), str(other)] == ["X_{0,0}", "X_0_{0}"]


def test_letters_in_sympy_and_latex() -> None:
    made = letters_of({"X": (2, 2), "b": (), "p['w']": (1,)})
    element = made.arrays["X"][0, 1] ** 2 * made.arrays["b"][()] / 3 - 1
    assert made.expression(element) == letter("X", (0, 1)) ** 2 * sympy.Symbol("b") / 3 - 1
    assert str(made.expression(element)) == "X_{0,1}**2*b/3 - 1"
    assert sympy.latex(letter("X", (0, 1))) == "X_{0,1}"
    assert made.expression(Fraction(-1, 2)) == sympy.Rational(-1, 2)
    assert made.expression(0) == 0


def matrix(rows: list[list[Any]]) -> LetterMatrix:
    entries = {(i, j): e for i, row in enumerate(rows) for j, e in enumerate(row) if isinstance(e, Lettered) and e}
    return LetterMatrix((len(rows), len(rows[0])), entries)


def test_letter_matrices_multiply_as_sympy_does() -> None:
    made = letters_of({"a": (4,)})
    a, b, c, d = made.arrays["a"]
    left, right = matrix([[a, 0, b], [0, a, b]]), matrix([[a, b], [c, 0], [a - d, -c]])
    assert (left @ right).sympy(made) == (left.sympy(made) * right.sympy(made)).expand()


def test_a_product_that_cancels_leaves_no_entry() -> None:
    a, b = letters_of({"a": (2,)}).arrays["a"]
    assert (matrix([[a, b]]) @ matrix([[b], [-a]])).entries == {}
    assert (matrix([[a, b]]) @ matrix([[b], [a]])).entries != {}
    assert matrix([[a, b]]).map(lambda entry: entry - a).entries == {(0, 1): b - a}


def entry_matrices() -> Iterator[tuple[LetterMatrix, LetterMatrix, bool]]:
    a, b = letters_of({"a": (2,)}).arrays["a"]
    of = lambda shape=(1, 2), **entries: LetterMatrix(shape, {(0, int(k[1])): e for k, e in entries.items()})  # noqa: E731
    yield of(c0=(a + b) * (a - b), c1=a), of(c0=a**2 - b**2, c1=a), True
    yield of(c0=(a + b) * (a - b)), of(c0=a**2 + b**2), False
    yield of(c0=a), of(c0=a, c1=b), False
    yield of(c0=a, c1=b), of(c1=b), False
    yield of(c0=a - a + b), of(c0=b), True
    yield of(c0=a), of((2, 1), c0=a), False
    yield of(), of(), True
    yield of(c0=a, c1=a), of(c0=a, c1=b), False  # an entry that was equal once, beside another


@pytest.mark.parametrize(("lhs", "rhs", "equal"), list(entry_matrices()))
@pytest.mark.parametrize("in_ring", [False, True])
def test_confirm(lhs: LetterMatrix, rhs: LetterMatrix, equal: bool, in_ring: bool) -> None:
    if in_ring:
        made = letters_of({"a": (2,)})
        lhs, rhs = lhs.map(made.in_ring), rhs.map(made.in_ring)
    assert confirm(lhs, rhs) is confirm(rhs, lhs) is equal
    assert confirm(lhs.T, rhs.T) is equal
