"""What the polyhedral rules work on: a world of sizes, and one trace's symbols for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import jax
import numpy as np

from jaxiom.errors import InternalDisagreement, Undecidable, Unsupported
from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import atomic, product
from jaxiom.polyhedra.form import Form, Missing, Sizes, linear, scalar
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.polynomial import Polynomial, fully_affine
from jaxiom.polyhedra.world import World
from jaxiom.rules.constants import CONSTANT, constant_form, literal_number
from jaxiom.trace import Scope

Names = Sequence[str]
"""How the index names of a group are written in isl's texts."""


WRAPPING = frozenset({"add", "sub", "mul", "neg", "square", "integer_pow", "cumsum", "reduce_sum", "dot_general"})
"""Primitives whose integer results can leave the dtype's range."""


@dataclass
class Frame:
    """What a rule knows besides its operands.

    Attributes:
        world: the sizes and the tensors.
        scope: what JAX's symbols for the sizes stand for.
        simplest_rationals: read a float as the simplest rational within half an ulp.
        constants: the axes of the constant arrays that became tensors.
        read_as: how numbers were read, where a reader may have meant others, and what functions take for granted.
        opaques: the applications of functions met so far.
    """

    world: World
    scope: Scope
    simplest_rationals: bool = False
    constants: dict[str, tuple[Sizes, ...]] = field(default_factory=dict)
    read_as: dict[str, None] = field(default_factory=dict)
    opaques: Opaques = field(default_factory=Opaques)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the program's numbers were read, where a reader may have meant another."""
        return tuple(self.read_as)

    def size(self, dim: Any) -> Polynomial:
        return self.world.simplify(self.scope.size(dim))

    def literal(self, value: Any, aval: Any) -> Form:
        """A number (the binary fraction that it is), or a constant array."""
        if np.ndim(value) == 0:
            if kind_of(aval.dtype) == "real" and not np.isfinite(np.asarray(value, np.float64)):
                return Missing(float(value))
            number = self.number(value, aval)
            return scalar(self.world, number)
        form = constant_form(self.world, np.asarray(value), lambda v: self.number(v, aval))
        for term in form.terms:
            self.constants.update(dict.fromkeys((t for t in term.monomial if t.startswith(CONSTANT)), form.axes))
        return form

    def number(self, value: Any, aval: Any) -> Fraction:
        """The exact value of a number; noted where a simpler rational lies within half an ulp."""
        exact, simple = literal_number(value, aval), literal_number(value, aval, simplest=True)
        chosen = simple if self.simplest_rationals else exact
        if exact != simple:
            self.read_as[f"{np.asarray(value).astype(aval.dtype)[()]} is read as {chosen}"] = None
        return chosen

    def check(self, step: Step, value: Form, aval: Any) -> None:
        """Each axis must have the size that JAX inferred. Arithmetic of integers is noted: they do not wrap here."""
        if step.primitive in WRAPPING and kind_of(aval.dtype) == "int":
            self.read_as["integers are read as whole numbers that do not wrap"] = None
        if len(value.axes) != len(aval.shape):
            raise InternalDisagreement(f"{step.primitive}: rank {len(value.axes)} where JAX has {aval.shape}")
        for axis, dim in zip(value.axes, aval.shape, strict=True):
            if not self.world.same(product(axis), self.size(dim)):
                raise InternalDisagreement(f"{step.primitive}: size {product(axis)} where JAX has {dim}")

    def new_axes(self, shape: Sequence[Any]) -> list[Sizes]:
        return [atomic(self.world, self.affine(self.size(d))) for d in shape]

    def affine(self, size: Polynomial) -> Polynomial:
        if not fully_affine(size):
            raise Undecidable(f"an axis of size {size}: not affine, and not merged from axes that are")
        return size

    def position(self, axis: Sizes, indices: Names, step: Step) -> str:
        """The position in an axis, as an affine text."""
        text = linear(axis, indices)
        if text is None:
            raise Undecidable(
                f"{step.primitive} at {step.line} moves along an axis merged from factors "
                f"{', '.join(map(str, axis))}: positions in it are not affine"
            )
        return text


def split(indices: Names, axes: Sequence[Sizes]) -> list[Names]:
    """The index names of each axis."""
    found, at = [], 0
    for axis in axes:
        found.append(indices[at : at + len(axis)])
        at += len(axis)
    return found


def equal(a: Names, b: Names) -> list[str]:
    return [f"{x} = {y}" for x, y in zip(a, b, strict=True)]


def kind_of(dtype: Any) -> str:
    """Whether a dtype stands for reals or for integers; others are refused."""
    if jax.numpy.issubdtype(dtype, np.floating):
        return "real"
    if jax.numpy.issubdtype(dtype, np.integer):
        return "int"
    if np.dtype(dtype) == np.bool_:
        return "bool"
    raise Unsupported(f"values of dtype {np.dtype(dtype).name}: jaxiom reads real numbers and integers")
