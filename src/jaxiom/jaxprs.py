"""Programs as JAX writes them: equations, calls, primitives. With `trace`, `control` and `guard`, what knows JAX's
internals."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import jax
from jax._src import lax as lax_home
from jax._src.export import shape_poly
from jax._src.pjit import jit_p
from jax._src.random import prng
from jax.extend import core, source_info_util
from jax.extend.core import primitives as prims

from jaxiom.guard import OWN_HOME

Closed = core.ClosedJaxpr
Equation = core.JaxprEqn
Literal = core.Literal
Primitive = core.Primitive

dim_as_value_p: Primitive = shape_poly.dim_as_value_p

CALL_PARAMETER = {
    jit_p: "jaxpr",
    prims.custom_jvp_call_p: "call_jaxpr",
    prims.custom_vjp_call_p: "call_jaxpr",
    prims.closed_call_p: "call_jaxpr",
    prims.call_p: "call_jaxpr",
    prims.remat_p: "jaxpr",
}
CALLS = frozenset(CALL_PARAMETER)

source_info_util.register_exclusion(OWN_HOME)  # jaxiom's own frames are not the user's


def closed_of(program: Any) -> Closed:
    """A program without constants of its own, closed."""
    return program if isinstance(program, Closed) else Closed(program, ())


def inner_jaxpr(equation: Equation) -> Closed:
    """The program that a call wraps."""
    return closed_of(equation.params[CALL_PARAMETER[equation.primitive]])


def user_line(equation: Equation) -> str:
    """The user's own file and line that made an equation; "" inside a function of JAX's."""
    return source_info_util.summarize(equation.source_info)


def meaning(equation: Equation) -> dict[str, Any]:
    """An equation's parameters; a sharding over no devices, as forward differentiation writes it, is none."""
    return {name: None if is_nowhere(value) else value for name, value in equation.params.items()}


def is_nowhere(value: Any) -> bool:
    return isinstance(value, jax.sharding.NamedSharding) and value.mesh.empty


@lru_cache(maxsize=1)
def all_primitives() -> dict[str, Primitive]:
    """Every primitive of this JAX's lax and of its random keys, by name, exported or not."""
    own = [import_module(f"{lax_home.__name__}.{found.name}") for found in iter_modules(lax_home.__path__)]
    found = {p.name: p for module in (*own, prng, prims) for p in vars(module).values() if isinstance(p, Primitive)}
    return {**found, dim_as_value_p.name: dim_as_value_p, jit_p.name: jit_p}
