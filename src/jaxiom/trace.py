"""From a user's function to a jaxpr, with symbolic or given sizes. The only file that knows JAX's internals.

A symbolic trace lies where a comparison of sizes that JAX cannot decide is silently False (`if w.shape[0] == 1:`), or
where a size expression is silently true (`if h % 2:`). `recording` notes every such comparison while tracing; the
prover then proves the other branch too, or excludes it. What cannot be noted (a dictionary asked by a size) is refused.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import core as jax_core
from jax import export
from jax._src.export import shape_poly
from jax._src.interpreters import partial_eval
from jax._src.pjit import jit_p
from jax.extend import core, source_info_util
from jax.extend.core import primitives as prims

from jaxiom.errors import BadInput, BadShape, Undecidable, Unsupported
from jaxiom.polyhedra.polynomial import Atom, Polynomial, Variable

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

JAX_HOME = str(Path(jax.__file__).parent)
OWN_FILES = frozenset({__file__, shape_poly.__file__})


def inner_jaxpr(equation: Equation) -> Closed:
    """The program that a call wraps."""
    inner = equation.params[CALL_PARAMETER[equation.primitive]]
    return inner if isinstance(inner, Closed) else Closed(inner, ())


def user_line(equation: Equation) -> str:
    """The user's own file and line that made an equation."""
    return source_info_util.summarize(equation.source_info)


@dataclass(frozen=True)
class Comparison:
    """A comparison `difference == 0` of sizes that JAX could not decide while tracing, and took as False.

    `line` is where; `internal` says that JAX itself asked, not the user's code.
    """

    difference: Polynomial
    text: str
    line: str
    internal: bool


RECORD: ContextVar[list[tuple[Any, Any, str, bool]] | None] = ContextVar("jaxiom_comparisons", default=None)


def asked_from() -> tuple[str, bool]:
    """Who compares: `file:line`, and whether the line is JAX's own."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in OWN_FILES:
        frame = frame.f_back
    if frame is None:
        return "unknown", False
    name = frame.f_code.co_filename
    return f"{name}:{frame.f_lineno}", name.startswith(JAX_HOME)


def note(left: Any, right: Any) -> None:
    record = RECORD.get()
    if record is not None:
        record.append((left, right, *asked_from()))


def install_guard() -> None:
    """Make JAX's size expressions report the comparisons that they cannot decide."""
    dimension: Any = shape_poly._DimExpr
    plain = dimension.__eq__

    def guarded_eq(self: Any, other: Any) -> bool:
        equal = plain(self, other)
        if not equal and RECORD.get() is not None and undecided(self, other):
            note(self, other)
        return equal

    def guarded_bool(self: Any) -> bool:
        note(self, 0)
        return True

    plain_hash = dimension.__hash__

    def guarded_hash(self: Any) -> int:
        if RECORD.get() is not None:
            refuse_lookup(self)
        return plain_hash(self)

    dimension.__eq__ = guarded_eq
    dimension.__bool__ = guarded_bool
    dimension.__hash__ = guarded_hash


def refuse_lookup(dim: Any) -> None:
    """A dictionary or set asked for by a size answers by hash, without a comparison that could be noted. Libraries
    key their caches by shapes, which keeps the meaning; the user's own code is refused."""
    line, internal = asked_from()
    if not internal and "site-packages" not in line:
        raise Undecidable(
            f"the function looks the size {dim} up in a dictionary or set ({line}); which entry it takes cannot be "
            "followed. Compare sizes with ==, or put a number for the size"
        )


def undecided(left: Any, right: Any) -> bool:
    """Whether JAX's answer False to `left == right` means only that it does not know."""
    if isinstance(right, shape_poly._DimExpr):
        if right.scope is not left.scope:
            return False
    elif not isinstance(right, int | np.integer):
        return False
    return shape_poly.is_symbolic_dim(left - right)


install_guard()


@contextlib.contextmanager
def recording() -> Iterator[list[tuple[Any, Any, str, bool]]]:
    """Collect the undecided comparisons of everything traced inside."""
    found: list[tuple[Any, Any, str, bool]] = []
    token = RECORD.set(found)
    try:
        yield found
    finally:
        RECORD.reset(token)


