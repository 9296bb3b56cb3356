"""Functions whose Python asks about sizes: the other branch is another program."""

import functools
import operator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .case import PROVED, REFUTED, UNDECIDED, Case

N = {"x": "n"}
AT_7 = {"n": 7}


def same(x: Any) -> Any:
    return x


@jax.jit
def jitted(x: Any) -> Any:
    return 2 * x if x.shape[0] == 7 else x


@functools.partial(jax.jit, static_argnums=1)
def jitted_with_size(x: Any, n: Any) -> Any:
    return 2 * x if n == 7 else x


@functools.cache
def cached_scale(n: Any) -> int:
    return 2 if n == 7 else 1


def matched(x: Any) -> Any:
    match x.shape:
        case (7,):
            return 2 * x
        case _:
            return x


def halved(x: Any) -> Any:
    n = x.shape[0]
    while n % 2 == 0:
        n, x = n // 2, 2 * x
    return x


AS_NUMBER = "otherwise where it is a number"


def halved_if_float(x: Any) -> Any:
    half = x.shape[0] / 2
    return x * half if isinstance(half, float) else 0 * x


def scaled_if_scalar(x: Any) -> Any:
    return x if np.isscalar(1 / x.shape[0]) else 2 * x


def scaled_if_one(x: Any) -> Any:
    return x if str(x.shape[0] / 2).startswith("1") else 2 * x


def attention(x: Any, scale: Any = None) -> Any:
    scale = 1 / x.shape[0] if scale is None else scale
    return x * scale if isinstance(scale, int | float) else x * scale * 2


TEXTS: dict[str, Callable[[Any], str]] = {
    "an array": str,
    "an array's type": lambda x: str(x.aval),
    "an array in a list": lambda x: f"{[x]}",
    "a struct": lambda x: repr(jax.ShapeDtypeStruct(x.shape, x.dtype)),
    "a jaxpr": lambda x: str(jax.make_jaxpr(jnp.sin)(x)),
}


def elif_chain(x: Any) -> Any:
    if x.shape[0] == 1:
        return 3 * x
    if x.shape[0] == 2:
        return 2 * x
    return x


def swallows(x: Any) -> Any:
    try:
        return 2 * x if x.shape[0] >= 7 else x
    except Exception:  # noqa: BLE001
        return x


def library(name: str) -> Any:
    """A function as a package installed beside JAX would define it."""
    made: dict[str, Any] = {}
    text = "def shortcut(x):\n    return 2 * x if x.shape == (31, 17) else x\n"
    exec(compile(text, str(Path(jax.__file__).parent.parent / name / "layers.py"), "exec"), made)  # noqa: S102
    return made["shortcut"]


def asks_in_a_thread(x):
    with ThreadPoolExecutor(1) as pool:
        twice = pool.submit(lambda: x.shape[0] == 23).result()
    return 2 * x if twice else x


class Lazy:
    """A layer that keeps the size that it sees first."""

    def __init__(self):
        self.size = None

    def __call__(self, x):
        self.size = x.shape[0] if self.size is None else self.size
        return 2 * x if self.size == 1 else x


class Scale(Lazy):
    """One that multiplies by it."""

    def __call__(self, x):
        self.size = x.shape[0] if self.size is None else self.size
        return x * self.size


