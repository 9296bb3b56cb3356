"""What wraps a program, what it returns, what its numbers and names are."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxiom.errors import BadInput, BadShape, Unsupported

from .case import PROVED, REFUTED, UNDECIDED, Case

N = {"x": "n"}


def same(x: Any) -> Any:
    return x


@jax.custom_jvp
def doubled(x: Any) -> Any:
    return 2 * x


@doubled.defjvp
def doubled_jvp(primals: Any, tangents: Any) -> Any:
    return primals[0], tangents[0]


@jax.custom_vjp
def doubled_back(x: Any) -> Any:
    return 2 * x


doubled_back.defvjp(lambda x: (x, None), lambda _, cotangent: (cotangent,))

CASES = [
    Case("custom_jvp whose rule is that of another function", doubled, lambda x: x + x, PROVED, N),
    Case("custom_jvp, the primal that its rule returns", doubled, same, REFUTED, N),
    Case("custom_vjp", doubled_back, lambda x: x + x, PROVED, N),
    Case("custom_vjp, the primal that its rule returns", doubled_back, same, REFUTED, N),
    Case("custom_vjp's gradient", lambda x: jax.grad(lambda y: doubled_back(y).sum())(x), jnp.ones_like, PROVED, N),
    Case(
        "custom_vjp's true gradient",
        lambda x: jax.grad(lambda y: doubled_back(y).sum())(x),
        lambda x: 2 * jnp.ones_like(x),
        REFUTED,
        N,
    ),
    Case("remat", lambda x: jax.checkpoint(lambda y: y * x.sum())(x), lambda x: x * x.sum(), PROVED, N),
    Case("jit in jit", lambda x: jax.jit(lambda y: jax.jit(lambda z: z + 1)(y) * 2)(x), lambda x: 2 * x + 2, PROVED, N),
    Case(
        "jit over a constant",
        lambda x: jax.jit(lambda y: y * np.arange(3.0))(x),
        lambda x: x * jnp.array([0.0, 1.0, 2.0]),
        PROVED,
        {"x": "3"},
    ),
    Case(
        "jit over another constant",
        lambda x: jax.jit(lambda y: y * np.arange(3.0))(x),
        lambda x: x * jnp.array([0.0, 1.0, 3.0]),
        REFUTED,
        {"x": "3"},
    ),
    Case("vmap", jax.vmap(jnp.dot), lambda A, B: (A * B).sum(1), PROVED, {"A": "n m", "B": "n m"}),
    Case("a constant", lambda x: 3.0, lambda x: jnp.float32(3), PROVED, N),
    Case("another constant", lambda x: 3.0, lambda x: 3.5, REFUTED, N),
    Case("a size", lambda x: 1.0 * x.shape[0], lambda x: jnp.ones_like(x).sum(), PROVED, N),
    Case("another size", lambda x: x.shape[0], lambda x: x.shape[0] + 1, REFUTED, N),
    Case("text", lambda x: "a", lambda x: "a", BadInput, N, says="str"),
    Case("nothing", lambda x: None, lambda x: None, BadInput, N),
    Case("one output and two", lambda x: x, lambda x: (x, x), BadShape, N, says="1 arrays, rhs 2"),
    Case(
        "a dictionary in another order",
        lambda x, y: {"a": x, "b": y},
        lambda x, y: {"b": y, "a": x},
        PROVED,
        {"x": "n", "y": "n"},
    ),
    Case(
        "a dictionary with other keys",
        lambda x, y: {"a": x, "b": y},
        lambda x, y: {"c": x, "d": y},
        BadShape,
        {"x": "n", "y": "n"},
    ),
    Case(
        "a pytree of inputs",
        lambda p, x: x @ p["w"] + p["b"],
        lambda p, x: p["b"] + x @ p["w"],
        PROVED,
        {"p": {"w": "n m", "b": "m"}, "x": "k n"},
    ),
    Case(
        "a pytree of inputs, one twice",
        lambda p, x: x @ p["w"] + p["b"],
        lambda p, x: x @ p["w"] + 2 * p["b"],
        REFUTED,
        {"p": {"w": "n m", "b": "m"}, "x": "k n"},
        says="-p['b']",
    ),
    Case("two inputs of one name", lambda p, q: p["w"], lambda p, q: q, BadShape, {"p": {"w": "n"}, "p['w']": "n"}),
    Case(
        "names that isl reserves in another case",
        lambda x: 2 * x.sum(0),
        lambda x: (2 * x).sum(0),
        BadShape,
        {"x": "OR Max"},
        says="reserved",
    ),
    Case("names like jaxiom's own", lambda e0: 2 * e0.sum(0), lambda e0: (2 * e0).sum(0), PROVED, {"e0": "s t0 x0 l"}),
    Case("tensors named like sizes", lambda n, m: n @ m, lambda n, m: (m.T @ n.T).T, PROVED, {"n": "m n", "m": "n m"}),
    Case(
        "tensors named like sizes, multiplied the other way",
        lambda n, m: n @ m,
        lambda n, m: m @ n,
        REFUTED,
        {"n": "n n", "m": "n n"},
    ),
    Case(
        "parameters named like options",
        lambda given, shapes: given * shapes,
        lambda given, shapes: shapes * given,
        PROVED,
        {"given": "n", "shapes": "n"},
    ),
    Case("an equality between sizes", lambda x, y: x + y, lambda x, y: y + x, PROVED, {"x": "h", "y": "k"}, "h == k"),
    Case(
        "an equality between sizes, scaled",
        lambda x, y: jnp.concatenate([x, x]) + y,
        lambda x, y: y + jnp.concatenate([x, x]),
        PROVED,
        {"x": "h", "y": "w"},
        "w == 2*h",
    ),
    Case("a float literal", lambda x: x * np.float32(1 / 9) * 9, same, REFUTED, N),
    Case("a division by 9", lambda x: x / 9 * 9, same, PROVED, N),
    Case("0.1 + 0.2", lambda x: 0.1 * x + 0.2 * x, lambda x: 0.3 * x, REFUTED, N, says="-1/134217728"),
    Case("1/2 + 1/2", lambda x: 0.5 * x + x / 2, same, PROVED, N),
    Case("powers of 2", lambda x: x * 2.0**100 * 2.0**-100, same, PROVED, N),
    Case("powers of 10", lambda x: x * 1e30 * 1e-30, same, REFUTED, N),
    Case(
        "a huge constant size",
        lambda x: lax.pad(x, 1.0, [(2**40, 2**41, 0)]).sum(),
        lambda x: x.sum() + 3 * 2.0**40,
        PROVED,
        N,
    ),
    Case("bfloat16 and back", lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), same, PROVED, N),
    Case("to int", lambda x: x.astype(jnp.int32), same, Unsupported, N, says="truncates"),
    Case("integers", lambda x: x * (jnp.int32(7) - jnp.int32(9)), lambda x: -2 * x, PROVED, N),
    Case(
        "conditions as outputs", lambda x: jnp.arange(x.shape[0]) < 2, lambda x: jnp.arange(x.shape[0]) <= 1, PROVED, N
    ),
    Case(
        "other conditions as outputs",
        lambda x: jnp.arange(x.shape[0]) < 2,
        lambda x: jnp.arange(x.shape[0]) <= 2,
        REFUTED,
        N,
        at={"n": 3},
    ),
    Case("an empty constant", lambda x: jnp.concatenate([x, np.zeros((0,), np.float32)]), same, PROVED, N),
    Case("a contraction over nothing", lambda x: jnp.zeros((3, 0)) @ jnp.zeros((0, 3)) + x, same, PROVED, {"x": "3 3"}),
    Case(
        "a large constant",
        lambda x: x @ np.arange(100, dtype=np.float32),
        lambda x: np.arange(100, dtype=np.float32) @ x,
        PROVED,
        {"x": "100"},
    ),
    Case(
        "another large constant",
        lambda x: x @ np.arange(100, dtype=np.float32),
        lambda x: x @ np.arange(1, 101, dtype=np.float32),
        REFUTED,
        {"x": "100"},
    ),
    Case(
        "a large constant, doubled",
        lambda x: 2 * (x @ np.arange(100, dtype=np.float32)),
        lambda x: x @ (2 * np.arange(100, dtype=np.float32)),
        UNDECIDED,
        {"x": "100"},
        says="constant",
    ),
    Case("NaN left unchosen", lambda x: jnp.where(jnp.arange(x.shape[0]) < 0, jnp.nan, x), same, PROVED, N),
    Case("0 times infinity", lambda x: x * np.inf * 0, same, UNDECIDED, N, alone=False),
    Case("a rounding", lambda x: lax.reduce_precision(x, 5, 10), same, Unsupported, N, says="reduce_precision"),
    Case("an unknown primitive", lambda x: jnp.sort(x), same, Unsupported, N, says="sort"),
]
