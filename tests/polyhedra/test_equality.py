"""When a form is zero: against its coefficients, entry by entry, at small sizes."""

import itertools
from collections import defaultdict
from fractions import Fraction
from typing import Any

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import points_at, value

from jaxiom.errors import Undecidable
from jaxiom.polyhedra import equality
from jaxiom.polyhedra.equality import add_weights, nonzero_regions, simplest, symmetrise
from jaxiom.polyhedra.form import Form, Term
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.world import World

LAW = settings(max_examples=35, deadline=None, derandomize=True)

n, m = Polynomial.variable("n"), Polynomial.variable("m")
o, a, b = (Polynomial.variable(i) for i in range(3))
SIZES: list[dict[str, int]] = [{"n": i, "m": j} for i, j in itertools.product((1, 2, 3, 4), (1, 3))]

Coefficients = dict[tuple[int, ...], Fraction]


def world() -> World:
    """Vectors X and Y; forms have one output index."""
    return World(("n", "m"), isl.Set("[n, m] -> { : n >= 1 and m >= 1 }"), ranks={"X": 1, "Y": 1})


def term(
    names: str, constraints: str, weight: Polynomial | int | Fraction = 1, *divisors: Polynomial, extra: int = 0
) -> Term:
    indices = ", ".join(f"_{i}" for i in range(1 + len(names) + extra))
    box = " and ".join(f"0 <= _{i} < n" for i in range(1 + len(names)))
    points = isl.Set(f"[n, m] -> {{ [{indices}] : n >= 1 and m >= 1 and {box} and {constraints} }}")
    return Term(tuple(names), points, lift(weight), divisors)


def form(*terms: Term) -> Form:
    return Form(((n,),), terms)


def coefficients(terms: Any, sizes: dict[str, int]) -> dict[tuple[str, ...], Coefficients]:
    """For each monomial the coefficient at each (o, m), an unordered choice where a name occurs twice."""
    found: dict[tuple[str, ...], Coefficients] = defaultdict(lambda: defaultdict(Fraction))
    for one in terms:
        for point in points_at(one.points, sizes):
            amount = value(one.weight, sizes, point)
            for divisor in one.divisors:
                amount /= value(divisor, sizes, point)
            accesses = sorted(zip(one.monomial, point[1 : 1 + len(one.monomial)], strict=True))
            found[one.monomial][point[0], *(i for _, i in accesses)] += amount
    return {name: {k: v for k, v in table.items() if v} for name, table in found.items() if any(table.values())}


def says_the_same(of: Form) -> bool:
    """The regions have the form's coefficients, and the shorter writing of it has its values."""
    regions, short = nonzero_regions(world(), of), simplest(world(), of)
    for sizes in SIZES:
        expected = coefficients(of.terms, sizes)
        assert coefficients(regions, sizes) == expected
        assert coefficients(short, sizes) == expected
    return not regions


