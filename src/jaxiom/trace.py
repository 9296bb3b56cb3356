"""From a user's function to a jaxpr, with symbolic or given sizes. With `jaxprs`, `control` and `guard`, all that
knows JAX's internals.

A symbolic trace is right where every comparison of sizes that JAX took as False is false; `guard` notes them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import numpy as np
from jax import core as jax_core
from jax import export
from jax._src.export import shape_poly
from jax._src.interpreters import partial_eval
from jax.extend import core
from jax.extend.core import primitives as prims

from jaxiom.catching import noting_caught
from jaxiom.control import written_out
from jaxiom.errors import KEPT, BadInput, BadShape, JaxiomError, Undecidable, Unsupported
from jaxiom.guard import JAX_HOME, OWN_HOME, Question, watching
from jaxiom.jaxprs import CALLS, Closed, Equation, Literal, inner_jaxpr
from jaxiom.polyhedra.polynomial import Atom, Polynomial, Variable


@dataclass(frozen=True)
class Comparison:
    """A comparison `difference == 0` of sizes that JAX could not decide while tracing, and took as False.

    `line` is where; `internal` says that JAX itself asked, not the user's code.
    """

    difference: Polynomial
    text: str
    line: str
    internal: bool


@dataclass(frozen=True)
class Scope:
    """JAX's symbols for the sizes of one trace, and what each stands for in the user's names.

    A negative integer variable p has a symbol for -p: JAX's symbols are at least 1.
    """

    dims: Mapping[str, Any]
    meaning: Mapping[str, Polynomial]
    # By identity: JAX compares its sizes by arithmetic. The size is kept, so that its identity stays its own.
    read: dict[int, tuple[Any, Polynomial]] = field(default_factory=dict, compare=False, repr=False)

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
        if not self.reads(dim):
            raise Undecidable(KEPT)
        if id(dim) not in self.read:
            self.read[id(dim)] = (dim, self.read_dim(dim))
        return self.read[id(dim)][1]

    def read_dim(self, dim: Any) -> Polynomial:
        total = Polynomial()
        for term, coefficient in dim._sorted_terms:
            product = Polynomial.constant(int(coefficient))
            for factor, exponent in term._factors:
                product = product * self.read_factor(factor) ** exponent
            total = total + product
        return total

    def reads(self, *dims: Any) -> bool:
        """Whether JAX sizes are of this scope: another one's symbols may have the same names."""
        own = next((d.scope for d in self.dims.values() if isinstance(d, shape_poly._DimExpr)), None)
        return all(d.scope is own for d in dims if isinstance(d, shape_poly._DimExpr))

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
        except (ValueError, NotImplementedError) as error:
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
        quotients: the places where Python divides by a size, which the trace does exactly and a float does not.
    """

    closed: Closed
    leaves: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    quotients: tuple[str, ...] = ()

    def is_same_program(self, other: "Traced") -> bool:
        """Whether two jaxprs print alike and hold the same constants."""
        return (
            str(self.closed) == str(other.closed)
            and len(constants(self.closed)) == len(constants(other.closed))
            and all(np.array_equal(a, b) for a, b in zip(constants(self.closed), constants(other.closed), strict=True))
        )


def output_names(shape_tree: Any) -> tuple[str, ...]:
    flat, _ = jax.tree_util.tree_flatten_with_path(shape_tree)
    return tuple(jax.tree_util.keystr(path) for path, _ in flat)


def make_jaxpr(
    function: Callable[..., Any], arguments: Sequence[Any], scope: Scope, side: str, case: str = ""
) -> Traced:
    """Trace a function of pytrees of `jax.ShapeDtypeStruct` and sizes (ints or JAX dims, passed as they are).
    `side` and `case` say in errors what was traced.

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

    with watching() as found:
        try:
            with noting_caught(found) if scope.dims else nullcontext():
                closed, shapes = jax.make_jaxpr(of_arrays, return_shape=True)(*[leaves[i] for i in traced])
        except JaxiomError:
            raise
        except core.InconclusiveDimensionOperation as error:
            raise BadInput(
                f"{side}: JAX cannot decide a question about the sizes: {first_line(error)} Say in given= what holds "
                f'(for example given="h >= 2"), or put a number for the size. {where_raised(error)}{case}'
            ) from error
        except Exception as error:  # the function may raise what it likes
            came = ", ".join(str(jax.tree.map(show, a)) for a in arguments)
            said = f": {first_line(error)}" if str(error).strip() else ""
            raise BadInput(
                f"{side}: the function does not run on the shapes {came}: {type(error).__name__}{said} "
                f"{where_raised(error)}{case}{open_question(found)}"
            ) from error
    program = without_dead_code(written_out(closed))
    return Traced(program, output_names(shapes), read_comparisons(found, scope), quotients(found, scope))


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
    place = ""
    frame = error.__traceback__
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if not name.startswith((JAX_HOME, OWN_HOME)) and "<" not in name:
            place = f"({name}:{frame.tb_lineno})"
        frame = frame.tb_next
    return place