CASES = [
    Case("a question in another thread", asks_in_a_thread, lambda x: x, REFUTED, N, at={"n": 23}),
    Case("a question in another thread, answered well", asks_in_a_thread, lambda x: x, PROVED, N, "n <= 22"),
    Case("a size kept from an earlier call", Lazy(), lambda x: x, UNDECIDED, N, says="keeps a size", alone=False),
    Case(
        "a size kept from an earlier call, as a factor",
        Scale(),
        lambda x: x * x.shape[0],
        UNDECIDED,
        N,
        says="keeps a size",
        alone=False,
    ),
    Case("a size equal to a number", lambda x: 2 * x if x.shape[0] == 7 else x, same, REFUTED, N, at=AT_7),
    Case("a size equal to a number, excluded", lambda x: 2 * x if x.shape[0] == 7 else x, same, PROVED, N, "n >= 8"),
    Case("a size not equal to a number", lambda x: x if x.shape[0] != 7 else 2 * x, same, REFUTED, N, at=AT_7),
    Case("a branch that changes nothing", lambda x: x + x if x.shape[0] == 7 else 2 * x, lambda x: 2 * x, PROVED, N),
    Case("elif", elif_chain, same, REFUTED, N, says="2·[n = 1]·x[0]"),
    Case("elif, given n >= 3", elif_chain, same, PROVED, N, "n >= 3"),
    Case("elif, both sides", elif_chain, lambda x: elif_chain(x) * 1, PROVED, N),
    Case("a size against a float", lambda x: 2 * x if x.shape[0] == 7.0 else x, same, REFUTED, N, at=AT_7),
    Case(
        "a size against a numpy float", lambda x: 2 * x if x.shape[0] == np.float64(7) else x, same, REFUTED, N, at=AT_7
    ),
    Case("a size against a numpy int", lambda x: 2 * x if np.int64(7) == x.shape[0] else x, same, REFUTED, N, at=AT_7),
    Case("a shape against a tuple", lambda x: 2 * x if x.shape == (7,) else x, same, REFUTED, N, at=AT_7),
    Case(
        "a shape against a tuple of two",
        lambda x: 2 * x if x.shape == (3, 2) else x,
        same,
        REFUTED,
        {"x": "n m"},
        at={"n": 3, "m": 2},
    ),
    Case("two shapes", lambda x, y: 2 * x if x.shape == y.shape else x, lambda x, y: x, REFUTED, {"x": "n", "y": "m"}),
    Case(
        "two shapes, never equal",
        lambda x, y: 2 * x if x.shape == y.shape else x,
        lambda x, y: x,
        PROVED,
        {"x": "n", "y": "m"},
        "n >= m + 1",
    ),
    Case("in a list", lambda x: 2 * x if x.shape[0] in [7, 9] else x, same, REFUTED, N, at=AT_7),
    Case("in a set", lambda x: 2 * x if x.shape[0] in {7, 9} else x, same, UNDECIDED, N, says="set", alone=False),
    Case(
        "a dictionary by size", lambda x: {7: 2 * x}.get(x.shape[0], x), same, UNDECIDED, N, says="diction", alone=False
    ),
    Case("a cache by size", lambda x: cached_scale(x.shape[0]) * x, same, UNDECIDED, N, says="diction", alone=False),
    Case("match", matched, same, REFUTED, N, at=AT_7),
    Case("tuple.count", lambda x: 2 * x if x.shape.count(7) else x, same, REFUTED, N, at=AT_7),
    Case("numpy's all", lambda x: 2 * x if (np.array(x.shape) == 7).all() else x, same, REFUTED, N, at=AT_7),
    Case("a remainder equal to 0", lambda x: 2 * x if x.shape[0] % 3 == 0 else x, same, REFUTED, N, at={"n": 3}),
    Case("a remainder as a condition", lambda x: x if x.shape[0] % 3 else 2 * x, same, REFUTED, N, at={"n": 3}),
    Case("a remainder, given", lambda x: x if x.shape[0] % 3 else 2 * x, lambda x: 2 * x, PROVED, N, "n % 3 == 0"),
    Case("a remainder, given otherwise", lambda x: x if x.shape[0] % 3 else 2 * x, same, PROVED, N, "n % 3 == 1"),
    Case("a difference as a condition", lambda x: x if x.shape[0] - 7 else 2 * x, same, REFUTED, N, at=AT_7),
    Case(
        "two sizes that sum to 5",
        lambda x: 2 * x if sum(x.shape) == 5 else x,
        same,
        REFUTED,
        {"x": "n m"},
        at={"n": 2, "m": 3},
    ),
    Case(
        "a product equal to a number",
        lambda x: 2 * x if prod(x.shape) == 7 else x,
        same,
        UNDECIDED,
        {"x": "n m"},
        says="not affine",
        alone=False,
    ),
    Case("while n is even", halved, same, REFUTED, N, at={"n": 2}, alone=False),
    Case("while n is even, of an odd n", halved, same, PROVED, N, "n % 2 == 1"),
    Case("inside jit", jitted, same, REFUTED, N, at=AT_7),
    Case("inside jit, again under another given", jitted, same, PROVED, N, "n >= 8"),
    Case("inside jit, at that size", jitted, lambda x: 2 * x, PROVED, N, "n == 7"),
    Case("inside jit, once more", jitted, same, REFUTED, N, at=AT_7),
    Case("inside jit, on both sides", jitted, lambda x: 1 * jitted(x), PROVED, N),
    Case("a static argument", lambda x: jitted_with_size(x, x.shape[0]), same, REFUTED, N, at=AT_7),
    Case("a static argument, again", lambda x: jitted_with_size(x, x.shape[0]), same, PROVED, N, "n <= 6"),
    Case(
        "asked by JAX's own Python for the user",
        lambda x: 2 * x if all(jax.tree.leaves(jax.tree.map(operator.eq, x.shape, (31, 17)))) else x,
        same,
        REFUTED,
        {"x": "n m"},
        at={"n": 31, "m": 17},
    ),
    Case("asked in a package beside JAX", library("jaxopt"), same, REFUTED, {"x": "n m"}, at={"n": 31, "m": 17}),
    Case(
        "array_equal of two shapes",
        lambda x, y: x.sum() * jnp.array_equal(jnp.ones_like(x), jnp.ones_like(y)),
        lambda x, y: 0 * x.sum(),
        REFUTED,
        {"x": "n", "y": "m"},
    ),
    Case("the error of an open question, swallowed", swallows, same, UNDECIDED, N, at=AT_7, alone=False),
    Case("a size as text", lambda x: 2 * x if str(x.shape[0]) == "7" else x, same, UNDECIDED, N, at=AT_7, alone=False),
    Case(
        "a quotient and a remainder at once",
        lambda x: 2 * x if divmod(x.shape[0], 7) == (1, 0) else x,
        same,
        REFUTED,
        N,
        at=AT_7,
    ),
    Case(
        "a size against an array",
        lambda x: 2 * x if x.shape[0] == np.array(7) else x,
        same,
        REFUTED,
        N,
        at=AT_7,
    ),
    Case("the type of a quotient", halved_if_float, lambda x: 0 * x, UNDECIDED, N, says=AS_NUMBER, alone=False),
    Case("a quotient that is a scalar", scaled_if_scalar, lambda x: 2 * x, UNDECIDED, N, says=AS_NUMBER, alone=False),
    Case("a quotient as text", scaled_if_one, lambda x: 2 * x, UNDECIDED, N, says=AS_NUMBER, alone=False),
    Case(
        "a scale that is a number", attention, lambda x: 2 * x / x.shape[0], UNDECIDED, N, says=AS_NUMBER, alone=False
    ),
    Case(
        "types of arrays",
        lambda x, y: x.sum() if jax.typeof(x) == jax.typeof(y) else 2 * x.sum(),
        lambda x, y: 2 * x.sum(),
        REFUTED,
        {"x": "n", "y": "m"},
        "n >= 9",
        at={"n": 9, "m": 9},
    ),
    Case(
        "the type of an array of 23",
        lambda x: x if x.aval == jax.typeof(jnp.zeros(23, x.dtype)) else 2 * x,
        lambda x: 2 * x,
        REFUTED,
        N,
        at={"n": 23},
    ),
    *(
        Case(
            f"{name} as text",
            lambda x, write=write: 2 * x if "23" in write(x) else x,
            same,
            UNDECIDED,
            N,
            at={"n": 23},
            says="as text",
            alone=False,
        )
        for name, write in TEXTS.items()
    ),
]
