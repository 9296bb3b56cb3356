"""Running a jaxpr again, equation by equation: with numbers put in for its sizes, or with one equation changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.export import is_symbolic_dim

from jaxiom.cases import Case
from jaxiom.jaxprs import CALLS, Closed, Equation, Literal, dim_as_value_p, inner_jaxpr
from jaxiom.trace import shape_of, without_dead_code

DYNAMIC = ("broadcast_in_dim", "reshape")
"""With symbolic sizes these take the sizes as operands too."""


class IllFormed(ValueError):
    """A change that gives no program: ranks that do not fit, an equation that is not there."""


@dataclass(frozen=True)
class Call:
    """One equation while it is replayed: `params` hold the sizes of this replay, `operands` its values.

    `values` are the values of all variables so far, in order.
    """

    equation: Equation
    params: dict[str, Any]
    operands: list[Any]
    values: Sequence[Any]

    def bind(self, primitive: Any = None, operands: Sequence[Any] | None = None, **params: Any) -> Any:
        """The results of the equation, with another primitive, other operands or other parameters."""
        primitive = primitive or self.equation.primitive
        operands = list(self.operands if operands is None else operands)
        params = {**self.params, **params}
        if primitive is dim_as_value_p and isinstance(params["dim"], int):
            return np.asarray(params["dim"], dtype_of(self.equation.outvars[0]))
        if primitive.name in DYNAMIC and not any(map(is_symbolic_dim, params.get("shape") or params["new_sizes"])):
            operands = operands[:1]
        return primitive.bind(*operands, **params)

    def with_operand(self, at: int, value: Any) -> Any:
        return self.bind(operands=[value if i == at else o for i, o in enumerate(self.operands)])


@dataclass(frozen=True)
class Swap:
    """What to do in the place of equation number `at` (calls walked into), which is a `primitive`."""

    at: int
    primitive: str
    change: Callable[[Call], Any]


class Replay:
    """One run through a jaxpr; `size` says what its sizes are in this run."""

    def __init__(self, size: Callable[[Any], Any], swap: Swap | None = None):
        self.size, self.swap = size, swap
        self.at = 0
        self.values: list[Any] = []

    def run(self, closed: Closed, arrays: Sequence[Any]) -> list[Any]:
        self.values += arrays
        outputs = self.walk(closed, arrays)
        if self.swap is not None and self.at <= self.swap.at:
            raise IllFormed(f"there is no equation {self.swap.at} in this case of the sizes")
        return outputs

    def walk(self, closed: Closed, arrays: Sequence[Any]) -> list[Any]:
        env: dict[Any, Any] = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        env |= dict(zip(closed.jaxpr.invars, arrays, strict=True))
        for equation in closed.jaxpr.eqns:
            operands = [read(env, atom) for atom in equation.invars]
            if equation.primitive in CALLS:
                results = self.walk(inner_jaxpr(equation), operands)
            else:
                results = self.step(equation, operands)
            env |= dict(zip(equation.outvars, results, strict=True))
        return [read(env, atom) for atom in closed.jaxpr.outvars]

    def step(self, equation: Equation, operands: list[Any]) -> list[Any]:
        call = Call(equation, {k: self.put(v) for k, v in equation.params.items()}, operands, self.values)
        if self.swap is not None and self.at == self.swap.at:
            if equation.primitive.name != self.swap.primitive:
                raise IllFormed(f"equation {self.at} is {equation.primitive.name} in this case of the sizes")
            results = self.swap.change(call)
        else:
            results = call.bind()
        results = list(results) if isinstance(results, tuple | list) else [results]
        wanted = [tuple(self.put(d) for d in shape_of(v)) for v in equation.outvars]
        results = [fit(r, shape) for r, shape in zip(results, wanted, strict=True)]
        self.at += 1
        self.values += results
        return results

    def put(self, value: Any) -> Any:
        """A parameter with the sizes of this replay."""
        if isinstance(value, tuple | list):
            return value if hasattr(value, "_fields") else type(value)(self.put(v) for v in value)
        return self.size(value) if is_symbolic_dim(value) else value


def dtype_of(atom: Any) -> Any:
    return atom.aval.dtype


def read(env: Mapping[Any, Any], atom: Any) -> Any:
    return np.asarray(atom.val, dtype_of(atom)) if isinstance(atom, Literal) else env[atom]


def fit(result: Any, shape: Sequence[Any]) -> Any:
    """Crop a result, or pad it with zeros, at the end of each axis."""
    if np.ndim(result) != len(shape):
        raise IllFormed(f"rank {np.ndim(result)} where {len(shape)} is wanted")
    lacking = [want - have for want, have in zip(shape, np.shape(result), strict=True)]
    if all(isinstance(d, int) and not d for d in lacking):
        return result
    return lax.pad(result, np.zeros((), result.dtype), [(0, d, 0) for d in lacking])


def put_in(case: Case, sizes: Mapping[str, int]) -> Callable[[Any], int]:
    """What a size of a case's trace is at given sizes."""
    return lambda dim: int(case.scope.size(dim).evaluate(sizes))


def trace_here(function: Callable[..., Any], arguments: Sequence[Any]) -> Closed:
    """The jaxpr of a function on arguments of the sizes at hand, symbolic ones among them."""
    leaves, tree = jax.tree.flatten(list(arguments))
    at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

    def of_arrays(*arrays: Any) -> Any:
        filled = list(leaves)
        for i, array in zip(at, arrays, strict=True):
            filled[i] = array
        return function(*jax.tree.unflatten(tree, filled))

    return without_dead_code(
        jax.make_jaxpr(of_arrays)(*(jax.ShapeDtypeStruct(leaves[i].shape, jnp.float32) for i in at))
    )
