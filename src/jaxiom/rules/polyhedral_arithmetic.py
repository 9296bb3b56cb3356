"""The polyhedral rules of arithmetic."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import finer, plus, refactor
from jaxiom.polyhedra.form import Form, Missing, join, scalar, spread
from jaxiom.rules.frame import Frame, equal, kind_of


def identity(on: Frame, step: Step, x: Form) -> Form:
    return x


def name(on: Frame, step: Step, x: Form, *, name: str) -> Form:
    return x


def device_put(on: Frame, step: Step, *xs: Form, devices: Any, srcs: Any, copy_semantics: Any) -> tuple[Form, ...]:
    # Where a value is kept does not change it.
    return xs


def optimization_barrier(on: Frame, step: Step, *xs: Form) -> tuple[Form, ...]:
    return xs


def is_finite(on: Frame, step: Step, x: Form) -> Form:
    """True of every real number."""
    return Form(x.axes, ()) if isinstance(x, Missing) else spread(on.world, scalar(on.world, 1), x.axes, ())


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


def convert_element_type(on: Frame, step: Step, x: Form, *, new_dtype: Any, weak_type: bool, sharding: Any) -> Form:
    # weak_type only steers JAX's promotion, which has happened.
    step.expect(sharding=(sharding, None))
    target = kind_of(new_dtype)
    source = kind_of(step.ins[0].dtype)
    if isinstance(x, Missing):
        if target != "real":
            raise step.refuse(f"a conversion of {x.value} to {np.dtype(new_dtype).name} is some number")
        return x
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
