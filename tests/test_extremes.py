"""Maxima along axes and over windows: verdicts on random programs against evaluation, and what they are written as."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from jaxiom import prove
from jaxiom.errors import Unsupported

Step = Callable[[Array], Array]
LAW = settings(max_examples=60, deadline=None)

MOVES: dict[str, Step] = {
    "transposed": lambda x: x.T,
    "rows reversed": lambda x: x[::-1],
    "columns reversed": lambda x: x[:, ::-1],
    "first row dropped": lambda x: x[1:],
    "last row dropped": lambda x: x[:-1],
    "a row of zeros": lambda x: jnp.pad(x, ((0, 1), (0, 0))),
    "a column of zeros first": lambda x: jnp.pad(x, ((0, 0), (1, 0))),
    "doubled": lambda x: 2 * x,
    "negated": lambda x: -x,
    "rows of one": lambda x: jnp.broadcast_to(x[:1], x.shape),
    "summed on": lambda x: x.cumsum(0),
}
REDUCTIONS: dict[str, Step] = {
    "max 0": lambda x: x.max(0),
    "max 1": lambda x: x.max(1),
    "min 0": lambda x: x.min(0),
    "max of all": lambda x: x.max(),
    "max 0, max": lambda x: x.max(0).max(),
    "max 1, max": lambda x: x.max(1).max(),
    "max 1, sum": lambda x: x.max(1).sum(),
    "sum 1, max": lambda x: x.sum(1).max(),
    "min 0, max": lambda x: x.min(0).max(),
    "windows of rows": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 1), (1, 1), "VALID"),
    "windows of rows, padded": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 1), (1, 1), ((1, 0), (0, 0))),
    "windows, then max": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 2), "SAME").max(),
}
programs = st.tuples(st.lists(st.sampled_from(sorted(MOVES)), max_size=3), st.sampled_from(sorted(REDUCTIONS)))


def function(program: tuple[list[str], str]) -> Step:
    moves, reduction = program
    return lambda x: REDUCTIONS[reduction](reduce(lambda value, name: MOVES[name](value), moves, x))


def evaluated(step: Step, n: int, m: int, seed: int) -> np.ndarray:
    return np.asarray(step(jnp.asarray(np.random.default_rng(seed).integers(-9, 10, (n, m)), jnp.float32)))


SIZES = [(5, 5), (5, 6), (7, 5), (6, 8)]


@LAW
@given(programs, programs)
def test_verdicts_are_what_evaluation_says(one: tuple[list[str], str], other: tuple[list[str], str]) -> None:
    lhs, rhs = function(one), function(other)
    shapes = [{f(jnp.zeros(size)).shape for f in (lhs, rhs)} for size in SIZES]
    if any(len(found) > 1 for found in shapes[1:]):
        return
    try:
        verdict = prove(lhs, rhs, x="n m", given="n >= 5, m >= 5")
    except Unsupported:
        return
    same = all(np.array_equal(evaluated(lhs, *s, seed), evaluated(rhs, *s, seed)) for s in SIZES for seed in range(4))
    if verdict.status == "proved":
        assert same, str(verdict)
    if one == other:
        assert verdict.status == "proved", str(verdict)


REWRITES: dict[str, tuple[Step, Step]] = {
    "reversed inside": (lambda x: x[::-1].max(0), lambda x: x.max(0)),
    "reversed beside": (lambda x: x[:, ::-1].max(0), lambda x: x.max(0)[::-1]),
    "a minimum is a maximum": (lambda x: x.min(0), lambda x: -(-x).max(0)),
    "a factor": (lambda x: (x * 2).max(0), lambda x: 2 * x.max(0)),
    "two at a time": (lambda x: x.max(), lambda x: x.max(1).max()),
    "transposed": (lambda x: x.T.max(1), lambda x: x.max(0)),
}


@LAW
@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=3), st.sampled_from(sorted(REWRITES)))
def test_rewrites_are_proved_after_any_moves(moves: list[str], name: str) -> None:
    lhs, rhs = REWRITES[name]

    def moved(x: Array) -> Array:
        return reduce(lambda value, move: MOVES[move](value), moves, x)

    verdict = prove(lambda x: lhs(moved(x)), lambda x: rhs(moved(x)), x="n m", given="n >= 5, m >= 5")
    assert verdict.status == "proved", str(verdict)


def test_a_maximum_is_written_with_what_it_runs_over() -> None:
    found = prove(lambda x: x.max((1, 2)), lambda x: 2 * x.max((1, 2)), x="n a b").difference
    assert found is not None
    assert str(found) == "-max_{i<a, j<b}(x[p, i, j])"
    assert found.latex() == r"-\max_{i < a, j < b} \left( x_{p, i, j} \right)"
    with pytest.raises(Unsupported, match="sympy: it has no max over an index"):
        found.sympy()


def test_a_padded_window_says_where_it_looks() -> None:
    def pool(x: Any, padding: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, (3,), (1,), padding)

    found = prove(lambda x: pool(x, ((1, 1),)), lambda x: 2 * pool(x, ((1, 1),)), x="n").difference
    assert found is not None
    assert str(found) == "-max_{i<3}(x[p+i-1] where [1 ≤ p + i ≤ n])"
