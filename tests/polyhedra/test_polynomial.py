"""Polynomials are a ring; evaluation and substitution are its homomorphisms."""

from fractions import Fraction
from typing import Any

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.polyhedra.polynomial import Atom, Polynomial, all_names, fully_affine, isl_text, lift

LAW = settings(max_examples=100, deadline=None, derandomize=True)

h, w = Polynomial.variable("h"), Polynomial.variable("w")
x, y = Polynomial.variable(0), Polynomial.variable(1)
half = Polynomial.variable(Atom("floordiv", h - 1, lift(2)))
VARIABLES = ["h", "w", 0, 1, Atom("floordiv", h - 1, lift(2)), Atom("max", w - 2, lift(0)), Atom("mod", h + w, lift(3))]

fractions = st.fractions(min_value=-5, max_value=5, max_denominator=6)
powers = st.lists(st.tuples(st.sampled_from(VARIABLES), st.integers(1, 3)), max_size=2)


@st.composite
def polynomials(draw: Any) -> Polynomial:
    total = Polynomial()
    for factors, coefficient in draw(st.lists(st.tuples(powers, fractions), max_size=4)):
        term = lift(coefficient)
        for variable, exponent in factors:
            term = term * Polynomial.variable(variable) ** exponent
        total = total + term
    return total


values = st.integers(-6, 6)
environments = st.fixed_dictionaries({"h": values, "w": values, 0: values, 1: values})


@LAW
@given(polynomials(), polynomials(), polynomials())
def test_ring_laws(a: Polynomial, b: Polynomial, c: Polynomial) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + 0 == a == a * 1
    assert a - b == a + (-b) == -(b - a)
    assert not a - a
    assert a * 0 == 0


@LAW
@given(polynomials(), polynomials(), environments, st.integers(0, 3))
def test_evaluation_is_a_homomorphism(a: Polynomial, b: Polynomial, env: dict[Any, int], exponent: int) -> None:
    assert (a + b).evaluate(env) == a.evaluate(env) + b.evaluate(env)
    assert (a * b).evaluate(env) == a.evaluate(env) * b.evaluate(env)
    assert (a**exponent).evaluate(env) == a.evaluate(env) ** exponent
    assert (Fraction(1, 3) - a).evaluate(env) == Fraction(1, 3) - a.evaluate(env)


@LAW
@given(polynomials(), polynomials(), polynomials(), environments)
def test_substitution_is_evaluation_of_what_is_put_in(
    a: Polynomial, for_x: Polynomial, for_h: Polynomial, env: dict[Any, int]
) -> None:
    swap = {0: for_x, "h": for_h}
    # Atoms are variables of their own: their operands stay.
    inside = {v: Polynomial.variable(v).evaluate(env) for v in a.variables if isinstance(v, Atom)}
    replaced = {**env, 0: for_x.evaluate(env), "h": for_h.evaluate(env)}
    apart = a.substitute({v: lift(number) for v, number in inside.items()})
    assert a.substitute(swap).evaluate(env) == apart.evaluate(replaced)


def test_substitution_is_simultaneous() -> None:
    assert (x - 2 * y).substitute({0: y, 1: x}) == y - 2 * x
    assert (x * h).substitute(lambda v: lift(3) if v == "h" else x) == 3 * x


@LAW
@given(polynomials(), environments)
def test_renumbering_moves_positions_only(a: Polynomial, env: dict[Any, int]) -> None:
    moved = a.renumber({0: 5, 1: 2})
    assert not {0, 1} & moved.variables
    assert moved.evaluate({**env, 5: env[0], 2: env[1]}) == a.evaluate(env)
    assert moved.renumber({5: 0, 2: 1}) == a


@LAW
@given(polynomials(), st.sampled_from(VARIABLES))
def test_the_coefficients_of_a_variables_powers_give_it_back(a: Polynomial, variable: Any) -> None:
    parts = a.by_powers_of(variable)
    assert len(parts) == a.degree(variable) + 1
    assert all(variable not in part.variables for part in parts)
    v = Polynomial.variable(variable)
    assert sum((part * v**i for i, part in enumerate(parts)), Polynomial()) == a


@LAW
@given(polynomials(), polynomials())
def test_degrees_add(a: Polynomial, b: Polynomial) -> None:
    if a and b:
        assert (a * b).degree() == a.degree() + b.degree()
        assert (a * b).degree("h") == a.degree("h") + b.degree("h")
    assert (a * a.denominator).denominator == 1


