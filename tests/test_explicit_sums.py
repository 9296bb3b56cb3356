"""Contractions that leave out zeros, and what exact arithmetic may take."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxiom.exact import evaluate
from jaxiom.rules.effort import Effort, TooMuch
from jaxiom.rules.explicit_sums import matrix_product
from test_explicit import convolutions, holds

LAW = settings(max_examples=25, deadline=None, derandomize=True)


@LAW
@given(convolutions(), st.data())
def test_convolution_of_what_is_mostly_zero(
    drawn: tuple[Callable[..., Any], np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    """Zero but at a few places, as a witness is."""
    function, *operands = drawn
    for operand in operands:
        kept = data.draw(st.sets(st.integers(0, operand.size - 1), max_size=3))
        operand[~np.isin(np.arange(operand.size).reshape(operand.shape), list(kept))] = 0
    assert holds(function, *operands)


@LAW
@given(st.data())
def test_products_of_matrices_that_are_mostly_zero(data: st.DataObject) -> None:
    rows, inner, columns = (data.draw(st.integers(0, 4)) for _ in range(3))
    entry = st.sampled_from([0, 0, 0, 1, -2, Fraction(1, 3)])
    left, right = np.zeros((rows, inner), dtype=object), np.zeros((inner, columns), dtype=object)
    for matrix in (left, right):
        for index in np.ndindex(*matrix.shape):
            matrix[index] = data.draw(entry)
    found = matrix_product(left, right)
    assert found.shape == (rows, columns)
    for i, j in np.ndindex(rows, columns):
        assert found[i, j] == sum(left[i, k] * right[k, j] for k in range(inner))


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, dtype=int).astype(object)


CONTRACTIONS = [
    pytest.param(lambda a, b: a @ b, (ones(4, 5), ones(5, 3)), 60, id="dot"),
    pytest.param(
        lambda a, b: lax.conv_general_dilated(a, b, (1,), "VALID"), (ones(2, 3, 6), ones(4, 3, 2)), 240, id="conv"
    ),
    pytest.param(lambda a, b: a @ b, (ones(4, 5), 0 * ones(5, 3)), 0, id="zeros are free"),
]


@pytest.mark.parametrize(("function", "arguments", "products"), CONTRACTIONS)
def test_products_are_counted(function: Callable[..., Any], arguments: tuple[np.ndarray, ...], products: int) -> None:
    effort = Effort(entries=10**6, products=products)
    evaluate(function, arguments, effort=effort)
    assert effort.products == 0
    with pytest.raises(TooMuch):
        evaluate(function, arguments, effort=Effort(entries=10**6, products=products - 1))


def test_entries_are_counted_before_anything_is_computed() -> None:
    effort = Effort(entries=20, products=0)
    evaluate(lambda x: x + x, [ones(10)], effort=effort)
    assert effort.entries == 0
    with pytest.raises(TooMuch):
        evaluate(lambda x: jnp.broadcast_to(x, (10**6, 10**6)).sum(), [ones()], effort=Effort(10**6, 0))


def test_without_an_effort_nothing_is_counted() -> None:
    (found,) = evaluate(lambda x: x @ x, [ones(30, 30)])
    assert (found == 30).all()
