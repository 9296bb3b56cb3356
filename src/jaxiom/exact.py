"""Running a function exactly at given sizes: on fractions, or on letters."""

import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxiom.errors import BadInput, Unsupported
from jaxiom.interpret import interpret
from jaxiom.lettered import Lettered, Letters, letters_of
from jaxiom.rules.balls import Ball, precision
from jaxiom.rules.effort import Effort, spend, within
from jaxiom.rules.explicit import EXPLICIT
from jaxiom.rules.explicit_entries import Missing, elementwise, kinds, real
from jaxiom.signature import Signature
from jaxiom.trace import Traced, entries, make_jaxpr, open_scope

Inputs = Mapping[str, np.ndarray]
"""Arrays of exact entries, by the leaf's name."""


def exact(values: Any, argument: str = "inputs") -> np.ndarray:
    """Numbers as an array of exact entries; a float is the binary fraction that it is.

    >>> exact([0.5, 2.0]).tolist()
    [Fraction(1, 2), 2]

    Raises:
        BadInput: an entry is NaN, infinite, or no real number.
    """
    array = np.asarray(values, dtype=object)

    def entry(value: Any) -> Any:
        if isinstance(value, Fraction | Lettered | Ball) or type(value) is int:
            return value
        if isinstance(value, int | np.integer | np.bool_):
            return int(value)
        if isinstance(value, str) or not hasattr(value, "__float__"):
            raise BadInput(f"{argument}: {value!r} is no real number")
        number = real(float(value))
        if isinstance(number, Missing):
            raise BadInput(f"{argument}: {number} is no real number")
        return number

    made = np.empty(array.shape, dtype=object)
    made[...] = array if kinds(array) <= {int, Fraction} else elementwise(entry, array)
    return made


def evaluate(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    side: str = "the function",
    effort: Effort | None = None,
    traced: Traced | None = None,
    dtype: str = "float32",
) -> list[np.ndarray]:
    """What a function gives in exact arithmetic, on arguments of given sizes.

    The function is traced again at these sizes: a trace with symbolic sizes may lie. The meaning is over
    the reals: nothing is rounded, integers do not wrap.

    >>> half = np.array([Fraction(1, 2), Fraction(1, 3)], dtype=object)
    >>> [str(out) for out in evaluate(lambda x, n: x.sum() * n, [half, 3])]
    ['5/2']

    Args:
        function: of JAX arrays.
        arguments: pytrees; a leaf is a numpy array of exact entries (ints, Fractions, `Lettered`), or an int, which
            reaches the function as it is.
        side: what to call the function in errors.
        effort: what it may take; None: without a limit.
        traced: the function as `trace_at` traced it on arguments of these shapes; None: it is traced here.
        dtype: of the trace; a number in the program is the binary fraction that it is there.

    Returns:
        One array of exact entries for each output, in the order of `jax.tree.leaves`.

    Raises:
        BadInput: the function does not run on these shapes, or an array holds what is no real number.
        Unsupported: a primitive without a rule; a comparison of letters; an output that is NaN or infinite.
        ZeroDivisionError: a divisor is zero on this input.
        TooMuch: it would take more than `effort`.
        NoValue: a function is outside its domain on this input, or intervals do not settle a comparison.
        NeedsIntervals: exp, sqrt and the like without python-flint.
    """
    arguments = jax.tree.map(lambda leaf: exact(leaf) if isinstance(leaf, np.ndarray) else leaf, list(arguments))
    arrays = [leaf for leaf in jax.tree.leaves(arguments) if isinstance(leaf, np.ndarray)]
    traced = traced or trace_at(function, arguments, side, dtype)
    with within(effort), precision():
        spend(entries=sum(a.size for a in arrays) + entries(traced.closed))
        outputs = interpret(EXPLICIT, traced.closed, arrays)
    for name, output in zip(traced.leaves, outputs, strict=True):
        refuse_missing(side, name, output)
    return outputs


def trace_at(
    function: Callable[..., Any], arguments: Sequence[Any], side: str = "the function", dtype: str = "float32"
) -> Traced:
    """Trace a function at given sizes; a leaf of the arguments is anything that has a shape, or an int.

    Raises:
        BadInput: the function does not run on these shapes.
    """
    structs = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.dtype(dtype)) if hasattr(leaf, "shape") else leaf,
        list(arguments),
    )
    return make_jaxpr(function, structs, open_scope([], [], {}, frozenset()), side)


def refuse_missing(side: str, name: str, output: np.ndarray) -> None:
    if Missing in kinds(output):
        index, entry = next((i, e) for i, e in np.ndenumerate(output) if isinstance(e, Missing))
        raise Unsupported(f"{side}: the output{name}[{', '.join(map(str, index))}] is {entry}, no real number")


Draw = Callable[[random.Random], int | Fraction]
"""How an entry of a random input comes about."""


def widely(rng: random.Random) -> int | Fraction:
    """Whole numbers and fractions of both signs, none of them zero and spread widely enough that sums and products
    seldom vanish by accident; exact in float32, so that a witness is shown as it was replayed."""
    whole = rng.choice((-1, 1)) * rng.randint(1, 99)
    return whole if rng.random() < 0.7 else Fraction(whole, rng.choice((2, 4, 8)))


def positively(rng: random.Random) -> Fraction:
    """Eighths above 0 and up to 3, exact in float32: what logarithms and roots take, and exp does not blow up."""
    return Fraction(rng.randint(1, 24), 8)


def nearby(rng: random.Random) -> Fraction:
    """The same of both signs."""
    return rng.choice((-1, 1)) * positively(rng)


def inside(rng: random.Random) -> Fraction:
    """Sixteenths strictly between -1/2 and 1/2: the inverse functions' domains."""
    return Fraction(rng.choice((-1, 1)) * rng.randint(1, 7), 16)


DRAWS: tuple[Draw, ...] = (nearby, positively, inside)
"""What to try where functions are not defined everywhere."""


def random_inputs(
    signature: Signature, sizes: Mapping[str, int], rng: random.Random, draw: Draw = widely
) -> dict[str, np.ndarray]:
    """Random exact arrays of the signature's shapes, by the leaf's name."""
    shapes = signature.shapes_at(sizes)
    return {
        name: exact(elementwise(lambda _: draw(rng), np.zeros(shape, dtype=object))) for name, shape in shapes.items()
    }


VARIED = tuple(partial(random_inputs, draw=draw) for draw in DRAWS)
"""Random inputs of each kind."""


def letters(signature: Signature, sizes: Mapping[str, int]) -> Letters:
    """Arrays of letters of the signature's shapes, `X_0_1` for `X[0, 1]`."""
    return letters_of(signature.shapes_at(sizes))
