"""`assume=` as the user writes it: one clear error for each thing that is none."""

from typing import Any

import jax.numpy as jnp
import pytest

from jaxiom import prove
from jaxiom.assumption import EXAMPLE, read_assumption
from jaxiom.errors import BadInput

PAIRS = "assume: expected a function that returns a list of pairs of arrays, got "
CLAIM = {"x": "n m", "A": "m m"}


def error_of(assume: Any) -> str:
    with pytest.raises(BadInput) as raised:
        prove(lambda x, A: x, lambda x, A: x, shapes=CLAIM, assume=assume)
    return str(raised.value)


@pytest.mark.parametrize(
    ("assume", "error"),
    [
        (3, f"assume: expected a function of the claim's parameters, got 3; as in {EXAMPLE}"),
        (lambda B: [(B, B)], "assume: unknown parameter B; the claim's are x, A"),
        (lambda *x: [(x, x)], "assume: the parameter *x is not plain; name the claim's: x, A"),
        (lambda **x: [(x, x)], "assume: the parameter **x is not plain; name the claim's: x, A"),
        (
            lambda: [],
            "assume: the function takes none of the claim's parameters x, A, so it says nothing of the inputs; "
            f"as in {EXAMPLE}",
        ),
        (lambda x: [], f"{PAIRS}a list of 0; as in {EXAMPLE}"),
        (lambda x: None, f"{PAIRS}None; as in {EXAMPLE}"),
        (lambda x: {"x": x}, f"{PAIRS}one dict; as in {EXAMPLE}"),
        (lambda x: [(x, x), (x,)], f"{PAIRS}a list of 2, whose item 2 is a tuple of 1; as in {EXAMPLE}"),
        (lambda x: [(x, "x")], f"{PAIRS}a list of 1, whose pair 1 holds one str; as in {EXAMPLE}"),
        (lambda x: [((x, x), (x, x))], f"{PAIRS}a list of 1, whose pair 1 holds a tuple of 2; as in {EXAMPLE}"),
    ],
)
def test_what_is_no_list_of_equations(assume: Any, error: str) -> None:
    assert error_of(assume) == error


def test_a_single_pair_is_told_from_a_list_of_pairs() -> None:
    assert error_of(lambda x: (x, x)).startswith(f"{PAIRS}a tuple of 2, whose item 1 is one ")


def test_a_function_that_does_not_run_is_named() -> None:
    assert error_of(lambda x: [(x @ x, x)]).startswith("assume: the function does not run on the shapes [n, m]")


def test_pairs_of_numbers_and_arrays() -> None:
    verdict = prove(lambda x, A: x.sum() * A, lambda x, A: 3 * A, shapes=CLAIM, assume=lambda x: [(x.sum(), 3)])
    assert verdict.status == "proved"


def test_nothing_is_assumed_where_nothing_is_said() -> None:
    assert read_assumption(None, ("x",)) is None


def test_both_sides_of_each_equation_come_one_after_the_other() -> None:
    found = read_assumption(lambda A, x, k=2: [(A, x), [k * x, x]], ("x", "A"))
    assert found is not None
    assert found.names == ("A", "x")
    assert [float(s) for s in found(jnp.float32(1), jnp.float32(5))] == [5, 1, 2, 1]
