"""What an entry of the explicit interpreter's arrays is, and how constants of a program become entries.

An array is a numpy array of objects. Its entries mean real numbers, integers or truth values *exactly*:

- real dtypes: Python ints and Fractions (never floats), `Lettered`, polynomials in letters, or `Ball`s, intervals that
  hold what is not rational;
- integer dtypes: Python ints, which do not wrap;
- bool: Python bools;
- `Missing`, for what is no real number: it can be moved about and left behind by a `where`, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxiom.errors import InternalDisagreement, Unsupported
from jaxiom.interpret import Step
from jaxiom.lettered import Lettered
from jaxiom.rules.balls import Ball

Number = int | Fraction


@dataclass(frozen=True)
class Missing:
    """An entry that is no real number: a NaN, an infinity, the maximum of nothing. It has no arithmetic."""

    why: str

    def __str__(self) -> str:
        return self.why


def array(value: Any) -> np.ndarray:
    """An array of objects; a lone entry becomes an array of rank 0, which numpy would unwrap."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value
    made = np.empty(np.shape(value), dtype=object)
    made[...] = value
    return made


def elementwise(function: Callable[..., Any], *operands: np.ndarray) -> np.ndarray:
    """`function` of the entries. A rank-0 operand meets every entry of the others, as JAX's literals do."""
    return array(np.frompyfunc(function, len(operands), 1)(*operands))


def kinds(operand: np.ndarray) -> set[type]:
    """The types of an array's entries."""
    return set(map(type, operand.flat))


def is_float(aval: Any) -> bool:
    return bool(jnp.issubdtype(aval.dtype, jnp.floating))


def is_integer(aval: Any) -> bool:
    return bool(jnp.issubdtype(aval.dtype, jnp.integer))


def is_bool(aval: Any) -> bool:
    return aval.dtype == np.bool_


def finite(step: Step, *operands: np.ndarray) -> None:
    """Refuse arithmetic on what is no real number."""
    for operand in operands:
        if Missing in kinds(operand):
            raise not_real(step, next(entry for entry in operand.flat if isinstance(entry, Missing)))


def not_real(step: Step, entry: Missing) -> Unsupported:
    return step.refuse(f"{entry} takes part in arithmetic; the meaning is over the real numbers")


def number(step: Step, entry: Any) -> Number:
    """The entry as a number, where the rule cannot go by letters: a comparison, a rounding, a divisor."""
    if isinstance(entry, Lettered):
        if not entry.is_constant:
            raise step.refuse(f"it asks for the value of {shown(entry)}, and letters have none")
        return entry.constant
    if isinstance(entry, Missing):
        raise not_real(step, entry)
    if isinstance(entry, Ball):
        raise step.refuse(f"it asks for an exact number, and all that is known of {entry} is an interval")
    return entry


def value(step: Step, entry: Any) -> "Number | Ball":
    """The entry as a number or an interval, where letters will not do."""
    return entry if isinstance(entry, Ball) else number(step, entry)


def shown(entry: Lettered, limit: int = 60) -> str:
    text = str(entry)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def real(value: float) -> Number | Missing:
    """The binary fraction that a float is.

    >>> real(0.375), real(2.0), str(real(float("nan")))
    (Fraction(3, 8), 2, 'nan')
    """
    if not np.isfinite(value):
        return Missing(str(value))
    return int(value) if value.is_integer() else Fraction(value)


def literal(value: Any, aval: Any) -> np.ndarray:
    """The exact meaning of a number or a constant array of a program, in the dtype that the program gives it."""
    try:
        with np.errstate(over="ignore"):  # 1e39 is infinite in float32, as for JAX
            constant = np.asarray(value).astype(aval.dtype)
    except TypeError as error:
        raise Unsupported(f"a constant of type {aval} has no exact meaning here: {error}") from error
    if is_bool(aval):
        return elementwise(bool, array(constant.astype(object)))
    if is_integer(aval):
        return elementwise(int, array(constant.astype(object)))
    if is_float(aval):
        return elementwise(real, array(constant.astype(np.float64).astype(object)))
    raise Unsupported(f"a constant of type {aval}: only real numbers, integers and truth values have an exact meaning")


def check(step: Step, value: Any, aval: Any) -> None:
    """Raise unless a rule's result is an array of exact entries of the shape and kind that JAX inferred."""
    where = f"{step.primitive} at {step.line}: the explicit interpreter's result"
    if not isinstance(value, np.ndarray) or value.dtype != object:
        raise InternalDisagreement(f"{where} is no array of exact entries")
    if value.shape != tuple(aval.shape):
        raise InternalDisagreement(f"{where} has the shape {value.shape}, JAX's {tuple(aval.shape)}")
    allowed = (bool,) if is_bool(aval) else (int,) if is_integer(aval) else (int, Fraction, Lettered, Ball)
    strange = kinds(value) - {*allowed, Missing}
    if strange:
        raise InternalDisagreement(f"{where} holds {', '.join(map(str, strange))} where JAX has {aval.dtype}")