@pytest.mark.parametrize(
    ("terms", "zero"),
    [
        ([], True),
        ([term("X", "_0 = _1"), term("X", "_1 = _0", -1)], True),
        ([term("X", "_0 = _1"), term("X", "_1 = _0", -2)], False),
        ([term("X", "_0 <= _1"), term("X", "_0 < _1", -1), term("X", "_1 = _0", -1)], True),
        ([term("X", "_0 <= _1"), term("X", "_0 < _1", -1)], False),
        # the same at every size but n = 3
        ([term("X", "_0 = _1", n), term("X", "_0 = _1 and n != 3", -n)], False),
        ([term("X", "_0 = _1", n), term("X", "_0 = _1 and n != 3", -n), term("X", "_0 = _1 and n = 3", -3)], True),
        # x(x - 1) on the first two entries
        ([term("X", "_1 <= 1", a * (a - 1))], True),
        ([term("X", "_1 <= 2", a * (a - 1))], False),
        # different monomials never cancel
        ([term("X", "_0 = _1"), term("Y", "_0 = _1", -1)], False),
        ([term("XY", "_0 = _1 and _1 = _2"), term("XX", "_0 = _1 and _1 = _2", -1)], False),
        # X[i]·X[j] is X[j]·X[i]
        ([term("XX", "_0 = 0 and _1 < _2"), term("XX", "_0 = 0 and _1 > _2", -1)], True),
        ([term("XX", "_0 = _1"), term("XX", "_0 = _2", -1)], True),
        ([term("XX", "_0 = _1"), term("XX", "_0 = _1 and _1 = _2", -1)], False),
        ([term("XX", "_0 = 0", a - b)], True),
        ([term("XX", "_0 = 0", a + b)], False),
        ([term("XX", "_0 = 0 and _1 != _2"), term("XX", "_0 = 0 and _1 < _2", -2)], True),
        ([term("XXX", "_0 = _1 and _2 < _3"), term("XXX", "_0 = _3 and _2 > _1", -1)], True),
        ([term("XXY", "_0 = _1 and _2 < _3"), term("XXY", "_0 = _2 and _1 < _3", -1)], True),
        ([term("XXY", "_0 = _1 and _2 < _3"), term("XXY", "_0 = _3 and _1 < _2", -1)], False),
        # over a common denominator
        ([term("X", "_0 = _1", 1, n), term("X", "_0 = _1", 1, m), term("X", "_0 = _1", -n - m, n, m)], True),
        ([term("X", "_0 = _1", 1, n), term("X", "_0 = _1", 1, m), term("X", "_0 = _1", -n - m - 1, n, m)], False),
        ([term("X", "_0 = _1", n, n), term("X", "_0 = _1", -1)], True),
        ([term("X", "_0 = _1", 1, n, n), term("X", "_0 = _1", -n, n, n, n)], True),
        ([term("X", "_0 = _1", 1, n, m), term("X", "_0 = _1", -1, m, n)], True),
        ([term("X", "_0 = _1", 1, o + 1), term("X", "_0 = _1", -1, a + 1)], True),
        ([term("X", "_0 = _1", 1, o + 1), term("X", "_0 = _1", -1, a + 2)], False),
        # the indices e are pinned, each its own
        (
            [term("X", "_0 = _1 and _2 = floor(_0 / 2)", b, extra=1), term("X", "_0 = _1 and 2*_2 = _0", -b, extra=1)],
            False,
        ),
        (
            [
                term("X", "_0 = _1 and _2 = floor(_0 / 2)", b, extra=1),
                term("X", "_0 = _1 and 2*_2 = _0", -b, extra=1),
                term("X", "_0 = _1 and 2*_2 = _0 - 1", -b, extra=1),
            ],
            True,
        ),
        (
            [term("X", "_0 = _1 and _2 = floor(_0 / 2)", 2 * b, extra=1), term("X", "_0 = _1 and _0 mod 2 = 0", -o)],
            False,
        ),
        (
            [
                term("X", "_0 = _1 and _2 = floor(_0 / 2)", 2 * b, extra=1),
                term("X", "_0 = _1 and _0 mod 2 = 0", -o),
                term("X", "_0 = _1 and _0 mod 2 = 1", 1 - o),
            ],
            True,
        ),
    ],
)
def test_by_hand(terms: list[Term], zero: bool) -> None:
    assert says_the_same(form(*terms)) is zero


sets = st.sampled_from(
    [
        "true",
        "_0 = _1",
        "_0 <= _1",
        "_0 < _1",
        "_0 > _1",
        "_1 = 0",
        "_0 = 0",
        "_1 <= _0 <= _1 + 1",
        "_0 mod 2 = 0",
        "n >= 3",
    ]
)
weights = st.sampled_from([lift(1), lift(-1), lift(2), n, -n, o, -a, a * (a - 1), n * m, lift(Fraction(1, 2))])
divisors = st.sampled_from([(), (), (n,), (m,), (n, m), (o + 1,)])
single = st.builds(lambda s, w, d: term("X", s, w, *d), sets, weights, divisors)


