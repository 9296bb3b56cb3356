"""Control flow written out: against JAX op by op, against exact evaluation, for all sizes and at numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.extend import core

from jaxiom import prove
from jaxiom.control import CONTROL, MOST_STEPS, written_out
from jaxiom.errors import Unsupported
from jaxiom.jaxprs import CALLS, Closed, inner_jaxpr, user_line
from jaxiom.rules.refused import REFUSED
from polyhedra.oracle import agrees, each

LINE = each(n=(3, 1, 2, 5))
ROWS = each(m=(2, 1, 3))
X, R = {"x": "n"}, {"x": "4 m"}


def used(closed: Closed) -> set[Any]:
    found = set()
    for equation in closed.jaxpr.eqns:
        found |= {equation.primitive} | (used(inner_jaxpr(equation)) if equation.primitive in CALLS else set())
    return found


def running(x: Any, reverse: bool = False) -> Any:
    return lax.scan(lambda c, a: (2 * c + a, (c, a * a)), jnp.ones(x.shape[1]), x, reverse=reverse)


def alternating(x: Any) -> Any:
    """A branch on the counter of the loop."""
    return lax.fori_loop(0, 5, lambda k, a: lax.cond(k % 2 == 0, lambda b: b + x, lambda b: b * x[0], a), x)


def nested(x: Any) -> Any:
    return lax.fori_loop(0, 2, lambda i, a: lax.fori_loop(0, 3, lambda j, b: b + (i + 2 * j) * x, a), x)


@jax.jit
def in_a_call(x: Any) -> Any:
    return lax.scan(lambda c, _: (c + x, None), x, None, length=2)[0]


def chosen(index: Any) -> Any:
    return lambda x: lax.switch(index(x), [lambda x: x, lambda x: -x, lambda x: x * x], x)


SYMBOLIC: dict[str, tuple[Any, Any, Any]] = {
    "a carry and outputs": (running, R, ROWS),
    "from the end": (lambda x: running(x, True), R, ROWS),
    "no steps": (lambda x: lax.scan(lambda c, a: (c + a, 2 * a), x[0], x[:0]), R, ROWS),
    "a map": (lambda x: lax.map(lambda row: row @ row, x), R, ROWS),
    "an entry by the counter": (lambda x: lax.fori_loop(0, 3, lambda k, a: a + k * x[k], x[0]), R, ROWS),
    "a branch by the counter": (alternating, X, LINE),
    "loops in loops": (nested, X, LINE),
    "the gradient of a loop": (lambda x: jax.grad(lambda x: running(x)[0].sum() + running(x)[1][1].sum())(x), R, ROWS),
    "a branch that is known": (lambda x: lax.cond(True, lambda x: x, jnp.sort, x), X, LINE),
    "an index past the last": (chosen(lambda x: 7), X, LINE),
    "an index that depends on a size": (chosen(lambda x: jnp.arange(x.shape[0]).max()), X, LINE),
    "a fold that adds": (lambda x: lax.reduce(x, np.float32(0), lambda a, b: b + a, (0,)), R, ROWS),
    "windows that add": (
        lambda x: lax.reduce_window(x, np.float32(0), lambda a, b: a + b, (2, 1), (1, 1), ((1, 0), (0, 0))),
        R,
        ROWS,
    ),
    "the diagonal, on each platform": (lambda x: jnp.diagonal(x[:, :3]), {"x": "4 m"}, each(m=(3, 4))),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_written_out_for_all_sizes(name: str) -> None:
    function, shapes, sizes = SYMBOLIC[name]
    agrees(function, shapes, sizes, "m >= 3" if "platform" in name else "")


steps = st.lists(
    st.sampled_from([lambda c, a: c + a, lambda c, a: c * a, lambda c, a: 2 * c - a, lambda c, a: a]),
    min_size=1,
    max_size=3,
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(steps, st.booleans(), st.integers(0, 5))
def test_loops_at_numbers(body: list[Any], reverse: bool, length: int) -> None:
    """The program itself, before and after, on JAX's own arrays."""

    def step(c: Any, a: Any) -> Any:
        for function in body:
            c = function(c, a)
        return c, (a - c, c)

    def loop(x: Any) -> Any:
        return lax.scan(step, jnp.float32(1), x, reverse=reverse)

    x = jnp.asarray(np.random.default_rng(length).integers(-3, 4, length), jnp.float32)
    closed = written_out(jax.make_jaxpr(loop)(x))
    assert not used(closed) & set(CONTROL)
    for a, b in zip(core.jaxpr_as_fun(closed)(x), jax.tree.leaves(loop(x)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_program_without_control_flow_stays_as_it_is() -> None:
    closed = jax.make_jaxpr(jax.jit(lambda x: x @ x))(jnp.ones(3))
    assert written_out(closed) is closed


def test_claims_about_loops() -> None:
    def power(x: Any) -> Any:
        return lax.fori_loop(0, 4, lambda _, a: a * x, jnp.ones_like(x))

    assert prove(power, lambda x: x**4, x="n").status == "proved"
    assert prove(power, lambda x: x**3, x="n").status == "refuted"
    assert prove(in_a_call, lambda x: 3 * x, x="n").status == "proved"
    assert prove(in_a_call, lambda x: 2 * x, x="n").status == "refuted"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: lax.scan(lambda c, a: (c + a, None), 0.0, x)[0], "scan"),
        (lambda x: lax.fori_loop(0, MOST_STEPS + 1, lambda k, a: a + x, x), "scan"),
        (lambda x: lax.fori_loop(0, 64, lambda k, a: lax.fori_loop(0, 64, lambda j, b: b + x, a), x), "scan"),
        (lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] + x), (0, x))[1], "while"),
        (lambda x: lax.platform_dependent(x, cpu=lambda x: x, default=lambda x: 2 * x), "platform_index"),
        (lambda x: lax.reduce(x, np.float32(1), lax.add, (0,)), "reduce"),
        (lambda x: lax.reduce_window(x, np.float32(1), lax.add, (1,), (1,), "VALID"), "reduce_window"),
        (lambda x: lax.reduce(x, np.float32(0), lambda a, b: a + 2 * b, (0,)), "reduce"),
        (lambda x: lax.reduce(x, np.float32(0), lambda a, b: a + a, (0,)), "reduce"),
    ],
)
def test_what_cannot_be_written_out_is_refused(function: Any, name: str) -> None:
    with pytest.raises(Unsupported) as raised:
        prove(function, function, x="n")
    assert REFUSED[name] in str(raised.value)
    assert "test_control.py" in str(raised.value)


def test_an_equation_of_a_loop_keeps_the_users_line() -> None:
    def loop(x: Any) -> Any:
        return lax.fori_loop(0, 2, lambda k, a: jnp.sort(a), x)  # this line

    closed = written_out(jax.make_jaxpr(loop)(jnp.ones(3)))
    assert closed.jaxpr.eqns
    assert all("test_control.py" in user_line(e) for e in closed.jaxpr.eqns)
