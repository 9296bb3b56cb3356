"""Control flow written out: short loops step by step, branches with a known index, sums that are spelled as folds.

Every interpreter then sees one straight program. What cannot be written out stays as it is, and is refused there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src import source_info_util
from jax._src.lax.control_flow.conditionals import platform_index_p
from jax.extend.core import primitives as prims

from jaxiom.jaxprs import CALLS, Closed, Equation, Literal, closed_of, dim_as_value_p, inner_jaxpr, meaning, user_line

MOST_STEPS = 64
"""Loops of up to so many steps are written out."""

MOST_EQUATIONS = 4096
"""Loops inside loops are written out up to so many equations in all."""

MOST_KNOWN = 64
"""Arrays of numbers up to this size are followed, to know which way a branch goes."""

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

Value = tuple[Any, np.ndarray | None]
"""What an equation gives: a traced value, and the numbers that it is where they are known."""


def written_out(closed: Closed) -> Closed:
    """The same program without the control flow that can be written out; unchanged where there is none."""
    if not has_control(closed):
        return closed
    avals: list[Any] = list(closed.in_avals)
    structs = [jax.ShapeDtypeStruct(a.shape, a.dtype, weak_type=a.weak_type) for a in avals]
    return jax.make_jaxpr(lambda *xs: [v for v, _ in Writer().program(closed, [(x, None) for x in xs], None)])(*structs)


def has_control(closed: Closed) -> bool:
    return any(
        e.primitive in CONTROL or e.primitive in CALLS and has_control(inner_jaxpr(e)) for e in closed.jaxpr.eqns
    )


class Writer:
    """One pass over a program. `equations` counts what was written."""

    def __init__(self) -> None:
        self.equations = 0

    def program(self, closed: Closed, arguments: Sequence[Value], caller: Any) -> list[Value]:
        """The results of a program, equation by equation; `caller` is the traceback of the call that it is in."""
        env: dict[Any, Value] = {}

        def read(atom: Any) -> Value:
            if not isinstance(atom, Literal):
                return env[atom]
            aval: Any = atom.aval
            number = np.asarray(atom.val, aval.dtype)
            return number, number

        env.update(zip(closed.jaxpr.constvars, map(constant, closed.consts), strict=True))
        env.update(zip(closed.jaxpr.invars, arguments, strict=True))
        for equation in closed.jaxpr.eqns:
            self.equations += 1
            traceback = equation.source_info.traceback if user_line(equation) or caller is None else caller
            with source_info_util.user_context(traceback):
                results = self.equation(equation, [read(a) for a in equation.invars], traceback)
            env.update(zip(equation.outvars, results, strict=True))
        return [read(a) for a in closed.jaxpr.outvars]

    def equation(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value]:
        if equation.primitive in CALLS:
            return self.program(inner_jaxpr(equation), operands, traceback)
        if equation.primitive in CONTROL:
            found = CONTROL[equation.primitive](self, equation, operands, traceback)
            if found is not None:
                return found
        values = bound(equation, [value for value, _ in operands])
        return list(zip(values, known(equation, operands), strict=True))

    def scan(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value] | None:
        """Step by step. None for a length that is a size, or too many steps."""
        parameters = dict(meaning(equation))
        body, length, reverse = (parameters.pop(name) for name in ("jaxpr", "length", "reverse"))
        constants, carried = scan_counts(parameters)
        # How it is compiled and differentiated, which has happened.
        if set(parameters) - {"unroll", "linear", "_split_transpose"} or len(body.out_avals) != len(equation.outvars):
            return None
        if not isinstance(length, int) or length > MOST_STEPS:
            return None
        if self.equations + length * len(body.jaxpr.eqns) > MOST_EQUATIONS:
            return None
        fixed, carry, rows = operands[:constants], operands[constants:][:carried], operands[constants + carried :]
        outputs: list[list[Any]] = [[] for _ in body.out_avals[carried:]]
        for step in reversed(range(length)) if reverse else range(length):
            entries = [(lax.index_in_dim(x, step, keepdims=False), None) for x, _ in rows]
            results = self.program(body, [*fixed, *carry, *entries], traceback)
            carry = results[:carried]
            for collected, (value, _) in zip(outputs, results[carried:], strict=True):
                collected.append(value)
        return [*carry, *(stacked(v, a, reverse) for v, a in zip(outputs, body.out_avals[carried:], strict=True))]

    def cond(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value] | None:
        """The branch that a known index picks; else all of them, and a choice between their results."""
        parameters = dict(meaning(equation))
        branches = [closed_of(b) for b in parameters.pop("branches")]
        if set(parameters) - {"branches_platforms"}:
            return None
        (index, number), *arguments = operands
        if number is not None and 0 <= int(number) < len(branches):
            return self.program(branches[int(number)], arguments, traceback)
        results = [self.program(branch, arguments, traceback) for branch in branches]
        return [(lax.select_n(index, *(v for v, _ in cases)), None) for cases in zip(*results, strict=True)]

    def platform_index(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value] | None:
        """Which branch the platform takes, where all platforms take the same."""
        cases = equation.params["platforms"]
        taken = {next((i for i, names in enumerate(cases) if names is None or p in names), None) for p in PLATFORMS}
        if len(taken) != 1 or None in taken or set(equation.params) != {"platforms"}:
            return None
        (index,) = taken
        number = np.asarray(index, np.int32)
        return [(number, number)]

    def reduce(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value] | None:
        """A fold that adds, from 0: a sum."""
        parameters = dict(meaning(equation))
        body, axes = parameters.pop("jaxpr"), parameters.pop("dimensions")
        if set(parameters) - {"computation", "out_sharding"} or not adds_from_zero(body, operands):
            return None
        return [(lax.reduce_sum(operands[0][0], axes), None)]

    def reduce_window(self, equation: Equation, operands: list[Value], traceback: Any) -> Sequence[Value] | None:
        """Windows that are folded by adding, from 0: sums over windows."""
        parameters = dict(meaning(equation))
        body, constants = parameters.pop("jaxpr"), parameters.pop("consts")
        if constants or not adds_from_zero(body, operands):
            return None
        return [(lax.reduce_window_sum_p.bind(operands[0][0], **parameters), None)]


CONTROL: dict[Any, Callable[[Writer, Equation, list[Value], Any], Sequence[Value] | None]] = {
    prims.scan_p: Writer.scan,
    prims.cond_p: Writer.cond,
    platform_index_p: Writer.platform_index,
    lax.reduce_p: Writer.reduce,
    lax.reduce_window_p: Writer.reduce_window,
}


def scan_counts(parameters: dict[str, Any]) -> tuple[int, int]:
    """How many operands are constants of the loop, and how many are carried; JAX 0.12 has them in a tree."""
    if "ft_in" in parameters:
        del parameters["ft_out"]  # where each result comes from: the body's, in order, if they are as many
        constants, carry, _ = parameters.pop("ft_in").unpack()
        return len(list(constants)), len(list(carry))
    return parameters.pop("num_consts"), parameters.pop("num_carry")


def constant(value: Any) -> Value:
    """A constant of a program, followed where it is small and whole."""
    shape, dtype = np.shape(value), np.result_type(value) if not hasattr(value, "dtype") else value.dtype
    followed = followable(shape, dtype) and isinstance(value, jax.Array | np.ndarray)
    return value, np.asarray(value) if followed else None


def bound(equation: Equation, operands: Sequence[Any]) -> Sequence[Any]:
    """The equation itself, on other operands."""
    parameters = equation.primitive.get_bind_params(equation.params)
    results = equation.primitive.bind(*operands, **parameters)
    return results if equation.primitive.multiple_results else [results]


def followable(shape: Sequence[Any], dtype: Any) -> bool:
    """Whether an array's numbers are worth following: few integers or truth values."""
    whole = jnp.issubdtype(dtype, jnp.integer) or dtype == np.bool_
    return bool(whole) and all(isinstance(d, int) for d in shape) and int(np.prod(shape)) <= MOST_KNOWN