@dataclass(frozen=True)
class Scope:
    """JAX's symbols for the sizes of one trace, and what each stands for in the user's names.

    A negative integer variable p has a symbol for -p: JAX's symbols are at least 1.
    """

    dims: Mapping[str, Any]
    meaning: Mapping[str, Polynomial]

    def dim(self, size: Polynomial) -> Any:
        """A size expression as JAX writes it."""
        total: Any = 0
        for powers, coefficient in size.terms.items():
            term: Any = int(coefficient)
            for variable, exponent in powers:
                term = term * self.factor(variable) ** exponent
            total = total + term
        return total

    def factor(self, variable: Variable) -> Any:
        if not isinstance(variable, Atom):
            return self.dims[str(variable)]
        left, right = self.dim(variable.left), self.dim(variable.right)
        if variable.operation in ("max", "min"):
            return (jax_core.max_dim if variable.operation == "max" else jax_core.min_dim)(left, right)
        return left // right if variable.operation == "floordiv" else left % right

    def size(self, dim: Any) -> Polynomial:
        """What a JAX size says, in the user's names."""
        if not isinstance(dim, shape_poly._DimExpr):
            return Polynomial.constant(int(dim))
        total = Polynomial()
        for term, coefficient in dim._sorted_terms:
            product = Polynomial.constant(int(coefficient))
            for factor, exponent in term._factors:
                product = product * self.read_factor(factor) ** exponent
            total = total + product
        return total

    def reads(self, dim: Any) -> bool:
        """Whether a JAX size is about this scope's symbols."""
        return not isinstance(dim, shape_poly._DimExpr) or dim._get_vars() <= set(self.meaning)

    def read_factor(self, factor: Any) -> Polynomial:
        if factor.var is not None:
            return self.meaning[factor.var]
        left, right = (self.size(o) for o in factor.operands)
        if factor.operation in ("floordiv", "mod") and right.is_constant and right.value < 0:
            # a // -d = -a // d and a % -d = -(-a % d)
            sign = 1 if factor.operation == "floordiv" else -1
            return Polynomial.variable(Atom(factor.operation, -left, -right)) * sign
        if factor.operation not in ("floordiv", "mod", "max", "min"):
            raise Unsupported(f"the size {factor} has an operation that jaxiom does not read")
        return Polynomial.variable(Atom(factor.operation, left, right))


def open_scope(
    names: Sequence[str], constraints: Sequence[str], fixed: Mapping[str, int], negative: frozenset[str]
) -> Scope:
    """Symbols for `names`; those in `fixed` are numbers, those in `negative` stand for minus a symbol.

    `constraints` are in JAX's own syntax, and already about the symbols.
    """
    free = [n for n in names if n not in fixed]
    symbols: tuple[Any, ...] = ()
    if free:
        try:
            symbols = tuple(export.symbolic_shape(", ".join(free), constraints=constraints))
        except ValueError as error:
            raise BadShape(f"given: JAX does not take these constraints: {first_line(error)}") from error
    meaning = {n: -Polynomial.variable(n) if n in negative else Polynomial.variable(n) for n in free}
    dims: dict[str, Any] = dict(fixed)
    for name, symbol in zip(free, symbols, strict=True):
        dims[name] = -symbol if name in negative else symbol
    return Scope({n: dims[n] for n in names}, meaning)


def first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@dataclass(frozen=True)
class Traced:
    """A function's program.

    Attributes:
        closed: the jaxpr.
        leaves: a name for each output ("" for a single one), in order.
        comparisons: what JAX could not decide while tracing it.
    """

    closed: Closed
    leaves: tuple[str, ...]
    comparisons: tuple[Comparison, ...]

    def is_same_program(self, other: "Traced") -> bool:
        """Whether two jaxprs print alike and hold the same constants."""
        return (
            str(self.closed) == str(other.closed)
            and len(self.closed.consts) == len(other.closed.consts)
            and all(np.array_equal(a, b) for a, b in zip(self.closed.consts, other.closed.consts, strict=True))
        )


def output_names(shape_tree: Any) -> tuple[str, ...]:
    flat, _ = jax.tree_util.tree_flatten_with_path(shape_tree)
    return tuple(jax.tree_util.keystr(path) for path, _ in flat)


