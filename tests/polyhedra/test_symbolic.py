"""The SymPy expression of a closed form, summed by SymPy at small sizes, is the difference exactly."""

from fractions import Fraction
from typing import Any

import islpy as isl
import numpy as np
import pytest
import sympy
from oracle import DIFFERENCES, Different, factored

from jaxiom import prove
from jaxiom.errors import Unsupported
from jaxiom.polyhedra.polynomial import Atom, Polynomial, lift
from jaxiom.polyhedra.reading import Expression, Summand
from jaxiom.polyhedra.symbolic import to_sympy
from jaxiom.polyhedra.writing import index_names

WITHOUT_RANGE = {"strides", "half a size"}
"""Closed forms with a sum whose range is told by conditions alone."""


def closed_form(of: Different) -> Expression:
    verdict = prove(of.lhs, of.rhs, shapes=of.shapes, given=of.given)
    assert verdict.difference is not None
    (expression,) = verdict.difference.leaves.values()
    return expression


def size(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, integer=True, positive=True)


def place(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, integer=True, nonnegative=True)


def entry(inputs: dict[str, np.ndarray], access: Any) -> Any:
    array = inputs[str(access.base)]
    index = tuple(int(i) for i in access.indices)
    inside = all(0 <= i < d for i, d in zip(index, array.shape, strict=True))
    return sympy.Rational(str(array[index])) if inside else sympy.Integer(0)


def filled_in(written: Any, inputs: dict[str, np.ndarray]) -> Any:
    """Numbers in place of the tensors' entries."""
    return written.replace(lambda e: isinstance(e, sympy.Indexed), lambda e: entry(inputs, e))


@pytest.mark.parametrize(
    "of",
    [pytest.param(d, id=d.name) for d in DIFFERENCES if d.name not in WITHOUT_RANGE],
)
def test_summed_by_sympy_it_is_the_difference(of: Different) -> None:
    expression = closed_form(of)
    written = to_sympy(expression)
    outputs = index_names(expression)
    for sizes in of.sizes[:2]:
        inputs = of.inputs(sizes)
        shaped = {name: factored(expression.tensors[name], sizes, a) for name, a in inputs.items()}
        expected = of.exactly(sizes, inputs)
        atoms = [int(s.evaluate(sizes)) for axis in expression.axes for s in axis]
        here = written.subs({size(name): value for name, value in sizes.items()})
        for index, value in zip(np.ndindex(*atoms), expected.reshape(-1), strict=True):
            at = here.subs({place(outputs[i]): v for i, v in enumerate(index)}).doit()
            assert filled_in(at, shaped) == sympy.Rational(value.numerator, value.denominator), (sizes, index)


@pytest.mark.parametrize("name", sorted(WITHOUT_RANGE))
def test_a_sum_that_only_conditions_bound_is_not_told_to_sympy(name: str) -> None:
    (of,) = (d for d in DIFFERENCES if d.name == name)
    with pytest.raises(Unsupported, match="sympy: the summed index [ijlm] has no range of its own"):
        to_sympy(closed_form(of))


def test_symbols_and_structure() -> None:
    x: Any = sympy.IndexedBase("x")
    n, i, p = size("n"), place("i"), place("p")
    centred = prove(lambda x: x - x.mean(), lambda x: x, x="n").difference
    assert centred is not None
    assert centred.sympy() == -sympy.Sum(x[i], (i, 0, n - 1)) / n  # pyright: ignore[reportOperatorIssue]
    scaled = prove(lambda x, a: a * x, lambda x, a: x, x="n", a="").difference
    assert scaled is not None
    written: Any = scaled.sympy()
    assert sympy.expand(written - (sympy.Symbol("a") * x[p] - x[p])) == 0


def test_several_outputs_are_a_dictionary() -> None:
    both = prove(lambda x: {"a": x, "b": 2 * x}, lambda x: {"a": x, "b": x}, x="n").difference
    assert both is not None
    x: Any = sympy.IndexedBase("x")
    assert both.sympy() == {"['a']": 0, "['b']": x[place("p")]}


@pytest.mark.parametrize(
    ("operation", "right", "at"),
    [
        ("floordiv", lift(3), {7: 2, 9: 3}),
        ("mod", lift(3), {7: 1, 9: 0}),
        ("max", lift(8), {7: 8, 9: 9}),
        ("min", lift(8), {7: 7, 9: 8}),
    ],
)
def test_floors_and_maxima(operation: str, right: Polynomial, at: dict[int, int]) -> None:
    n = Polynomial.variable("n")
    atom = Polynomial.variable(Atom(operation, n, right))
    one = Summand(atom * Fraction(1, 2), (), (), (), {}, isl.Set("{ [] }"))
    written = to_sympy(Expression((), (one,), {}))
    for value, expected in at.items():
        assert written.subs(size("n"), value) == sympy.Rational(expected, 2)


def test_zero_is_zero() -> None:
    assert to_sympy(Expression((), (), {})) == 0
