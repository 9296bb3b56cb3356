"""Scatters and updates modulo primes: residues against exact evaluation, and claims told apart.

The rounding of them is among the programs of test_rounding.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxiom.errors import Unsupported
from jaxiom.exact import evaluate, exact
from jaxiom.interpret import interpret
from jaxiom.residues import check_here
from jaxiom.rules.accumulators import FLOAT64
from jaxiom.rules.heights import HEIGHTS, INPUT
from jaxiom.rules.modular import modular_table

AT = jnp.array([1, 1, 0, 9])

WRITES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "added": (lambda x, y: x.at[AT].add(y), [(3,), (4,)]),
    "subtracted": (lambda x, y: x.at[AT].subtract(y * y), [(3,), (4,)]),
    "set": (lambda x, y: x.at[1:3].set(y), [(4, 2), (2, 2)]),
    "a block": (lambda x, y: lax.dynamic_update_slice(x, 2 * y, (3, 0)), [(4, 2), (2, 2)]),
    "the adjoint of a clipped take": (
        lambda x, g: jax.vjp(lambda x: jnp.take(x, jnp.arange(4) + 1, mode="clip"), x)[1](g)[0],
        [(4,), (4,)],
    ),
    "filled": (lambda x: jnp.take(x, jnp.arange(4) + 1, mode="fill", fill_value=0), [(4,)]),
    "whole numbers": (lambda x: x * jnp.zeros(3, int).at[AT].add(2), [(3,)]),
}


def programs(name: str) -> tuple[Any, list[np.ndarray]]:
    function, shapes = WRITES[name]
    rng = np.random.default_rng(7)
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(s, "float32") for s in shapes)), [
        rng.integers(-9, 10, s) for s in shapes
    ]


@pytest.mark.parametrize("name", WRITES)
def test_residues(name: str) -> None:
    closed, inputs = programs(name)
    (truth,) = evaluate(WRITES[name][0], [exact(x) for x in inputs])
    with jax.enable_x64(True):
        table = modular_table(jnp.float64(10007), FLOAT64)
        (found,) = interpret(table, closed, [jnp.asarray(x, jnp.float64) for x in inputs])
    assert np.asarray(found).astype(int).tolist() == truth.tolist()


@pytest.mark.parametrize("name", WRITES)
def test_heights_bound_the_values(name: str) -> None:
    """At inputs of one, a polynomial is at most the sum of the absolute values of its coefficients."""
    closed, inputs = programs(name)
    (height,) = interpret(HEIGHTS, closed, [INPUT] * len(inputs))
    (value,) = evaluate(WRITES[name][0], [exact(np.ones(x.shape, int)) for x in inputs])
    assert max(abs(v) for v in value.flat) * height.denominator <= height.norm


def test_claims_are_told_apart() -> None:
    shapes = [jax.ShapeDtypeStruct((3,), "float32"), jax.ShapeDtypeStruct((4,), "float32")]
    added = jax.make_jaxpr(lambda x, y: x.at[AT].add(y))(*shapes)
    by_hand = jax.make_jaxpr(lambda x, y: x + jnp.stack([y[2], y[0] + y[1], 0 * y[0]]))(*shapes)
    once = jax.make_jaxpr(lambda x, y: x + jnp.stack([y[2], y[1], 0 * y[0]]))(*shapes)
    assert check_here(added, by_hand).status == "equal"
    assert check_here(added, once).status == "different"


def test_two_updates_of_one_entry_are_refused() -> None:
    closed = jax.make_jaxpr(lambda x, y: x.at[AT].set(y))(jnp.ones(3), jnp.ones(4))
    with jax.enable_x64(True), pytest.raises(Unsupported, match="two updates may meet at one entry"):
        interpret(modular_table(jnp.float64(10007), FLOAT64), closed, [jnp.ones(3), jnp.ones(4)])