def make_jaxpr(function: Callable[..., Any], arguments: Sequence[Any], scope: Scope, side: str) -> Traced:
    """Trace a function of pytrees of `jax.ShapeDtypeStruct` and sizes (ints or JAX dims, passed as they are).

    Raises:
        BadInput: the function does not fit the shapes, or compares sizes in a way that JAX cannot decide.
    """
    leaves, tree = jax.tree.flatten(list(arguments))
    traced = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.ShapeDtypeStruct)]

    def of_arrays(*arrays: Any) -> Any:
        filled = list(leaves)
        for at, array in zip(traced, arrays, strict=True):
            filled[at] = array
        return function(*jax.tree.unflatten(tree, filled))

    with recording() as found:
        try:
            closed, shapes = jax.make_jaxpr(of_arrays, return_shape=True)(*[leaves[i] for i in traced])
        except core.InconclusiveDimensionOperation as error:
            raise BadInput(
                f"{side}: JAX cannot decide a question about the sizes: {first_line(error)} Say in given= what holds "
                f'(for example given="h >= 2"), or put a number for the size. {where_raised(error)}'
            ) from error
        except (TypeError, ValueError, IndexError, NotImplementedError, AttributeError, ZeroDivisionError) as error:
            came = ", ".join(str(jax.tree.map(show, a)) for a in arguments)
            raise BadInput(
                f"{side}: the function does not run on the shapes {came}: {type(error).__name__}: {first_line(error)} "
                f"{where_raised(error)}"
            ) from error
    return Traced(without_dead_code(closed), output_names(shapes), read_comparisons(found, scope))


def without_dead_code(closed: Closed) -> Closed:
    """Drop what the results do not need: each side of a theorem is traced from a function that computes both."""
    jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return Closed(jaxpr, closed.consts) if jaxpr.constvars == closed.jaxpr.constvars else prune(jaxpr, closed)


def prune(jaxpr: Any, closed: Closed) -> Closed:
    values = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    return Closed(jaxpr, [values[v] for v in jaxpr.constvars])


def show(leaf: Any) -> str:
    return f"[{', '.join(map(str, leaf.shape))}]" if hasattr(leaf, "shape") else str(leaf)


def where_raised(error: BaseException) -> str:
    """The last line of the traceback that is neither JAX's nor jaxiom's."""
    own = str(Path(__file__).parent)
    place = ""
    frame = error.__traceback__
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if not name.startswith((JAX_HOME, own)) and "<" not in name:
            place = f"({name}:{frame.tb_lineno})"
        frame = frame.tb_next
    return place


def read_comparisons(found: Sequence[tuple[Any, Any, str, bool]], scope: Scope) -> tuple[Comparison, ...]:
    unique: dict[Any, Comparison] = {}
    for left, right, line, internal in found:
        if internal and not (scope.reads(left) and scope.reads(right)):
            continue  # JAX's caches compare with the sizes of earlier traces
        difference = scope.size(left) - scope.size(right)
        key = (difference, internal)
        unique.setdefault(key, Comparison(difference, f"{left} == {right}", line, internal))
    return tuple(unique.values())


def work(closed: Closed) -> int:
    """Roughly how many multiply-adds a program of given sizes takes."""
    total = 0
    for equation in closed.jaxpr.eqns:
        if equation.primitive in CALLS:
            total += work(inner_jaxpr(equation))
            continue
        shapes = [shape_of(v) for v in (*equation.outvars, *equation.invars)]
        total += max(sum(map(prod, shapes)), contraction(equation) * prod(shapes[0]))
    return total


def contraction(equation: Equation) -> int:
    """How many products one entry of a contraction sums."""
    if equation.primitive is prims.dot_general_p:
        (axes, _), _ = equation.params["dimension_numbers"]
        return prod(shape_of(equation.invars[0])[i] for i in axes)
    if equation.primitive is prims.conv_general_dilated_p:
        spec = equation.params["dimension_numbers"].rhs_spec
        return prod(shape_of(equation.invars[1])[i] for i in spec[1:])
    return 1


def shape_of(atom: Any) -> tuple[int, ...]:
    return tuple(getattr(atom.aval, "shape", ()))


@lru_cache(maxsize=1)
def all_primitives() -> dict[str, Primitive]:
    """Every primitive that this JAX exports, by name."""
    found = {p.name: p for p in vars(prims).values() if isinstance(p, Primitive)}
    return {**found, dim_as_value_p.name: dim_as_value_p, jit_p.name: jit_p}