def known(equation: Equation, operands: Sequence[Value]) -> list[np.ndarray | None]:
    """The numbers that an equation gives, where it is of known numbers."""
    nothing: list[np.ndarray | None] = [None] * len(equation.outvars)
    numbers = [number for _, number in operands if number is not None]
    avals: list[Any] = [v.aval for v in equation.outvars]
    if len(numbers) != len(operands) or equation.primitive in (dim_as_value_p, *CONTROL) or equation.effects:
        return nothing  # a size, or what this machine's platform would answer, is no number of the program
    if not all(hasattr(a, "dtype") and followable(a.shape, a.dtype) for a in avals):
        return nothing
    with jax.ensure_compile_time_eval():
        return [np.asarray(v) for v in bound(equation, numbers)]


def stacked(values: list[Any], aval: Any, reverse: bool) -> Value:
    """What the steps of a loop gave, along a new first axis."""
    if not values:
        return jnp.zeros((0, *aval.shape), aval.dtype), None
    return jnp.stack(values[::-1] if reverse else values), None


def adds_from_zero(body: Any, operands: Sequence[Value]) -> bool:
    """Whether a fold of one array adds and begins with 0. From another number XLA may count that more than once."""
    jaxpr = closed_of(body).jaxpr
    if len(operands) != 2 or len(jaxpr.eqns) != 1 or jaxpr.eqns[0].primitive is not lax.add_p:
        return False
    (equation,) = jaxpr.eqns
    takes_both = len(jaxpr.invars) == 2 and set(equation.invars) == set(jaxpr.invars)
    begins = operands[1][1]
    return takes_both and list(jaxpr.outvars) == list(equation.outvars) and begins is not None and not begins.any()
