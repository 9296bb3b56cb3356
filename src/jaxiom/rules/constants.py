"""Numbers in a program, exactly: a float is the binary fraction that it is."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import numpy as np

from jaxiom.errors import Unsupported
from jaxiom.polyhedra.axes import atomic
from jaxiom.polyhedra.form import Form, Term, join, scalar, spread, tensor
from jaxiom.polyhedra.polynomial import lift
from jaxiom.polyhedra.world import World

ENTRY_BY_ENTRY = 64
"""Constant arrays up to this size are read entry by entry; larger ones are tensors named by their content."""

CONSTANT = "_constant_"
"""How the name of a tensor that is a constant of the program begins."""


def literal_number(value: Any, aval: Any, simplest: bool = False) -> Fraction:
    """The exact value of a number of a program, in the dtype that it has there.

    `simplest` reads a float as the simplest rational within half an ulp (0.11111111 as 1/9).

    Raises:
        Unsupported: NaN, infinity or complex.
    """
    dtype = np.dtype(aval.dtype)
    if jax.numpy.issubdtype(dtype, np.integer) or dtype == np.bool_:
        return Fraction(int(value))
    if not jax.numpy.issubdtype(dtype, np.floating):
        raise Unsupported(f"the constant {value} of dtype {dtype.name}: jaxiom reads real numbers and integers")
    number = np.asarray(value).astype(dtype)
    if not np.isfinite(np.asarray(number, np.float64)):
        raise Unsupported(f"the constant {value} is not a number of the reals")
    exact = Fraction(float(number))
    return simplest_near(exact, half_ulp(number)) if simplest else exact


def half_ulp(number: np.ndarray) -> Fraction:
    spacing = jax.numpy.finfo(number.dtype)
    exponent = np.frexp(np.float64(number))[1]
    return Fraction(2) ** (int(exponent) - int(spacing.nmant) - 2)


def simplest_near(value: Fraction, tolerance: Fraction) -> Fraction:
    """The rational of least denominator within `tolerance` of `value` (Stern–Brocot); a whole number is itself.

    >>> simplest_near(Fraction(11111111, 100000000), Fraction(1, 10**8))
    Fraction(1, 9)
    """
    if value.denominator == 1:
        return value
    if value < 0:
        return -simplest_near(-value, tolerance)
    low, high = value - tolerance, value + tolerance
    if low <= 0:
        return Fraction(0)
    return between(low, high)


def between(low: Fraction, high: Fraction) -> Fraction:
    whole = low.numerator // low.denominator
    if whole == low:
        return Fraction(whole)
    if whole + 1 <= high:
        return Fraction(whole + 1)
    return whole + 1 / between(1 / (high - whole), 1 / (low - whole))


def constant_form(world: World, array: np.ndarray, number: Callable[[Any], Fraction]) -> Form:
    """A constant array: uniform, entry by entry where it is small, else a tensor named by its content.

    `number` gives an entry its exact value.
    """
    axes = [atomic(world, lift(d)) for d in array.shape]
    if array.size and (array == array.flat[0]).all():
        return spread(world, scalar(world, number(array.flat[0])), axes, ())
    if array.size <= ENTRY_BY_ENTRY:
        terms: list[Term] = []
        for index in np.ndindex(array.shape):
            kept = [i for i, d in zip(index, array.shape, strict=True) if d != 1]
            here = world.set(len(kept), [f"_{p} = {i}" for p, i in enumerate(kept)]).intersect_params(world.domain)
            entry = scalar(world, number(array[index]))
            terms += join(world, axes, [entry], lambda g: [], ties=lambda g, here=here: [(here, g[0])]).terms
        return Form(tuple(axes), tuple(terms))
    if not np.isfinite(np.asarray(array, np.float64)).all():
        raise Unsupported("a constant array holds NaN or infinity, which are not numbers of the reals")
    content = array.tobytes() + f"{array.dtype} {array.shape}".encode()
    return tensor(world, f"{CONSTANT}{hashlib.sha256(content).hexdigest()[:12]}", axes)