@LAW
@given(polynomials(), polynomials())
def test_equality_is_of_values_and_hashes_agree(a: Polynomial, b: Polynomial) -> None:
    same = (a + b) - b
    assert same == a
    assert hash(same) == hash(a)
    assert (a == b) is not bool(a - b)


def test_constants_are_equal_to_numbers_and_hash_like_them() -> None:
    assert lift(3) == 3
    assert lift(Fraction(1, 2)) == Fraction(1, 2)
    assert h != 3
    assert {lift(3): "three"}[Polynomial.constant(3)] == "three"
    assert hash(lift(3)) == hash(3)
    assert (h - h).is_constant
    assert (h - h + 2).value == 2


@pytest.mark.parametrize(
    ("polynomial", "text"),
    [
        (Polynomial(), "0"),
        (lift(Fraction(-3, 2)), "-3/2"),
        (h, "h"),
        (-h, "-h"),
        ((h + 1) * (h - 1), "h^2 - 1"),
        (2 * h * w - w + 1, "2*h*w - w + 1"),
        (w * h, "h*w"),
        (1 - h * h * w, "-h^2*w + 1"),
        (half + 1, "((h - 1) // 2) + 1"),
        (Polynomial.variable(Atom("mod", h, lift(2))), "(h % 2)"),
        (Polynomial.variable(Atom("max", h - w, lift(0))), "max(h - w, 0)"),
    ],
)
def test_text(polynomial: Polynomial, text: str) -> None:
    assert str(polynomial) == text


def test_text_in_another_style() -> None:
    assert (2 * h * w**2 - x).text(lambda v: f"<{v}>", times="·", power="**") == "2·<h>·<w>**2 - <0>"


@pytest.mark.parametrize(
    ("operation", "left", "right", "value"),
    [
        ("floordiv", -7, 2, -4),
        ("floordiv", 7, 2, 3),
        ("mod", -7, 2, 1),
        ("mod", 7, 3, 1),
        ("max", -1, 0, 0),
        ("min", -1, 0, -1),
    ],
)
def test_atoms_round_towards_minus_infinity(operation: str, left: int, right: int, value: int) -> None:
    assert Atom(operation, h, w).evaluate({"h": Fraction(left), "w": Fraction(right)}) == value


@pytest.mark.parametrize(
    ("polynomial", "affine"),
    [
        (2 * h - w + 3, True),
        (h * w, False),
        (h**2, False),
        (half + w, True),
        (half * 2 + x, True),
        (half * w, False),
        (Polynomial.variable(Atom("floordiv", h, w)), False),  # a divisor must be a number
        (Polynomial.variable(Atom("floordiv", h, lift(-2))), False),
        (Polynomial.variable(Atom("mod", h * w, lift(2))), False),
        (Polynomial.variable(Atom("max", h, w)), True),
    ],
)
def test_what_isl_can_read(polynomial: Polynomial, affine: bool) -> None:
    assert fully_affine(polynomial) is affine


@st.composite
def affine(draw: Any, atoms: bool = True) -> Polynomial:
    whole = st.integers(-4, 4)
    total = draw(whole) * h + draw(whole) * w + draw(whole)
    if atoms:
        operation = draw(st.sampled_from(["floordiv", "mod", "max", "min"]))
        right = lift(draw(st.integers(1, 4))) if operation in ("floordiv", "mod") else draw(affine(atoms=False))
        total = total + draw(whole) * Polynomial.variable(Atom(operation, draw(affine(atoms=False)), right))
    return total


@LAW
@given(affine(), values, values)
def test_isl_reads_the_same_value(polynomial: Polynomial, at_h: int, at_w: int) -> None:
    value = isl.Set(f"[h, w] -> {{ [v] : v = {isl_text(polynomial)} and h = {at_h} and w = {at_w} }}")
    point = value.sample_point()
    assert point.get_coordinate_val(isl.dim_type.set, 0).to_python() == polynomial.evaluate({"h": at_h, "w": at_w})


def test_isl_text_refuses_what_isl_would_misread() -> None:
    with pytest.raises(ValueError, match=r"1/2\*h has a fraction"):
        isl_text(h * Fraction(1, 2))
    with pytest.raises(ValueError, match=r"h\^2 is not affine"):
        isl_text(h**2)
    assert isl_text(x - h) in ("1*_0 + -1*h", "-1*h + 1*_0")


def test_names_are_found_inside_atoms() -> None:
    nested = Polynomial.variable(Atom("min", half, Polynomial.variable("k")))
    assert all_names([nested * w, lift(2)]) == {"h", "k", "w"}
    assert all_names([x]) == set()
