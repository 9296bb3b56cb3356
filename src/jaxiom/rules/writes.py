"""Writes at computed indices on plain arrays: blocks and entries that are replaced or added to.

The rounding, the modular and the height interpreter share it, as they share `arrays`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jax import Array, lax
from jax.extend.core import primitives as prims

from jaxiom.interpret import Step
from jaxiom.jaxprs import Primitive


def dynamic_update_slice(step: Step, x: Array, update: Array, *starts: Array) -> Array:
    return lax.dynamic_update_slice(x, update, starts)


def scatter(
    step: Step,
    x: Array,
    indices: Array,
    updates: Array,
    *,
    dimension_numbers: Any,
    indices_are_sorted: Any,
    unique_indices: Any,
    mode: Any,
    update_jaxpr: Any,
    update_consts: Any,
) -> Array:
    """Entries replaced. JAX does not say which of two updates of one entry comes first."""
    step.expect(update_consts=(update_consts, ()))
    if not unique_indices and windows(step) > 1:
        raise step.refuse("two updates may meet at one entry; say unique_indices=True where they do not")
    return lax.scatter(x, indices, updates, dimension_numbers, mode=mode)


def windows(step: Step) -> int:
    """How many windows a scatter writes; each meets an entry once at most."""
    return math.prod(step.ins[1].shape[:-1])


@dataclass(frozen=True, eq=False)
class Accumulation:
    """A scatter that adds, or subtracts: each entry of the result is one of the array and at most `terms` updates.

    Attributes:
        call: the scatter itself, of any array, indices and updates of these shapes.
        sizes: the same with + in the place of -, for bounds.
    """

    call: Callable[[Array, Array, Array], Array]
    sizes: Callable[[Array, Array, Array], Array]
    terms: int


def accumulation(sign: int) -> Callable[..., Accumulation]:
    def read(
        step: Step,
        *,
        dimension_numbers: Any,
        indices_are_sorted: Any,
        unique_indices: Any,
        mode: Any,
        update_jaxpr: Any,
        update_consts: Any,
    ) -> Accumulation:
        # That indices are sorted and unique are promises to the compiler, without a meaning of their own.
        step.expect(update_consts=(update_consts, ()))

        def sizes(x: Array, indices: Array, updates: Array) -> Array:
            return lax.scatter_add(x, indices, updates, dimension_numbers, mode=mode)

        def call(x: Array, indices: Array, updates: Array) -> Array:
            return sizes(x, indices, sign * updates)

        return Accumulation(call, sizes, windows(step))

    return read


# Operand -> whether its entries are entries of the result: indices and starts only steer.
REPLACEMENTS: dict[Primitive, Callable[..., Array]] = {
    lax.dynamic_update_slice_p: dynamic_update_slice,
    lax.scatter_p: scatter,
}

ACCUMULATIONS: dict[Primitive, Callable[..., Accumulation]] = {
    prims.scatter_add_p: accumulation(1),
    lax.scatter_sub_p: accumulation(-1),
}
