"""Functions that ask what kind of thing a size is, or catch the error of a question that is open."""

import contextlib
import numbers
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp

from jaxiom.errors import BadInput

from .case import PROVED, REFUTED, UNDECIDED, Case

N, NM = {"x": "n"}, {"x": "n", "y": "m"}
AT_7 = {"n": 7}


def same(x: Any) -> Any:
    return x


def first(x: Any, y: Any) -> Any:
    return x


def asks_length(x: Any) -> Any:
    try:
        return 2 * x if len(x) >= 50 else x
    except TypeError:
        return x


def counts(x: Any) -> Any:
    try:
        return x * sum(1 for _ in range(x.shape[0]))
    except TypeError:
        return x


def looks_up(x: Any) -> Any:
    try:
        return x * [1, 1, 1, 2][x.shape[0]]
    except (TypeError, IndexError):
        return x


def adds_if_it_fits(x: Any, y: Any) -> Any:
    try:
        return x + y
    except (TypeError, ValueError):
        return x


def suppresses(x: Any, y: Any) -> Any:
    with contextlib.suppress(TypeError, ValueError):
        return x + y
    return x


def catches_of_a_jitted(x: Any, y: Any) -> Any:
    try:
        return jax.jit(jnp.add)(x, y)
    except (TypeError, ValueError):
        return x


def catches_nothing(x: Any) -> Any:
    try:
        return 2 * x
    except TypeError:
        return x


def looks_for_a_device(x: Any) -> Any:
    try:
        jax.devices("no such platform")
    except RuntimeError:
        return 2 * x
    return x


def raises_by_itself(x: Any) -> Any:
    try:
        raise KeyError(x.ndim)
    except KeyError:
        return 2 * x


def bit_length(x: Any) -> Any:
    n = x.shape[0]
    return 2 * x if hasattr(n, "bit_length") and n.bit_length() > 9 else x


def odd(x: Any) -> Any:
    assert x.shape[0] % 2
    return x


CASES = [
    Case("is it an int?", lambda x: 2 * x if isinstance(x.shape[0], int) else x, lambda x: 2 * x, PROVED, N),
    Case("is it an int? not so", lambda x: 2 * x if isinstance(x.shape[0], int) else x, same, REFUTED, N),
    Case("is it an Integral?", lambda x: 2 * x if isinstance(x.shape[0], numbers.Integral) else x, same, REFUTED, N),
    Case("is it an index?", lambda x: 2 * x if isinstance(x.shape[0], SupportsIndex) else x, same, REFUTED, N),
    Case("is it a str?", lambda x: 2 * x if isinstance(x.shape[0], str | float) else x, same, PROVED, N),
    Case(
        "an int, and 7",
        lambda x: 2 * x if isinstance(x.shape[0], int) and x.shape[0] == 7 else x,
        same,
        REFUTED,
        N,
        at=AT_7,
    ),
    Case(
        "an int, and large",
        lambda x: 2 * x if isinstance(x.shape[0], int) and x.shape[0] >= 50 else x,
        same,
        BadInput,
        N,
        says="'n' >= '50' is inconclusive",
        alone=False,
    ),
    Case("the length, its error caught", asks_length, same, UNDECIDED, N, says="goes on all the same", alone=False),
    Case("a range, its error caught", counts, same, UNDECIDED, N, says="goes on all the same", alone=False),
    Case("a list's entry, its error caught", looks_up, same, UNDECIDED, N, says="goes on all the same", alone=False),
    Case("the length, the error not caught", lambda x: x * len(x), same, BadInput, N, says="has no __index__"),
    Case("bits of a size", bit_length, same, UNDECIDED, N, says="goes on all the same", alone=False),
    Case("a sum that fits at n = m", adds_if_it_fits, first, UNDECIDED, NM, says="catches an error", alone=False),
    Case("a sum that never fits", adds_if_it_fits, first, UNDECIDED, NM, "n > m, m > 1", "catches", alone=False),
    Case("a sum that always fits", adds_if_it_fits, lambda x, y: x + y, PROVED, NM, "n == m"),
    Case("a suppressed error", suppresses, first, UNDECIDED, NM, says="catches an error", alone=False),
    Case("an error from inside jit", catches_of_a_jitted, first, UNDECIDED, NM, says="catches", alone=False),
    Case("no error to catch", catches_nothing, lambda x: 2 * x, PROVED, N),
    Case("an error that has nothing to do with sizes", looks_for_a_device, lambda x: 2 * x, PROVED, N),
    Case("an error of its own", raises_by_itself, lambda x: 2 * x, PROVED, N),
    Case("an assertion that is open", odd, same, BadInput, N, says="in the case mod(n, 2) == 0", alone=False),
    Case("an assertion that holds", odd, same, PROVED, N, "n % 2 == 1"),
]
