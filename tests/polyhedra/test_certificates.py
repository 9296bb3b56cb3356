"""Certificates, quotients and samples against enumeration at small sizes."""

from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxiom.cases import trace_cases
from jaxiom.decide import Sides, interpret_sides
from jaxiom.polyhedra.certificates import certificate, injections
from jaxiom.polyhedra.echelon import Echelon, combine
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form
from jaxiom.polyhedra.quotients import Matching
from jaxiom.polyhedra.samples import Sample, coefficients_at, sample_of
from jaxiom.signature import read_signature
from polyhedra.oracle import evaluate_form, small_numbers

LAW = settings(max_examples=50, deadline=None, derandomize=True)
SIZES = {"n": 2, "m": 3, "k": 2}


def sides_of(lhs: Any, rhs: Any, assume: Any, **shapes: str) -> Sides:
    signature = read_signature([lhs, rhs], shapes, "", assume)
    (case,) = trace_cases(lhs, rhs, signature)
    return interpret_sides(signature, case)


def orthonormal(Q: Any) -> Any:
    return [(Q.T @ Q, jnp.eye(Q.shape[1]))]


def there_back_there() -> Sides:
    return sides_of(lambda x, Q: x @ Q @ Q.T @ Q, lambda x, Q: x @ Q, lambda Q: orthonormal(Q), x="n m", Q="m k")


def numbers(sides: Sides, form: Form) -> np.ndarray:
    inputs = {
        name: small_numbers([int(s.evaluate(SIZES)) for axis in axes for s in axis], seed)
        for seed, (name, axes) in enumerate(sides.tensors.items())
    }
    return evaluate_form(sides.world, form, SIZES, inputs)


def test_the_products_sum_to_the_difference_on_any_input() -> None:
    """Not only on those that satisfy the hypothesis: the certificate is an identity."""
    sides = there_back_there()
    found = certificate(sides.world, sides.differences[0], sides.hypotheses)
    assert found
    difference = numbers(sides, sides.differences[0])
    assert difference.any()
    assert np.all(sum(weight * numbers(sides, product.form) for weight, product in found) == difference)


def test_a_product_is_its_cofactor_times_the_hypothesis() -> None:
    sides = there_back_there()
    found = certificate(sides.world, sides.differences[0], sides.hypotheses)
    assert found
    for _, product in found:
        cofactor, hypothesis = numbers(sides, product.cofactor), numbers(sides, sides.hypotheses[product.hypothesis])
        summed = np.tensordot(cofactor, hypothesis, axes=hypothesis.ndim)
        assert np.all(summed == numbers(sides, product.form))


@pytest.mark.parametrize(
    ("lhs", "rhs", "assume"),
    [
        (lambda x, Q: x @ Q @ Q.T, lambda x, Q: x, orthonormal),
        (lambda x, Q: x @ Q, lambda x, Q: 2 * x @ Q, orthonormal),
        (lambda x, Q: x @ Q, lambda x, Q: 0 * x @ Q, lambda Q: [(Q[:1], 0 * Q[:1])]),
    ],
)
def test_none_where_it_does_not_follow(lhs: Any, rhs: Any, assume: Any) -> None:
    sides = sides_of(lhs, rhs, lambda Q: assume(Q), x="n m", Q="m k")
    assert certificate(sides.world, sides.differences[0], sides.hypotheses) is None


def test_a_quotient_times_its_pattern_is_the_term() -> None:
    sides = there_back_there()
    (term,) = (t for t in sides.differences[0].terms if len(t.monomial) == 4)
    (lead,) = (t for t in sides.hypotheses[0].terms if t.monomial)
    exact = []
    for places in injections(lead.monomial, term.monomial):
        terms = Matching(sides.world, 2, 2, term, lead, places, True).quotient()
        if not terms:
            continue
        exact.append(places)
        form = Form((*sides.differences[0].axes, *sides.hypotheses[0].axes), tuple(terms))
        pattern = Form(sides.hypotheses[0].axes, (lead,))
        summed = np.tensordot(numbers(sides, form), numbers(sides, pattern), axes=2)
        assert np.all(summed == numbers(sides, Form(sides.differences[0].axes, (term,))))
    assert exact
    assert len(exact) < 6


def test_coefficients_are_those_of_the_polynomial() -> None:
    sides = sides_of(lambda x, Q: x @ Q @ Q.T, lambda x, Q: 3 * x, lambda Q: orthonormal(Q), x="n m", Q="m k")
    sizes = {"n": 1, "m": 2, "k": 1}
    found = coefficients_at(sides.world, sides.differences[0], Sample(sizes, (0, 1)))
    assert found == {  # Q1 (x0 Q0 + x1 Q1) - 3 x1, where n and k are 1 but stay indices
        (("Q", (0, 0)), ("Q", (1, 0)), ("x", (0, 0))): 1,
        (("Q", (1, 0)), ("Q", (1, 0)), ("x", (0, 1))): 1,
        (("x", (0, 1)),): -3,
    }


def test_a_sample_of_a_region_lies_in_it() -> None:
    sides = there_back_there()
    for region in nonzero_regions(sides.world, sides.differences[0]):
        sample = sample_of(sides.world, region.points, 2)
        assert set(sample.sizes) == set(SIZES)
        assert coefficients_at(sides.world, sides.differences[0], sample)


ROWS = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.integers(-3, 3).filter(bool).map(Fraction), max_size=4), max_size=5
)


@LAW
@given(ROWS, ROWS)
def test_rows_and_their_combinations_reduce_to_nothing(rows: Any, others: Any) -> None:
    echelon = Echelon(lambda _: True)
    for row in rows:
        echelon.add(row)
    matrix = np.array([[float(row.get(k, 0)) for k in "abcd"] for row in rows] or [[0.0] * 4])
    assert len(echelon.rows) == np.linalg.matrix_rank(matrix)
    for i, row in enumerate(rows):
        assert not echelon.reduce(combine(row, rows[i - 1], Fraction(2)))
    for other in others:
        larger = np.vstack([matrix, [float(other.get(k, 0)) for k in "abcd"]])
        assert bool(echelon.reduce(other)) == (np.linalg.matrix_rank(larger) > np.linalg.matrix_rank(matrix))


@LAW
@given(ROWS)
def test_a_solution_solves_every_row(rows: Any) -> None:
    echelon = Echelon(lambda key: key != "d")  # d stands for 1
    consistent = True
    for row in rows:
        rest = echelon.add(row)
        consistent = consistent and set(rest) != {"d"}
    values = echelon.solve(lambda _: Fraction(5)) | {"d": Fraction(1)}
    if consistent:
        assert all(sum(v * values.get(k, 0) for k, v in row.items()) == 0 for row in rows)