def open_question(found: Sequence[Question]) -> str:
    """The last question of the user's that was open when the function gave up."""
    asked = [q for q in found if q.kind == "equal" and not q.in_jax]
    if not asked:
        return ""
    question = f"{asked[-1].left} == {asked[-1].right}"
    return f"; it asks whether {question} ({asked[-1].line}), which is open: say in given= what holds"


WHY = {
    "unanswered": "asks of the size {0} what JAX cannot decide, and goes on all the same; say in given= what holds",
    "lookup": "looks the size {0} up in a dictionary or set: which entry it takes cannot be followed; compare with ==",
    "text": "writes the size {0} as text: what becomes of it cannot be followed",
    "caught": "catches an error ({0}): the sizes that raise it cannot be told; ask about the sizes themselves",
}


def read_comparisons(found: Sequence[Question], scope: Scope) -> tuple[Comparison, ...]:
    """The comparisons that were undecided, each once.

    Raises:
        Undecidable: the user's code asked something that cannot be followed.
    """
    unique: dict[Any, Comparison] = {}
    for question in found:
        if not scope.reads(question.left, question.right):
            if question.of_user and question.kind in ("equal", "unanswered"):
                raise Undecidable(f"{KEPT} ({question.line})")
            continue  # caches compare with the sizes of earlier traces, and forget them when they like
        if question.kind == "quotient" or (question.internal and question.kind != "equal"):
            continue
        if question.kind != "equal":
            about = first_line(question.right) if question.kind == "caught" else scope.size(question.left)
            why = WHY[question.kind].format(about)
            raise Undecidable(f"the function {why}, or put a number for the size ({question.line})")
        left, right = question.left, question.right
        difference = scope.size(left) - scope.size(right)
        comparison = Comparison(difference, f"{left} == {right}", question.line, question.internal)
        unique.setdefault((difference, question.internal), comparison)
    return tuple(unique.values())


def quotients(found: Sequence[Question], scope: Scope) -> tuple[str, ...]:
    """Where the user's Python divides by a size; JAX's own code knows what it does."""
    own = (q for q in found if q.kind == "quotient" and not q.in_jax and scope.reads(q.left, q.right))
    return tuple(dict.fromkeys(q.line for q in own))


def constants(closed: Closed) -> list[Any]:
    """The constants of a program and of those that it calls, which do not show in its text."""
    found = list(closed.consts)
    for equation in closed.jaxpr.eqns:
        found += [a.val for a in equation.invars if isinstance(a, Literal)]
        if equation.primitive in CALLS:
            found += constants(inner_jaxpr(equation))
    return found


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


def entries(closed: Closed) -> int:
    """How many array entries a program of given sizes computes."""
    inner = sum(entries(inner_jaxpr(e)) for e in closed.jaxpr.eqns if e.primitive in CALLS)
    return inner + sum(prod(shape_of(v)) for e in closed.jaxpr.eqns if e.primitive not in CALLS for v in e.outvars)


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