@LAW
@given(st.lists(single, min_size=1, max_size=4))
def test_regions_have_the_forms_coefficients(terms: list[Term]) -> None:
    zero = says_the_same(form(*terms))
    assert zero is not any(coefficients(terms, sizes) for sizes in SIZES)


@LAW
@given(st.lists(single, min_size=1, max_size=3), st.permutations(range(6)))
def test_a_form_minus_itself_cut_up_is_zero(terms: list[Term], order: list[int]) -> None:
    """Each term is taken away again in two halves, in any order."""
    pieces = list(terms)
    for one in terms:
        negative = Term(one.monomial, one.points, -one.weight, one.divisors)
        for half in ("_0 + _1 < n", "_0 + _1 >= n"):
            points = one.points.intersect(isl.Set(f"[n, m] -> {{ [_0, _1] : {half} }}"))
            pieces.append(Term(negative.monomial, points, negative.weight, negative.divisors))
    assert says_the_same(form(*(pieces[i] for i in order if i < len(pieces)), *pieces[6:]))


pairs = st.sampled_from(["true", "_1 = _2", "_1 < _2", "_2 < _1", "_0 = _1", "_0 = _2", "_1 + _2 = _0", "_1 <= _2 + 1"])
twice = st.builds(lambda s, w: term("XX", s, w), pairs, st.sampled_from([lift(1), lift(-1), a, -b, a - b, n]))


@LAW
@given(st.lists(twice, min_size=1, max_size=3))
def test_a_name_that_occurs_twice_is_symmetric(terms: list[Term]) -> None:
    zero = says_the_same(form(*terms))
    assert zero is not any(coefficients(terms, sizes) for sizes in SIZES)


@LAW
@given(twice)
def test_symmetrising_keeps_the_value_and_makes_the_order_no_matter(one: Term) -> None:
    both = symmetrise(world(), 1, ("X", "X"), [one])
    for sizes in SIZES[::2]:
        assert coefficients(both, sizes) == coefficients([one], sizes)
        ordered: Coefficients = defaultdict(Fraction)
        for half in both:
            for point in points_at(half.points, sizes):
                ordered[point] += value(half.weight, sizes, point)
        assert all(ordered[i, j, k] == ordered[i, k, j] for i, j, k in list(ordered))


fractions = st.tuples(
    st.sampled_from([1, n, o - m, lift(3)]), st.lists(st.sampled_from([n, m, o + 1, n + m]), max_size=3)
)


@LAW
@given(fractions, fractions)
def test_sums_over_a_common_denominator(left: Any, right: Any) -> None:
    one, other = (term("X", "_0 = _1", w, *d) for w, d in (left, right))
    total = add_weights(one, other)
    env = {"n": 5, "m": 7, 0: 3}

    def at(of: Term) -> Fraction:
        result = of.weight.evaluate(env)
        for divisor in of.divisors:
            result /= divisor.evaluate(env)
        return result

    assert at(total) == at(one) + at(other)
    # what both divide by stays once
    assert len(total.divisors) <= len(one.divisors) + len(other.divisors)
    if one.divisors == other.divisors:
        assert total.divisors == one.divisors


def test_a_summed_index_that_could_not_be_counted_is_undecidable() -> None:
    uncounted = term("X", "_0 = _1 and 0 <= _2 <= m", 1, extra=1)
    with pytest.raises(Undecidable, match="a summed index could not be counted"):
        nonzero_regions(world(), form(uncounted))


def test_too_many_pieces_are_undecidable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equality, "MOST_REGIONS", 2)
    nested = [term("X", f"_1 <= {i}", i + 1) for i in range(4)]
    with pytest.raises(Undecidable, match="falls into more than 2 pieces"):
        nonzero_regions(world(), form(*nested))


def test_regions_are_apart_and_pinned() -> None:
    overlapping = form(term("X", "_0 <= _1"), term("X", "_1 <= _0", 5), term("X", "_1 = 0", n))
    regions = nonzero_regions(world(), overlapping)
    for one, other in itertools.combinations(regions, 2):
        assert one.points.is_disjoint(other.points)
    assert not any(t.points.is_empty() for t in regions)
