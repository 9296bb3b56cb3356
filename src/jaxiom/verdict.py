"""What `prove` answers: proved, refuted or undecided, kept apart in the type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from jaxiom.sizes import Sizes

if TYPE_CHECKING:
    from jaxiom.difference import Difference
    from jaxiom.rules.balls import Ball


@dataclass(frozen=True)
class Witness:
    """Sizes and inputs on which the two sides differ, in exact arithmetic.

    Attributes:
        sizes: name -> number.
        inputs: name -> numpy array (integer variables: an int).
        leaf: which of several outputs, "" where there is one.
        index: the entry of the output.
        lhs, rhs: the two exact values there, by the explicit interpreter on fractions; rigorous intervals, which are
            apart, where a function's value is not rational.
        by_jax: what JAX gives there, computed when it is asked for.
    """

    sizes: Mapping[str, int]
    inputs: Mapping[str, Any]
    index: tuple[int, ...]
    lhs: "Fraction | Ball"
    rhs: "Fraction | Ball"
    by_jax: Callable[[], tuple[float, float]] = field(repr=False, compare=False)
    leaf: str = ""

    @cached_property
    def jax_values(self) -> tuple[float, float]:
        """What JAX gives there op by op, on each side: shown beside the exact values and no criterion."""
        return self.by_jax()

    def __str__(self) -> str:
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes.items()) or "the sizes given"
        inputs = "; ".join(f"{k} {describe(v)}" for k, v in self.inputs.items())
        at = f"{self.leaf}[{', '.join(map(str, self.index))}]"
        seen = "JAX op by op: {:g} and {:g}".format(*self.jax_values)
        return f"{sizes}: at {at} lhs = {self.lhs}, rhs = {self.rhs} ({seen}) with {inputs}"


def describe(value: Any) -> str:
    """A sparse array in words: where it is not zero."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"= {array}"
    places = np.argwhere(array)
    if not len(places):
        return "= 0"
    shown = ", ".join(f"[{', '.join(map(str, p))}] = {array[tuple(p)]:g}" for p in places[:6])
    return f"{shown}{f' and {len(places) - 6} entries more' if len(places) > 6 else ''}, else 0"


@dataclass(frozen=True)
class Verdict:
    """The base of the three answers.

    Attributes:
        status: "proved", "refuted" or "undecided".
        difference: lhs - rhs in closed form; zero when proved; None where it could not be formed.
        witness: when refuted.
        reason: when undecided, what stopped it, in words.
        sizes: what it holds for.
        notes: what a reader should know: assumptions used, "both sides are the same program", ...
        seconds: tracing and deciding.
        cases: when refuted, where the functions branch on sizes: the verdict of each case, this one's among them.
    """

    status: ClassVar[str]
    sizes: Sizes
    difference: "Difference | None" = None
    witness: Witness | None = None
    reason: str = ""
    notes: tuple[str, ...] = field(default=())
    seconds: float = 0.0
    cases: "tuple[Verdict, ...]" = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        lines = [f"{self.status} for {self.sizes}"]
        if self.difference is not None and self.status != "proved":
            lines.append(f"lhs - rhs = {self.difference}")
        if self.witness is not None:
            lines.append(f"witness: {self.witness}")
        if self.reason:
            lines.append(f"because {self.reason}")
        return "\n".join([*lines, *self.notes])


class Proved(Verdict):
    """Equal for every input and every size in `sizes`."""

    status = "proved"


class Refuted(Verdict):
    """Different, on the witness, in exact arithmetic."""

    status = "refuted"


class Undecided(Verdict):
    """Neither was shown; `reason` says what stopped it."""

    status = "undecided"
