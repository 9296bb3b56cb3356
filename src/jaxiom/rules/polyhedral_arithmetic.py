"""The polyhedral rules of arithmetic."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import islpy as isl
import jax.numpy as jnp
import numpy as np

from jaxiom.errors import Undecidable
from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import finer, plus, product, refactor
from jaxiom.polyhedra.equality import collect, regions
from jaxiom.polyhedra.form import Form, Missing, Term, join, scalar, spread
from jaxiom.polyhedra.polynomial import Atom, Polynomial, isl_text
from jaxiom.rules.frame import Frame, equal, kind_of


def identity(on: Frame, step: Step, x: Form) -> Form:
    return x


def add(on: Frame, step: Step, a: Form, b: Form) -> Form:
    return plus(on.world, *match(on, step, a, b))


def sub(on: Frame, step: Step, a: Form, b: Form) -> Form:
    a, b = match(on, step, a, b)
    return plus(on.world, a, b.scale(-1))


def match(on: Frame, step: Step, a: Form, b: Form) -> tuple[Form, Form]:
    """Both operands over all of the result's axes: lax takes a scalar or an axis of size 1 beside a larger one."""
    out = step.outs[0].shape
    return stretch(on, a, step.ins[0].shape, out, b), stretch(on, b, step.ins[1].shape, out, a)


def stretch(on: Frame, form: Form, shape: Sequence[Any], out: Sequence[Any], other: Form) -> Form:
    if not out or len(shape) == len(out) and all(on.size(d) == on.size(o) for d, o in zip(shape, out, strict=True)):
        return form
    if not form.axes:
        return spread(on.world, form, other.axes, ())
    axes = [
        mine if mine or on.world.is_one(on.size(o)) else theirs
        for mine, theirs, o in zip(form.axes, other.axes, out, strict=True)
    ]
    kept = Form(tuple(axes), ())
    positions = [p for i, axis in enumerate(form.axes) if axis for p in kept.positions(i)]
    return spread(on.world, form, axes, positions)


def neg(on: Frame, step: Step, a: Form) -> Form:
    return a.scale(-1)


def mul(on: Frame, step: Step, a: Form, b: Form, *, out_dtype: Any) -> Form:
    step.expect(out_dtype=(out_dtype, None))
    return times(on, *match(on, step, a, b))


def times(on: Frame, a: Form, b: Form) -> Form:
    """The product entry by entry of two tensors of the same shape."""
    common = [finer(on.world, x, y) for x, y in zip(a.axes, b.axes, strict=True)]
    a, b = refactor(on.world, a, common), refactor(on.world, b, common)
    return join(on.world, common, [a, b], lambda g: equal(g[0], g[1]) + equal(g[0], g[2]))


def square(on: Frame, step: Step, a: Form) -> Form:
    return times(on, a, a)


def integer_pow(on: Frame, step: Step, a: Form, *, y: int) -> Form:
    if y < 0:
        return reciprocal(on, step, integer_pow(on, step, a, y=-y))
    result = spread(on.world, scalar(on.world, 1), a.axes, ())
    for _ in range(y):
        result = times(on, result, a)
    return result


def div(on: Frame, step: Step, a: Form, b: Form) -> Form:
    a, b = match(on, step, a, b)
    return times(on, a, reciprocal(on, step, b))


def reciprocal(on: Frame, step: Step, b: Form) -> Form:
    """1 / b where b is a number, a size, or a polynomial of indices that isl proves nonzero."""
    if any(t.monomial for t in b.terms):
        raise step.refuse("division by a tensor that depends on the inputs")
    count = len(b.atoms)
    cells = regions(on.world, count, (), collect(on.world, count, b.terms))
    zero = on.world.set(count, on.world.box(b.atoms)).intersect_params(on.world.domain)
    for cell in cells:
        zero = zero.subtract(
            cell.points.project_out(isl.dim_type.set, count, cell.points.dim(isl.dim_type.set) - count)
        )
    if not zero.is_empty():
        if count:
            raise step.refuse("division by a tensor that is zero somewhere")
        on.world.narrow(zero.params(), f"not {described(zero.params(), on.world.domain)}")
    return replace(b, terms=tuple(inverse(on, step, cell) for cell in cells))


def described(excluded: isl.Set, domain: isl.Set) -> str:
    """A set of sizes in words."""
    return str(excluded.gist(domain)).split(":", 1)[-1].strip(" {}") or "any size"


def inverse(on: Frame, step: Step, term: Term) -> Term:
    """One case of a divisor, inverted; the sizes at which it is zero are left out."""
    divisor = term.weight
    numerator = product(list(term.divisors))
    if divisor.is_constant:
        return replace(term, weight=numerator * (1 / divisor.value), divisors=())
    exclude_zeros(on, step, term.points, divisor)
    return replace(term, weight=numerator, divisors=(divisor,))


def exclude_zeros(on: Frame, step: Step, points: isl.Set, divisor: Polynomial) -> None:
    """Leave out the sizes at which a divisor is zero: x·(n-1)/(n-1) = x is no theorem at n = 1."""
    positions = [v for v in divisor.variables if isinstance(v, int)]
    if positions:
        if divisor.is_affine:
            text = isl_text(divisor * divisor.denominator)
            zero = points.intersect(on.world.set(points.dim(isl.dim_type.set), [f"{text} = 0"]))
            if zero.is_empty():
                return
        raise Undecidable(f"{step.primitive} at {step.line} divides by {divisor}, which may be zero")
    zeros = on.world.zeros(divisor)
    if zeros is None:
        raise Undecidable(f"{step.primitive} at {step.line} divides by {divisor}: whether that can be 0 is not affine")
    if not zeros.is_empty():
        on.world.narrow(zeros, not_zero(divisor))


def convert_element_type(on: Frame, step: Step, x: Form, *, new_dtype: Any, weak_type: bool, sharding: Any) -> Form:
    # weak_type only steers JAX's promotion, which has happened.
    step.expect(sharding=(sharding, None))
    target = kind_of(new_dtype)
    if isinstance(x, Missing):
        return x
    source = kind_of(step.ins[0].dtype)
    if target == "bool" and source != "bool":
        raise step.refuse("a conversion to bool asks which entries are zero")
    if source == "real" and target == "int":
        raise step.refuse(f"a conversion from float to {np.dtype(new_dtype).name} truncates")
    old = np.dtype(step.ins[0].dtype)
    if source == target == "real" and jnp.finfo(new_dtype).nmant < jnp.finfo(old).nmant:
        on.read_as[f"the conversion from {old.name} to {np.dtype(new_dtype).name} is read as exact"] = None
    return x


def dim_as_value(on: Frame, step: Step, *, dim: Any) -> Form:
    return scalar(on.world, on.size(dim))


def not_zero(size: Polynomial) -> str:
    """`size != 0` in words, solved where it is about one size."""
    if len(size.variables) == 1 and size.is_affine and not any(isinstance(v, Atom) for v in size.variables):
        (name,) = size.variables
        return f"{name} != {-size.value / size.by_powers_of(name)[1].value}"
    above = Polynomial({powers: c for powers, c in size.terms.items() if c > 0})
    return f"{above} != {above - size}"
