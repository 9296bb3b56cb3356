"""Questions about sizes alone, against Python's own arithmetic."""

import islpy as isl
import pytest

from jaxiom.polyhedra.polynomial import Atom, Polynomial, fully_affine, lift
from jaxiom.polyhedra.world import MOST_DIVIDENDS, World

N = Polynomial.variable("n")


@pytest.mark.parametrize("operation", ["mod", "floordiv"])
@pytest.mark.parametrize("least", [1, 3])
def test_a_number_divided_by_a_size_becomes_affine(operation: str, least: int) -> None:
    world = World(("n",), isl.Set(f"[n] -> {{ : n >= {least} }}"))
    for dividend in range(-MOST_DIVIDENDS, MOST_DIVIDENDS + 1):
        plain = Polynomial.variable(Atom(operation, lift(dividend), N))
        found = world.simplify(plain)
        assert fully_affine(found)
        for n in range(least, MOST_DIVIDENDS + 4):
            assert found.evaluate({"n": n}) == (dividend % n if operation == "mod" else dividend // n)


def test_a_divisor_that_may_be_zero_stays() -> None:
    world = World(("n",), isl.Set("[n] -> { : n >= 0 }"))
    plain = Polynomial.variable(Atom("mod", lift(2), N))
    assert world.simplify(plain) == plain
