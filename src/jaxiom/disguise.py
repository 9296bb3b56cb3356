"""A symbolic size answers the user's code as the int that it stands for. With `guard` and `trace`, all that knows JAX's
internals.

At numbers a size is an int: `isinstance(n, int)` is true, and so it is here, for everybody but JAX. What an int can do
and a symbolic size cannot (`len(x)`, `range(n)`, `n.bit_length()`, `n & 1`) is an error, and noted: the function may
catch it and go on. `type(n) is int` cannot be seen; the check of each proof at numbers is what stands against it.
"""

import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

from jax._src.export import shape_poly

from jaxiom.guard import JAX_HOME, OWN_HOME, asker, note, watchers

STANDARD = (sysconfig.get_paths()["stdlib"], "<frozen ")
UNARY = ("abs", "ceil", "float", "floor", "index", "invert", "pos", "round", "trunc")
BINARY = ("and", "lshift", "or", "rshift", "xor")
NAMES = ("as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "imag", "numerator", "real")
NAMES += ("is_integer", "to_bytes")


def is_standard(filename: str) -> bool:
    """Whether a file is of Python's own library."""
    return filename.startswith(STANDARD) and "site-packages" not in filename


def asked_by_user() -> bool:
    """Whether the nearest code outside this file and Python's library is neither JAX's nor jaxiom's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename == __file__ or is_standard(frame.f_code.co_filename)):
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_filename.startswith((JAX_HOME, OWN_HOME))


def look_up(self: Any, name: str) -> Any:
    if name == "__class__" and watchers() and asked_by_user():
        return int
    return object.__getattribute__(self, name)


def note_unanswered(dim: Any) -> None:
    """Note what fails here and would not at a number; JAX's own code asks with care."""
    if watchers() and not asker(through_jax_sizes=False)[0].startswith(JAX_HOME):
        note("unanswered", dim, through_jax_sizes=False)


def unary(name: str) -> Callable[..., Any]:
    def refuse(self: Any, *_: Any) -> Any:
        note_unanswered(self)
        raise TypeError(f"a symbolic size has no {name}: it is not a number yet")

    return refuse


def binary(self: Any, other: Any) -> Any:
    if isinstance(other, int):  # an array answers by itself
        note_unanswered(self)
    return NotImplemented


def attribute(name: str) -> property:
    def refuse(self: Any) -> Any:
        note_unanswered(self)
        raise AttributeError(f"a symbolic size has no {name}: it is not a number yet")

    return property(refuse)


def written(self: Any, layout: str) -> str:
    """`object.__format__` refuses a layout such as "d" that an int takes."""
    if layout:
        note_unanswered(self)
    return object.__format__(self, layout)


def quotient(method: Callable[..., Any]) -> Callable[..., Any]:
    """A division by or of a size that the user's Python does: at numbers it is a float, and rounds."""

    def divide(self: Any, other: Any) -> Any:
        if isinstance(other, int | float | shape_poly._DimExpr) and watchers():
            note("quotient", self, other, through_jax_sizes=False)
        return method(self, other)

    return divide


def install() -> None:
    """Give JAX's size expressions what they lack of an int; what they have stays."""
    dimension: Any = shape_poly._DimExpr
    lacking: dict[str, Any] = {f"__{name}__": unary(f"__{name}__") for name in UNARY}
    lacking |= {f"__{side}{name}__": binary for name in BINARY for side in ("", "r")}
    lacking |= {name: attribute(name) for name in NAMES if hasattr(int, name)}
    for name, method in lacking.items():
        if not hasattr(dimension, name):
            setattr(dimension, name, method)
    dimension.__truediv__, dimension.__rtruediv__ = quotient(dimension.__truediv__), quotient(dimension.__rtruediv__)
    dimension.__format__ = written
    dimension.__getattribute__ = look_up


install()
